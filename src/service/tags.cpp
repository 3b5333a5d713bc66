// Tags of users and tokens; see tags.h.
#include "service/tags.h"

#include <algorithm>

namespace mytoken::service {
namespace {

// Whoever may tag notifications and calendars must know which tags there are.
Result<void> may_list_tags(sql::Connection&, const Authenticated& token) {
  for (const std::string_view sufficient :
       {"read@settings:tags", "tokeninfo:notify", "manage_mytokens:notify"}) {
    if (token::has(token.claims().capabilities, sufficient)) return {};
  }
  return fail(insufficient_capabilities());
}

constexpr std::string_view own = "tokeninfo:tags";
constexpr std::string_view any = "manage_mytokens:tags";

Result<Target> target_of(sql::Connection& db, const Authenticated& token,
                         const std::string& mom_id) {
  if (!mom_id.empty()) return reach(db, token, mom_id, own, any);
  const auto& held = token.claims().capabilities;
  if (!token::has(held, own) && !token::has(held, any)) return fail(insufficient_capabilities());
  return Target{token.state.id, true};
}

using Assign = std::function<Result<void>(sql::Transaction&, const Authenticated&, const Target&)>;

Task<Result<OperationAnswer>> assign(Context& context, OperationRequest request,
                                     TagAssignment assignment, std::string event, Assign change) {
  Operation operation;
  operation.authorise = [mom_id = assignment.mom_id](sql::Connection& db,
                                                     const Authenticated& token) -> Result<void> {
    auto target = target_of(db, token, mom_id);
    if (!target) return tl::unexpected(target.error());
    return {};
  };
  operation.work = [assignment = std::move(assignment), event = std::move(event),
                    change = std::move(change)](sql::Transaction& db,
                                                const Authenticated& token) -> Result<Outcome> {
    auto target = target_of(db, token, assignment.mom_id);
    if (!target) return tl::unexpected(target.error());
    if (auto r = change(db, token, *target); !r) return tl::unexpected(r.error());
    Outcome outcome;
    outcome.events.push_back({event + (target->is_self ? "token" : "other_token"), assignment.tag});
    return outcome;
  };
  return operate(context, std::move(request), std::move(operation));
}

using Change = std::function<Result<void>(sql::Transaction&, store::UserId)>;

// An operation on the user's list.
Task<Result<OperationAnswer>> edit(Context& context, OperationRequest request, LoggedEvent event,
                                   Change change) {
  Operation operation;
  operation.authorise = needs("settings:tags");
  operation.work = [event = std::move(event), change = std::move(change)](
                       sql::Transaction& db, const Authenticated& token) -> Result<Outcome> {
    if (auto r = change(db, token.state.user_id); !r) return tl::unexpected(r.error());
    Outcome outcome;
    outcome.events.push_back(event);
    return outcome;
  };
  return operate(context, std::move(request), std::move(operation));
}

Result<store::TagId> find_or_add(sql::Transaction& db, store::UserId user,
                                 const std::string& name) {
  return store::find_or_add_tag(db, user, name, token::default_color(name));
}

}  // namespace

Task<Result<OperationAnswer>> list_tags(Context& context, OperationRequest request) {
  Operation operation;
  operation.authorise = may_list_tags;
  operation.look = [](sql::Connection& db, const Authenticated& token) -> Result<Outcome> {
    auto tags = store::tags(db, token.state.user_id);
    if (!tags) return tl::unexpected(tags.error());
    json::array list;
    for (const store::Tag& tag : *tags) {
      json::object entry;
      entry["tag"] = tag.name;
      entry["color"] = token::shown_color(tag.color);
      list.push_back(std::move(entry));
    }
    Outcome outcome;
    outcome.body["tags"] = std::move(list);
    outcome.events.push_back({"tags_listed", ""});
    return outcome;
  };
  return operate(context, std::move(request), std::move(operation));
}

Task<Result<OperationAnswer>> create_tag(Context& context, OperationRequest request,
                                         std::string name, std::string color) {
  if (color.empty()) color = token::default_color(name);
  auto work = [name, color](sql::Transaction& db, store::UserId user) -> Result<void> {
    auto tag = store::find_or_add_tag(db, user, name, color);
    if (!tag) return tl::unexpected(tag.error());
    return {};
  };
  return edit(context, std::move(request), {"tag_created", name}, std::move(work));
}

Task<Result<OperationAnswer>> change_tag(Context& context, OperationRequest request,
                                         std::string name, store::TagChange change) {
  auto work = [name, change](sql::Transaction& db, store::UserId user) -> Result<void> {
    auto changed = store::change_tag(db, user, name, change);
    if (!changed && changed.error().code == "sql_conflict") {
      Error taken = invalid_request("there is a tag of this name already");
      taken.status = 409;
      return fail(std::move(taken));
    }
    if (!changed) return tl::unexpected(changed.error());
    if (!*changed) return fail(not_found("there is no tag of this name"));
    return {};
  };
  return edit(context, std::move(request), {"tag_updated", name}, std::move(work));
}

Task<Result<OperationAnswer>> delete_tag(Context& context, OperationRequest request,
                                         std::string name) {
  auto work = [name](sql::Transaction& db, store::UserId user) {
    return store::delete_tag(db, user, name);
  };
  return edit(context, std::move(request), {"tag_deleted", name}, std::move(work));
}

Task<Result<OperationAnswer>> tag_token(Context& context, OperationRequest request,
                                        TagAssignment assignment) {
  auto change = [name = assignment.tag, with_children = assignment.include_children](
                    sql::Transaction& db, const Authenticated& token,
                    const Target& target) -> Result<void> {
    auto tag = find_or_add(db, token.state.user_id, name);
    if (!tag) return tl::unexpected(tag.error());
    return with_children ? store::tag_tree(db, target.id, *tag)
                         : store::tag_token(db, target.id, *tag, false);
  };
  return assign(context, std::move(request), std::move(assignment), "tag_added_to_",
                std::move(change));
}

Task<Result<OperationAnswer>> untag_token(Context& context, OperationRequest request,
                                          TagAssignment assignment) {
  auto change = [name = assignment.tag, with_children = assignment.include_children](
                    sql::Transaction& db, const Authenticated& token, const Target& target) {
    return with_children ? store::untag_tree(db, token.state.user_id, target.id, name)
                         : store::untag_token(db, token.state.user_id, target.id, name);
  };
  return assign(context, std::move(request), std::move(assignment), "tag_removed_from_",
                std::move(change));
}

Result<void> set_first_tags(sql::Transaction& db, store::UserId user, const std::string& mytoken_id,
                            const std::optional<std::string>& parent,
                            std::vector<token::TagWish> wished) {
  if (parent) {
    if (auto r = store::inherit_tags(db, *parent, mytoken_id); !r) return r;
  }
  // One order for all requests: two that wish the same tags wait for each other only once.
  std::sort(wished.begin(), wished.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  for (const token::TagWish& wish : wished) {
    auto tag = find_or_add(db, user, wish.name);
    // A full list of tags is no reason to lose a login: the mytoken does without.
    if (!tag && tag.error().status == 400) continue;
    if (!tag) return tl::unexpected(tag.error());
    if (auto r = store::tag_token(db, mytoken_id, *tag, wish.include_children); !r) return r;
  }
  return {};
}

}  // namespace mytoken::service
