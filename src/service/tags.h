// What users do with tags: their list, and which tokens carry them (spec settings.md §5). All of it
// counts other and rotates (service/operation.h).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "service/operation.h"
#include "store/tags.h"
#include "token/tag.h"

namespace mytoken::service {

// Answer: {"tags": [{"tag", "color"}]}, by name. Needs read@settings:tags, or what allows to tag
// notifications and calendars (tokeninfo:notify, manage_mytokens:notify): clients read the tags
// before they make one of those (clients.md rule 2).
Task<Result<OperationAnswer>> list_tags(Context& context, OperationRequest request);

// Names and colors below are checked (token/tag.h). All need settings:tags.
// A tag that is there stays as it is. `color` empty: the default.
Task<Result<OperationAnswer>> create_tag(Context& context, OperationRequest request,
                                         std::string name, std::string color);
// Errors: not_found; invalid_request (409): the new name is taken.
Task<Result<OperationAnswer>> change_tag(Context& context, OperationRequest request,
                                         std::string name, store::TagChange change);
Task<Result<OperationAnswer>> delete_tag(Context& context, OperationRequest request,
                                         std::string name);

// The presented token (mom_id empty) or another one of the user gets or loses a tag. With
// include_children a tag is for all current and future descendants, too, and is taken away from all
// current ones. Needs tokeninfo:tags for itself and its descendants, else manage_mytokens:tags.
struct TagAssignment {
  std::string tag;
  std::string mom_id;
  bool include_children = false;
};
Task<Result<OperationAnswer>> tag_token(Context& context, OperationRequest request,
                                        TagAssignment assignment);
Task<Result<OperationAnswer>> untag_token(Context& context, OperationRequest request,
                                          TagAssignment assignment);

// The tags of a new token, in the transaction that stores it: what its parent hands down, then what
// was wished. Tags that the user does not have are made. Error invalid_request: too many.
Result<void> set_first_tags(sql::Transaction& db, store::UserId user, const std::string& mytoken_id,
                            const std::optional<std::string>& parent,
                            std::vector<token::TagWish> wished);

}  // namespace mytoken::service
