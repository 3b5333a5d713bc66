// History, trees and lists; see tokeninfo.h.
#include "service/tokeninfo.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "base/encoding.h"
#include "store/history.h"
#include "store/listing.h"
#include "store/tags.h"

namespace mytoken::service {
namespace {

constexpr std::int64_t most_in_one_answer = 100'000;
constexpr std::size_t most_statements = 1000;
constexpr std::size_t deepest_tree = 1000;  // what is further down is not shown
constexpr std::string_view children_of_token = "children@";

Error bad_cursor() {
  return invalid_request("cursor is not one that an answer gave");
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (text.empty() || read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return value;
}

// A cursor of a list: creation time, number and id of the last entry of the page before.
std::string cursor_of(const store::TokenEntry& last) {
  return base64url(std::to_string(to_unix(last.created)) + '.' + std::to_string(last.number) + '.' +
                   last.id);
}

Result<std::optional<store::Place>> place_of(const std::string& cursor) {
  if (cursor.empty()) return std::optional<store::Place>();
  const auto text = decode_base64url(cursor);
  const std::size_t first = text ? text->find('.') : std::string::npos;
  const std::size_t second =
      first != std::string::npos ? text->find('.', first + 1) : std::string::npos;
  if (second == std::string::npos) return fail(bad_cursor());
  const auto created = number(std::string_view(*text).substr(0, first));
  const auto order = number(std::string_view(*text).substr(first + 1, second - first - 1));
  if (!created || !order) return fail(bad_cursor());
  return std::optional(store::Place{from_unix(*created), *order, text->substr(second + 1)});
}

// What a selector names, and whether what is below it is meant instead.
struct Selected {
  std::string id;
  bool descendants = false;
};
Result<Selected> select(sql::Connection& db, const Authenticated& token,
                        const std::string& selector, std::string_view own, std::string_view any) {
  const bool below = selector == "children" || selector.starts_with(children_of_token);
  if (selector == "this" || selector == "children") {
    const auto& held = token.claims().capabilities;
    if (!token::has(held, own) && !token::has(held, any)) return fail(insufficient_capabilities());
    return Selected{token.state.id, below};
  }
  const std::string_view mom_id =
      below ? std::string_view(selector).substr(children_of_token.size()) : selector;
  auto target = reach(db, token, mom_id, own, any);
  if (!target) return tl::unexpected(target.error());
  return Selected{std::move(target->id), below};
}

Result<store::EventSelection> select_events(sql::Connection& db, const Authenticated& token,
                                            const std::vector<std::string>& selectors) {
  store::EventSelection selection;
  if (selectors.empty()) {
    if (auto r = require_capability(token, "tokeninfo:history"); !r)
      return tl::unexpected(r.error());
    selection.tokens.push_back(token.state.id);
    return selection;
  }
  for (const std::string& selector : selectors) {
    auto found = select(db, token, selector, "tokeninfo:history", "manage_mytokens:history");
    if (!found) return tl::unexpected(found.error());
    auto& list = found->descendants ? selection.above : selection.tokens;
    if (std::find(list.begin(), list.end(), found->id) == list.end())
      list.push_back(std::move(found->id));
  }
  return selection;
}

json::object to_json(const store::Event& event) {
  json::object object;
  object["event"] = event.name;
  object["time"] = to_unix(event.time);
  if (!event.comment.empty()) object["comment"] = event.comment;
  if (!event.ip.empty()) object["ip"] = event.ip;
  if (!event.user_agent.empty()) object["user_agent"] = event.user_agent;
  object["mom_id"] = token::mom_id(event.mytoken_id);
  return object;
}

json::object to_json(const store::TokenEntry& entry, const store::TokenTags& tags) {
  json::object object;
  object["mom_id"] = token::mom_id(entry.id);
  object["name"] = entry.name;
  object["created"] = to_unix(entry.created);
  if (entry.expires_at) object["expires_at"] = to_unix(*entry.expires_at);
  if (!entry.created_ip.empty()) object["ip"] = entry.created_ip;
  const auto found = tags.find(entry.id);
  if (found == tags.end()) return object;
  json::array list;
  for (const store::TokenTag& tag : found->second) {
    json::object one;
    one["tag"] = tag.name;
    one["color"] = '#' + tag.color;
    one["include_children"] = tag.include_children;
    list.emplace_back(std::move(one));
  }
  object["tags"] = std::move(list);
  return object;
}

// Hangs descendants, oldest first, below their parents. What has no parent in the answer is left
// out.
class Forest {
 public:
  void add(std::vector<store::TokenEntry> entries) {
    for (auto& entry : entries) {
      children_[entry.parent_id.value_or("")].push_back(entries_.size());
      entries_.push_back(std::move(entry));
    }
  }
  // Without recursion, because chains are as long as users make them; nothing is hung up twice,
  // whatever the rows say.
  json::object tree(const store::TokenEntry& top, const store::TokenTags& tags) {
    struct Open {
      json::object node;
      const std::vector<std::size_t>* children;
      std::size_t next = 0;
      json::array done{};
    };
    std::vector<Open> open;
    const auto begin = [&](const store::TokenEntry& entry) {
      json::object node;
      node["token"] = to_json(entry, tags);
      const auto found = children_.find(entry.id);
      open.push_back({std::move(node), found == children_.end() ? nullptr : &found->second});
    };
    begin(top);
    for (;;) {
      Open& last = open.back();
      if (last.children && last.next < last.children->size()) {
        store::TokenEntry& child = entries_[(*last.children)[last.next++]];
        if (!child.id.empty() && open.size() < deepest_tree) begin(std::exchange(child, {}));
        continue;
      }
      if (!last.done.empty()) last.node["children"] = std::move(last.done);
      json::object finished = std::move(last.node);
      open.pop_back();
      if (open.empty()) return finished;
      open.back().done.emplace_back(std::move(finished));
    }
  }

  void collect_ids(std::vector<std::string>& to) const {
    for (const auto& entry : entries_)
      to.push_back(entry.id);
  }

 private:
  std::vector<store::TokenEntry> entries_;
  std::unordered_map<std::string, std::vector<std::size_t>> children_;
};

// The top-level entries of a page with all that is below them; `cursor` is set if there are more.
struct Listed {
  std::vector<store::TokenEntry> tops;
  Forest forest;
  std::string cursor;
  store::TokenTags tags;
};

// Cuts what was read beyond the page off.
void end_page(Listed& listed, std::int64_t size) {
  if (listed.tops.size() <= static_cast<std::size_t>(size)) return;
  listed.tops.resize(static_cast<std::size_t>(size));
  listed.cursor = cursor_of(listed.tops.back());
}

// Everything below each of the page's entries, until the answer is full: then the page ends before
// the entry that does not fit.
Result<void> read_below(sql::Connection& db, Listed& listed) {
  end_page(listed, most_statements);
  std::int64_t left = most_in_one_answer;
  for (std::size_t i = 0; i < listed.tops.size(); ++i) {
    auto below = store::descendants_of(db, {listed.tops[i].id}, left + 1);
    if (!below) return tl::unexpected(below.error());
    const auto count = static_cast<std::int64_t>(below->size());
    if (count > left && i > 0) {
      listed.tops.resize(i);
      listed.cursor = cursor_of(listed.tops.back());
      return {};
    }
    left = std::max<std::int64_t>(left - count, 0);
    listed.forest.add(std::move(*below));
  }
  return {};
}

// `tops(place, most)` reads the top-level entries, `below(most)` everything below all of them.
template <class Tops, class Below>
Result<Listed> read_tokens(sql::Connection& db, const Page& page, const Tops& tops,
                           const Below& below) {
  auto place = place_of(page.cursor);
  if (!place) return tl::unexpected(place.error());
  const std::int64_t size = page.limit.value_or(most_in_one_answer);
  Listed listed;
  auto found = tops(*place, size + 1);
  if (!found) return tl::unexpected(found.error());
  listed.tops = std::move(*found);
  end_page(listed, size);
  if (!page.limit && !*place && listed.cursor.empty()) {
    // Everything: one statement for all that is below, unless it is too much.
    auto all = below(most_in_one_answer + 1);
    if (!all) return tl::unexpected(all.error());
    if (all->size() <= static_cast<std::size_t>(most_in_one_answer)) {
      listed.forest.add(std::move(*all));
      return listed;
    }
  }
  if (auto r = read_below(db, listed); !r) return tl::unexpected(r.error());
  return listed;
}

// The same with the tags of what is listed, and of `self` if it stands above.
template <class Tops, class Below>
Result<Listed> read_page(sql::Connection& db, const Authenticated& self, const Page& page,
                         const Tops& tops, const Below& below) {
  auto listed = read_tokens(db, page, tops, below);
  if (!listed) return listed;
  Result<store::TokenTags> tags;
  if (page.limit) {
    std::vector<std::string> ids{self.state.id};
    for (const auto& top : listed->tops)
      ids.push_back(top.id);
    listed->forest.collect_ids(ids);
    tags = store::tags_of(db, ids);
  } else {
    tags = store::tags_of(db, self.state.user_id);
  }
  if (!tags) return tl::unexpected(tags.error());
  listed->tags = std::move(*tags);
  return listed;
}

json::array trees(Listed& listed) {
  json::array array;
  for (const auto& top : listed.tops)
    array.emplace_back(listed.forest.tree(top, listed.tags));
  return array;
}

}  // namespace

Task<Result<OperationAnswer>> event_history(Context& context, OperationRequest request,
                                            std::vector<std::string> selectors, Page page) {
  std::optional<std::int64_t> before;
  if (!page.cursor.empty()) {
    before = number(page.cursor);
    if (!before) co_return fail(bad_cursor());
  }
  const std::int64_t size = page.limit.value_or(most_in_one_answer);
  Operation operation;
  operation.looks_at_history = true;  // an introspection's line may come later than its answer
  operation.authorise = [&](sql::Connection& db, const Authenticated& token) -> Result<void> {
    auto selection = select_events(db, token, selectors);
    if (!selection) return tl::unexpected(selection.error());
    return {};
  };
  operation.look = [&](sql::Connection& db, const Authenticated& token) -> Result<Outcome> {
    auto selection = select_events(db, token, selectors);
    if (!selection) return tl::unexpected(selection.error());
    selection->before = before;
    auto events = store::events_of(db, *selection, size + 1);
    if (!events) return tl::unexpected(events.error());
    Outcome outcome;
    if (events->size() > static_cast<std::size_t>(size)) {
      events->resize(static_cast<std::size_t>(size));
      outcome.body["next_cursor"] = std::to_string(events->back().id);
    }
    json::array list;
    list.reserve(events->size());
    for (const store::Event& event : *events)
      list.emplace_back(to_json(event));
    outcome.body["events"] = std::move(list);
    outcome.events.push_back(
        {selectors.empty() ? "tokeninfo_history" : "tokeninfo_history_other_token", ""});
    return outcome;
  };
  co_return co_await operate(context, std::move(request), std::move(operation));
}

Task<Result<OperationAnswer>> subtokens(Context& context, OperationRequest request, Page page) {
  Operation operation;
  operation.authorise = needs("tokeninfo:subtokens");
  operation.look = [&](sql::Connection& db, const Authenticated& token) -> Result<Outcome> {
    auto top = store::token_entry(db, token.state.id);
    if (!top) return tl::unexpected(top.error());
    if (!*top) return fail(not_current());
    const std::string& id = token.state.id;
    auto listed = read_page(
        db, token, page,
        [&](const auto& place, std::int64_t most) {
          return store::children_of(db, id, place, most);
        },
        [&](std::int64_t most) { return store::descendants_of(db, {id}, most); });
    if (!listed) return tl::unexpected(listed.error());
    json::object tree;
    tree["token"] = to_json(**top, listed->tags);
    if (!listed->tops.empty()) tree["children"] = trees(*listed);
    Outcome outcome;
    outcome.body["mytokens"] = std::move(tree);
    if (!listed->cursor.empty()) outcome.body["next_cursor"] = listed->cursor;
    outcome.events.push_back({"tokeninfo_subtokens", ""});
    return outcome;
  };
  co_return co_await operate(context, std::move(request), std::move(operation));
}

Task<Result<OperationAnswer>> list_mytokens(Context& context, OperationRequest request, Page page) {
  Operation operation;
  operation.authorise = needs("manage_mytokens:list");
  operation.look = [&](sql::Connection& db, const Authenticated& token) -> Result<Outcome> {
    const store::UserId user = token.state.user_id;
    auto listed = read_page(
        db, token, page,
        [&](const auto& place, std::int64_t most) {
          return store::roots_of(db, user, place, most);
        },
        [&](std::int64_t most) { return store::descendants_of_user(db, user, most); });
    if (!listed) return tl::unexpected(listed.error());
    Outcome outcome;
    outcome.body["mytokens"] = trees(*listed);
    if (!listed->cursor.empty()) outcome.body["next_cursor"] = listed->cursor;
    outcome.events.push_back({"tokeninfo_list_mytokens", ""});
    return outcome;
  };
  co_return co_await operate(context, std::move(request), std::move(operation));
}

Task<Result<OperationAnswer>> token_notifications(Context& context, OperationRequest request,
                                                  std::vector<std::string> selectors) {
  constexpr std::string_view own = "tokeninfo:notify";
  constexpr std::string_view any = "read@manage_mytokens:notify";
  // Whose notifications are asked for.
  const auto selected = [&](sql::Connection& db,
                            const Authenticated& token) -> Result<store::EventSelection> {
    store::EventSelection selection;
    for (const std::string& selector : selectors) {
      auto found = select(db, token, selector, own, any);
      if (!found) return tl::unexpected(found.error());
      (found->descendants ? selection.above : selection.tokens).push_back(std::move(found->id));
    }
    return selection;
  };
  Operation operation;
  operation.authorise = [&](sql::Connection& db, const Authenticated& token) -> Result<void> {
    if (selectors.empty()) return require_capability(token, own);
    auto found = selected(db, token);
    if (!found) return tl::unexpected(found.error());
    return {};
  };
  operation.look = [&](sql::Connection& db, const Authenticated& token) -> Result<Outcome> {
    Outcome outcome;
    const bool several = selectors.size() > 1 ||
                         (selectors.size() == 1 && selectors.front().starts_with("children"));
    if (several) {
      auto found = selected(db, token);
      if (!found) return tl::unexpected(found.error());
      auto below = store::descendants_of(db, found->above, most_in_one_answer + 1);
      if (!below) return tl::unexpected(below.error());
      if (below->size() > static_cast<std::size_t>(most_in_one_answer))
        return fail(invalid_request("mom_ids name too many mytokens for one answer"));
      // Nothing can be subscribed to for any of them yet.
      json::object mapping;
      for (const std::string& id : found->tokens)
        mapping[token::mom_id(id)] = json::object();
      for (const auto& entry : *below)
        mapping[token::mom_id(entry.id)] = json::object();
      outcome.body["mom_id_mapping"] = std::move(mapping);
    }
    outcome.events.push_back(
        {selectors.empty() ? "tokeninfo_notifications" : "tokeninfo_notifications_other_token",
         ""});
    return outcome;
  };
  co_return co_await operate(context, std::move(request), std::move(operation));
}

}  // namespace mytoken::service
