// Reading of the creation flags.
#include "cli/mytoken_flags.h"

#include <algorithm>

#include "base/encoding.h"
#include "cli/restriction_flags.h"
#include "client/durable_file.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

client::Failure bad(const std::string& text) {
  return failure(ErrorKind::usage, text);
}

}  // namespace

client::Outcome<void> check_rotation(const json::object& rotation) {
  for (const auto& entry : rotation) {
    const std::string_view name = entry.key();
    const json::value& value = entry.value();
    if (name == "on_AT" || name == "on_other" || name == "auto_revoke") {
      if (!value.is_bool())
        return bad("rotation member '" + std::string(name) + "' must be true or false");
    } else if (name == "lifetime") {
      if (!value.is_int64() || value.get_int64() < 0)
        return bad("rotation member 'lifetime' must be a number of seconds");
    } else if (name == "include") {
      if (!value.is_string() && !value.is_array())
        return bad("rotation member 'include' must be a name or a list");
    } else {
      return bad("unknown rotation member '" + client::sanitised(name) + "'");
    }
  }
  return {};
}

void MytokenFlags::declare(Command& command) {
  command.text("--profile", profile,
               "a whole request as JSON, a file with JSON, or names of profiles of the server");
  command.text("-i,--provider,--issuer", provider,
               "the provider to log in at: issuer address or configured name");
  command.text("-n,--name", name, "a name for the mytoken");
  command.text("--capability,--capabilities", capabilities,
               "what it may be used for: 'AT tokeninfo', or a JSON array");
  command.text("--rotation,--rotate", rotation,
               "rotation as JSON, a file with JSON, or names of templates");
  command.toggle("--rotation-on-AT,--rotate-on-AT,--rotate-on-at,--rotation-on-at", rotation_on_at,
                 "replace the mytoken at each access token");
  command.toggle("--rotation-on-other,--rotate-on-other", rotation_on_other,
                 "replace the mytoken at each other use");
  command.toggle("--rotation-auto-revoke,--rotate-auto-revoke", rotation_auto_revoke,
                 "revoke it when a replaced one is used again");
  command.number("--rotation-lifetime,--rotate-lifetime", rotation_lifetime,
                 "seconds that one of the sequence is valid");
  command.text("--token-type", token_type, "token, short or transfer");
  command.list("--tags", tags, "tags for the mytoken");
  command.toggle("--include-children", tags_include_children, "its sub-tokens get the tags, too");
  command.number("--max-token-len", max_token_len,
                 "longest form that can be handled; a shorter form is taken if needed");
}

client::Outcome<std::vector<std::string>> parse_capabilities(const std::string& text) {
  std::string rest = text;
  if (rest.size() >= 2 && rest.front() == '"' && rest.back() == '"')
    rest = rest.substr(1, rest.size() - 2);
  std::vector<std::string> list;
  if (const auto first = rest.find_first_not_of(' ');
      first != std::string::npos && rest[first] == '[') {
    const auto value = parse_json(rest);
    const auto* array = value ? value->if_array() : nullptr;
    if (!array) return bad("--capability: not a valid JSON array");
    for (const auto& entry : *array) {
      const auto* name = entry.if_string();
      if (!name) return bad("--capability: the JSON array must hold strings");
      list.emplace_back(std::string_view(*name));
    }
  } else {
    std::replace(rest.begin(), rest.end(), ',', ' ');
    list = words(rest);
  }
  std::vector<std::string> unique;
  for (std::string& name : list) {
    if (std::find(unique.begin(), unique.end(), name) == unique.end())
      unique.push_back(std::move(name));
  }
  // The server would take an empty list as "all of them".
  if (unique.empty()) return bad("--capability: no capability given");
  return unique;
}

client::Outcome<std::optional<json::object>> build_rotation(const Context& context,
                                                            const MytokenFlags& flags) {
  const bool has_single = flags.rotation_on_at || flags.rotation_on_other ||
                          flags.rotation_auto_revoke || flags.rotation_lifetime;
  const std::string whole = flags.rotation ? *flags.rotation : context.variable("MYTOKEN_ROTATION");
  if (!flags.rotation && whole.empty() && !has_single) return std::optional<json::object>();
  json::object rotation;
  if (flags.rotation || !whole.empty()) {
    auto text = json_argument(context, whole, "--rotation");
    if (!text) return failure(std::move(text.error()));
    if (*text) {
      const auto value = parse_json(**text);
      const auto* object = value ? value->if_object() : nullptr;
      if (!object) return bad("--rotation: not a valid JSON object");
      if (auto known = check_rotation(*object); !known) return failure(std::move(known.error()));
      rotation = *object;
    } else {
      json::array names;
      for (const std::string& name : words(whole))
        names.emplace_back(name);
      rotation["include"] = std::move(names);
    }
  }
  if (flags.rotation_on_at) rotation["on_AT"] = true;
  if (flags.rotation_on_other) rotation["on_other"] = true;
  if (flags.rotation_auto_revoke) rotation["auto_revoke"] = true;
  if (flags.rotation_lifetime) rotation["lifetime"] = *flags.rotation_lifetime;
  return std::optional<json::object>(std::move(rotation));
}

client::Outcome<std::string> parse_token_type(const std::string& text) {
  if (text == "token") return std::string("token");
  if (text == "short" || text == "short_token") return std::string("short_token");
  if (text == "transfer" || text == "transfer_code") return std::string("transfer_code");
  return bad("--token-type: '" + client::sanitised(text) + "' is none of token, short, transfer");
}

client::Outcome<std::string> choose_provider(const Context& context, const Config& config,
                                             const std::optional<std::string>& flag,
                                             const std::string& of_profile,
                                             const client::Metadata& metadata) {
  std::string wanted = flag.value_or("");
  if (wanted.empty()) wanted = context.variable("MYTOKEN_PROVIDER");
  if (wanted.empty()) wanted = of_profile;
  if (wanted.empty()) wanted = config.default_provider;
  if (wanted.empty() || wanted.find("://") != std::string::npos) return wanted;
  if (const auto named = config.providers.find(wanted); named != config.providers.end())
    return named->second;
  for (const auto& provider : metadata.providers_supported) {
    if (equals_ignoring_case(provider.name, wanted)) return provider.issuer;
  }
  return bad("provider '" + client::sanitised(wanted) +
             "' is neither an address nor a name from the configuration file");
}

}  // namespace mytoken::cli
