// The fields of the consent form: the texts in them made from a request, read from a submitted
// form, and turned back into a decision.
//
// A field whose text is the one made from the request keeps the request's value to the letter (an
// expiry has seconds that its text has not), and so does a field that the form did not send: nobody
// widens a token by leaving something out. Names of fields: "name", "capability", "lifetime",
// "on_AT", "on_other", "auto_revoke", "tag" and "tag_children" (numbers of the request's tags that
// are kept, and kept for children), "more_tags", "more_tags_children", and "clause.<number>.<key>";
// numbers below that of the request's clauses stand for those.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "http/body.h"
#include "service/login.h"

namespace mytoken::web {

struct ClauseFields {
  std::size_t number = 0;
  std::map<std::string, std::string, std::less<>> texts;  // by key, see text_fields()
  std::vector<std::string> scopes;                        // ticked
};

// One of the tags that were asked for.
struct TagFields {
  bool kept = true;
  bool include_children = false;
};

struct ConsentFields {
  std::string name;
  std::vector<TagFields> tags;  // as many as were asked for
  std::string more_tags;        // names, separated by commas
  bool more_tags_for_children = false;
  token::Capabilities capabilities;  // ticked
  std::vector<ClauseFields> clauses;
  bool on_at = false;
  bool on_other = false;
  bool auto_revoke = false;
  std::string lifetime;
};

// A text field of a clause as the page shows it.
struct TextField {
  std::string_view key;    // of the texts: a restriction claim, or "other_scopes"
  std::string_view claim;  // the restriction claim it is about
  std::string_view label;
  std::string_view hint;
};
std::span<const TextField> text_fields();

// "clause.2.exp"
std::string field_name(std::size_t clause, std::string_view key);

// A request without restrictions has the fields of one empty clause.
ConsentFields fields_of(const service::TokenWish& asked);
// Error invalid_request: no form of ours.
Result<ConsentFields> read_fields(const http::Parameters& parameters,
                                  const service::TokenWish& asked);
// One more empty clause; without the clause of that number.
void add_clause(ConsentFields& fields, const service::TokenWish& asked);
void remove_clause(ConsentFields& fields, std::string_view number);

// What the fields say, by the rules of requests, and what is wrong with them by field name
// ("clauses": all of them together).
struct Decision {
  service::ConsentEdits edits;
  std::map<std::string, std::string> errors;
};
Decision decide(const ConsentFields& fields, const service::TokenWish& asked, Time now);

}  // namespace mytoken::web
