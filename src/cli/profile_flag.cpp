// One table says which members a profile may have, and of which kind.
#include "cli/profile_flag.h"

#include <array>

#include "cli/mytoken_flags.h"
#include "cli/restriction_flags.h"
#include "client/durable_file.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

enum class Form { text, names, number, restrictions, rotation, tags, list };
struct Member {
  std::string_view name;
  Form form;
};
constexpr std::array<Member, 10> members{{{"oidc_issuer", Form::text},
                                          {"name", Form::text},
                                          {"response_type", Form::text},
                                          {"application_name", Form::text},
                                          {"include", Form::names},
                                          {"capabilities", Form::names},
                                          {"max_token_len", Form::number},
                                          {"restrictions", Form::restrictions},
                                          {"rotation", Form::rotation},
                                          {"tags", Form::tags}}};
// Their own shape is the server's business.
constexpr std::string_view subscriptions = "subscribe_notifications";

client::Failure bad(std::string_view member, const std::string& text) {
  return failure(ErrorKind::usage, "--profile: '" + std::string(member) + "' " + text);
}

bool is_list_of_strings(const json::value& value) {
  const auto* array = value.if_array();
  if (!array) return false;
  for (const auto& entry : *array) {
    if (!entry.is_string()) return false;
  }
  return true;
}

client::Outcome<json::value> tags(const json::value& value) {
  const auto* array = value.if_array();
  if (!array) return bad("tags", "must be a list");
  json::array list;
  for (const auto& entry : *array) {
    if (entry.is_string()) {
      list.push_back(json::object{{"tag", entry}});
    } else if (const auto* tag = entry.if_object(); tag && tag->contains("tag")) {
      list.push_back(entry);
    } else {
      return bad("tags", "must hold names of tags");
    }
  }
  return json::value(std::move(list));
}

client::Outcome<json::value> checked(const Member& member, const json::value& value, Time now) {
  switch (member.form) {
    case Form::text:
      if (!value.is_string()) return bad(member.name, "must be a string");
      return value;
    case Form::names:
      if (!value.is_string() && !is_list_of_strings(value))
        return bad(member.name, "must be a name or a list of names");
      return value;
    case Form::number:
      if (!value.is_int64() || value.get_int64() < 0)
        return bad(member.name, "must be a number of 0 or more");
      return value;
    case Form::restrictions: {
      if (value.is_string()) return value;  // names of templates
      auto clauses = checked_restrictions(value, now);
      if (!clauses) return failure(std::move(clauses.error()));
      return json::value(std::move(*clauses));
    }
    case Form::rotation: {
      if (value.is_string()) return value;
      const auto* object = value.if_object();
      if (!object) return bad(member.name, "must be an object");
      if (auto known = check_rotation(*object); !known) return failure(std::move(known.error()));
      return value;
    }
    case Form::tags:
      return tags(value);
    case Form::list:
      if (!value.is_array()) return bad(member.name, "must be a list");
      return value;
  }
  return value;
}

}  // namespace

client::Outcome<json::object> build_profile(const Context& context,
                                            const std::optional<std::string>& flag) {
  const std::string whole = flag ? *flag : context.variable("MYTOKEN_PROFILE");
  if (!flag && whole.empty()) return json::object();
  auto text = json_argument(context, whole, "--profile");
  if (!text) return failure(std::move(text.error()));
  json::object profile;
  if (!*text) {
    const auto names = words(whole);
    if (names.size() == 1) {
      profile["include"] = names.front();
    } else {
      profile["include"] = json::array(names.begin(), names.end());
    }
    return profile;
  }
  const auto value = parse_json(**text);
  const auto* object = value ? value->if_object() : nullptr;
  if (!object) return failure(ErrorKind::usage, "--profile: not a valid JSON object");
  for (const auto& entry : *object) {
    Member member{entry.key(), Form::list};
    bool is_known = entry.key() == subscriptions;
    for (const Member& known : members) {
      if (known.name != std::string_view(entry.key())) continue;
      member = known;
      is_known = true;
    }
    if (!is_known) {
      return failure(ErrorKind::usage,
                     "--profile: unknown member '" + client::sanitised(entry.key()) + "'");
    }
    if (entry.value().is_null()) continue;
    auto accepted = checked(member, entry.value(), context.clock->now());
    if (!accepted) return failure(std::move(accepted.error()));
    profile[entry.key()] = std::move(*accepted);
  }
  return profile;
}

}  // namespace mytoken::cli
