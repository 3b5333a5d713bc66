// Listing and writing of templates; see profiles.h.
#include "service/profiles.h"

#include <algorithm>

#include "base/encoding.h"
#include "base/random.h"
#include "service/templates.h"
#include "service/token_wish.h"
#include "store/profiles.h"

namespace mytoken::service {
namespace {

constexpr std::size_t longest_group = 64;  // characters
constexpr std::size_t longest_name = 128;  // characters
constexpr std::size_t longest_payload = std::size_t{64} * 1024;
constexpr std::int64_t most_entries = 1000;                      // of one kind in one group
constexpr std::size_t largest_group = std::size_t{1024} * 1024;  // payloads of one kind together
// What one listing takes in, in bytes: everybody may ask for it.
constexpr std::size_t largest_listing = std::size_t{2048} * 1024;

Error name_taken() {
  Error error = invalid_request("name already exists");
  error.status = 409;
  return error;
}

bool is_empty(const json::value& value) {
  if (const json::array* list = value.if_array()) return list->empty();
  if (const json::string* text = value.if_string()) return text->empty();
  return value.is_null() || (value.is_int64() && value.as_int64() == 0);
}

// The request that a profile stands for, without what is empty.
Result<json::value> shown_request(json::object request, Time now) {
  if (const json::value* clauses = request.if_contains("restrictions")) {
    auto restrictions = token::parse_restrictions(clauses, now);
    if (!restrictions) return tl::unexpected(restrictions.error());
    request["restrictions"] = token::to_json(token::without_repetitions(std::move(*restrictions)));
  }
  auto wish = parse_wish(request, now);
  if (!wish) return tl::unexpected(wish.error());
  if (wish->rotation) request["rotation"] = token::to_json(*wish->rotation);
  json::object shown;
  for (const auto& member : request) {
    if (!is_empty(member.value())) shown[member.key()] = member.value();
  }
  return json::value(std::move(shown));
}

// What a payload comes to now (§3.1). Errors: of the resolver and of the values' own rules.
Result<json::value> shown_payload(token::TemplateResolver& resolver, TemplateKind kind,
                                  const json::value& payload, Time now) {
  if (kind == TemplateKind::profiles) {
    auto request = resolver.request(payload);
    if (!request) return tl::unexpected(request.error());
    return shown_request(std::move(*request), now);
  }
  if (kind == TemplateKind::capabilities) {
    auto names = resolver.capabilities(payload);
    if (!names) return tl::unexpected(names.error());
    return *names ? json::value_from(**names) : json::value(json::array());
  }
  if (kind == TemplateKind::restrictions) {
    auto clauses = resolver.restrictions(payload);
    if (!clauses) return tl::unexpected(clauses.error());
    const json::value list = *clauses ? json::value(std::move(**clauses)) : json::value();
    auto restrictions = token::parse_restrictions(&list, now);
    if (!restrictions) return tl::unexpected(restrictions.error());
    return json::value(token::to_json(token::without_repetitions(std::move(*restrictions))));
  }
  auto object = resolver.rotation(payload);
  if (!object) return tl::unexpected(object.error());
  if (!*object) return json::value();
  const json::value value(std::move(**object));
  auto rotation = token::parse_rotation(&value);
  if (!rotation) return tl::unexpected(rotation.error());
  return *rotation ? json::value(token::to_json(**rotation)) : json::value();
}

bool is_blank_or_slash(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte <= 0x20 || byte == 0x7f || c == '/';
}

Result<void> check_name(const Template& entry) {
  if (entry.group.empty() || characters(entry.group) > longest_group)
    return fail(invalid_request("a group has 1 to 64 characters"));
  // Such a group could not be named where names are separated by blanks.
  if (std::any_of(entry.group.begin(), entry.group.end(), is_blank_or_slash))
    return fail(invalid_request("a group must not hold blanks or /"));
  const std::string& name = entry.name;
  if (name.empty()) return fail(invalid_request("parameter 'name' must be given"));
  if (characters(name) > longest_name)
    return fail(invalid_request("name is longer than 128 characters"));
  const auto is_bad = [](char c) { return is_blank_or_slash(c) || c == '"'; };
  if (name.front() == '@' || std::any_of(name.begin(), name.end(), is_bad)) {
    return fail(invalid_request("name must not hold blanks, / or \" and must not begin with @"));
  }
  return {};
}

// The entry as it would be, with everything that includes it or that it includes; what it names and
// does not exist yet counts as nothing.
Result<void> check_entry(sql::Connection& db, const Template& entry, Time now) {
  if (auto r = check_name(entry); !r) return r;
  if (entry.payload.is_null()) return fail(invalid_request("parameter 'payload' must be given"));
  if (json::serialize(entry.payload).size() > longest_payload)
    return fail(invalid_request("payload is longer than 64 KiB"));
  auto stored = stored_templates(db);
  token::TemplateResolver resolver(
      [&](TemplateKind kind,
          const token::TemplateName& name) -> Result<std::optional<json::value>> {
        if (kind == entry.kind && name.group == entry.group && name.name == entry.name)
          return std::optional<json::value>(entry.payload);
        return stored(kind, name);
      },
      token::TemplateResolver::Unknown::ignored);
  // By its name, so that it is on the way when something includes it again.
  const std::string own = "@" + entry.group + "/" + entry.name;
  const json::array names{json::value(own)};
  const json::value by_name = entry.kind == TemplateKind::capabilities
                                  ? json::value(names)
                                  : json::value(json::object{{"include", names}});
  auto shown = shown_payload(resolver, entry.kind, by_name, now);
  if (!shown) return tl::unexpected(shown.error());
  return {};
}

std::string uuid_text(std::string_view bytes) {
  std::string text = hex(bytes);
  for (const std::size_t at : {8u, 13u, 18u, 23u})
    text.insert(at, 1, '-');
  return text;
}

// A version 4 UUID (RFC 9562 §5.4).
std::string new_id() {
  std::string id = random_bytes(16);
  id[6] = static_cast<char>((static_cast<unsigned char>(id[6]) & 0x0f) | 0x40);
  id[8] = static_cast<char>((static_cast<unsigned char>(id[8]) & 0x3f) | 0x80);
  return id;
}

store::ProfileRow row_of(const Template& entry, std::string id, Time now) {
  return {std::move(id), std::string(token::name(entry.kind)), entry.group,
          entry.name,    json::serialize(entry.payload),       now};
}

Error group_is_full(std::string_view what) {
  Error full = invalid_request("the group has " + std::string(what) + " of this kind already");
  full.status = 409;
  return full;
}

// Room for the entry beside all others of its kind and group; `id`: the one it replaces.
Result<void> check_room(sql::Connection& db, const Template& entry, std::string_view id = {}) {
  auto rows = store::profiles_of(db, token::name(entry.kind), entry.group);
  if (!rows) return tl::unexpected(rows.error());
  std::size_t sum = json::serialize(entry.payload).size();
  for (const store::ProfileRow& row : *rows)
    sum += row.id == id ? 0 : row.payload.size();
  return sum > largest_group ? fail(group_is_full("1 MiB")) : Result<void>();
}

Result<void> add(sql::Transaction& db, const Template& entry, Time now) {
  auto count = store::count_profiles(db, token::name(entry.kind), entry.group);
  if (!count) return tl::unexpected(count.error());
  if (*count >= most_entries) return fail(group_is_full("1000 entries"));
  if (auto r = check_room(db, entry); !r) return r;
  auto added = store::add_profile(db, row_of(entry, new_id(), now));
  if (!added) return tl::unexpected(added.error());
  return *added ? Result<void>() : fail(name_taken());
}

void log_change(const Context& context, std::string_view what, TemplateKind kind,
                const std::string& group, const std::string& name) {
  context.log.info(
      "a template was written",
      {{"change", what}, {"kind", token::name(kind)}, {"group", group}, {"name", name}});
}

}  // namespace

Task<Result<json::array>> template_groups(Context& context) {
  auto groups =
      co_await context.database.read([](sql::Connection& db) { return store::profile_groups(db); });
  if (!groups) co_return tl::unexpected(groups.error());
  json::array list;
  for (const std::string& group : *groups)
    list.emplace_back(group);
  co_return list;
}

Task<Result<json::array>> template_list(Context& context, TemplateKind kind, std::string group) {
  const Time now = context.clock.now();
  auto work = [&](sql::Connection& db) -> Result<json::array> {
    auto rows = store::profiles_of(db, token::name(kind), group);
    if (!rows) return tl::unexpected(rows.error());
    token::TemplateResolver resolver(stored_templates(db),
                                     token::TemplateResolver::Unknown::refused, largest_listing);
    json::array list;
    std::int64_t left_out = 0;
    for (const store::ProfileRow& row : *rows) {
      auto payload = parse_json(row.payload);
      auto shown =
          payload ? shown_payload(resolver, kind, *payload, now) : Result<json::value>(payload);
      if (!shown && shown.error().status >= 500) return tl::unexpected(shown.error());
      if (!shown && resolver.is_exhausted()) {
        ++left_out;
        continue;
      }
      if (!shown) {
        context.log.warning("a template cannot be resolved",
                            {{"kind", token::name(kind)},
                             {"group", group},
                             {"name", row.name},
                             {"problem", shown.error().description}});
        continue;
      }
      list.push_back(
          {{"id", uuid_text(row.id)}, {"name", row.name}, {"payload", std::move(*shown)}});
    }
    if (left_out > 0) {
      context.log.warning("templates are left out of a listing, which would be too large",
                          {{"kind", token::name(kind)}, {"group", group}, {"entries", left_out}});
    }
    return list;
  };
  co_return co_await context.database.read(work);
}

Task<Result<void>> add_template(Context& context, Template entry) {
  const Time now = context.clock.now();
  auto work = [&](sql::Transaction& db) -> Result<void> {
    if (auto r = check_entry(db, entry, now); !r) return r;
    return add(db, entry, now);
  };
  auto done = co_await context.database.write(work);
  if (done) log_change(context, "added", entry.kind, entry.group, entry.name);
  co_return done;
}

Task<Result<void>> change_template(Context& context, std::string id, Template entry) {
  const Time now = context.clock.now();
  auto work = [&](sql::Transaction& db) -> Result<void> {
    auto known = store::profile(db, id, token::name(entry.kind), entry.group);
    if (!known) return tl::unexpected(known.error());
    if (!*known) return fail(not_found("there is no entry with this id"));
    if (auto r = check_entry(db, entry, now); !r) return r;
    if (auto r = check_room(db, entry, id); !r) return r;
    auto changed = store::change_profile(db, row_of(entry, id, now));
    if (!changed) return tl::unexpected(changed.error());
    return *changed ? Result<void>() : fail(not_found("there is no entry with this id"));
  };
  auto done = co_await context.database.write(work);
  if (!done && done.error().code == "sql_conflict") co_return fail(name_taken());
  if (done) log_change(context, "changed", entry.kind, entry.group, entry.name);
  co_return done;
}

Task<Result<void>> remove_template(Context& context, std::string id, TemplateKind kind,
                                   std::string group) {
  auto work = [&](sql::Transaction& db) {
    return store::remove_profile(db, id, token::name(kind), group);
  };
  auto done = co_await context.database.write(work);
  if (!done) co_return tl::unexpected(done.error());
  if (*done) log_change(context, "removed", kind, group, uuid_text(id));
  co_return Result<void>();
}

Result<Stored> store_template(sql::Transaction& db, const Template& entry, bool replaces,
                              Time now) {
  if (auto r = check_entry(db, entry, now); !r) return tl::unexpected(r.error());
  auto rows = store::profiles_of(db, token::name(entry.kind), entry.group);
  if (!rows) return tl::unexpected(rows.error());
  for (const store::ProfileRow& row : *rows) {
    if (row.name != entry.name) continue;
    if (!replaces || row.payload == json::serialize(entry.payload)) return Stored::kept;
    if (auto r = check_room(db, entry, row.id); !r) return tl::unexpected(r.error());
    auto changed = store::change_profile(db, row_of(entry, row.id, now));
    if (!changed) return tl::unexpected(changed.error());
    return Stored::changed;
  }
  if (auto r = add(db, entry, now); !r) return tl::unexpected(r.error());
  return Stored::added;
}

}  // namespace mytoken::service
