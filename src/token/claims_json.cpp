// Claims and rotation as JSON: the payload text of a JWT, and reading both from requests (rotation)
// and from payloads whose signature was verified.
#include <array>
#include <limits>

#include "base/encoding.h"
#include "token/canonical_json.h"
#include "token/claims.h"
#include "token/json_members.h"

namespace mytoken::token {
namespace {

constexpr std::string_view token_type = "mytoken";

Error malformed(std::string cause) {
  Error error = invalid_token("the claims of the token are malformed");
  error.cause = std::move(cause);
  return error;
}

// One known member of a rotation object; false: wrong type.
bool read_rotation_member(Rotation& rotation, std::string_view name, const json::value& value) {
  if (name == "lifetime") {
    const auto seconds = integer(value);
    if (!seconds || *seconds < 0) return false;
    rotation.lifetime = Seconds(*seconds);
    return true;
  }
  const bool* flag = value.if_bool();
  if (!flag) return false;
  if (name == "on_AT") rotation.on_at = *flag;
  if (name == "on_other") rotation.on_other = *flag;
  if (name == "auto_revoke") rotation.auto_revoke = *flag;
  return true;
}

constexpr std::array<std::string_view, 4> rotation_members{"on_AT", "on_other", "lifetime",
                                                           "auto_revoke"};

// The member's name in our spelling: exact, else ignoring case (api.md §2.2); "" if unknown.
std::string_view known_rotation_member(std::string_view given) {
  for (const std::string_view name : rotation_members) {
    if (equals_ignoring_case(name, given)) return name;
  }
  return "";
}

void append(std::string& to, const Rotation& rotation) {
  ObjectWriter object(to);
  if (rotation.on_at) object.key("on_AT") += "true";
  if (rotation.on_other) object.key("on_other") += "true";
  if (rotation.lifetime != Seconds(0)) object.number("lifetime", rotation.lifetime.count());
  if (rotation.auto_revoke) object.key("auto_revoke") += "true";
  object.close();
}

bool is_version(std::string_view text) {
  const auto dot = text.find('.');
  if (dot == text.npos) return false;
  const auto is_number = [](std::string_view part) {
    return !part.empty() && part.size() <= 9 && part.find_first_not_of("0123456789") == part.npos;
  };
  return is_number(text.substr(0, dot)) && is_number(text.substr(dot + 1));
}

// Reads members of the payload; remembers the first that is missing or of another type.
class ClaimReader {
 public:
  explicit ClaimReader(const json::object& object) : object_(object) {}

  std::string text(std::string_view name, bool required) {
    const json::value* value = find(name, required);
    if (!value) return {};
    const json::string* text = value->if_string();
    if (!text) return wrong(name), std::string();
    return std::string(*text);
  }

  // 0 if absent.
  std::int64_t number(std::string_view name) {
    const json::value* value = find(name, false);
    if (!value) return 0;
    const auto number = integer(*value);
    if (!number) wrong(name);
    return number.value_or(0);
  }

  std::uint64_t unsigned_number(std::string_view name) {
    const json::value* value = find(name, true);
    if (!value) return 0;
    if (const auto* number = value->if_uint64()) return *number;
    const auto* number = value->if_int64();
    if (!number || *number < 0) return wrong(name), 0;
    return static_cast<std::uint64_t>(*number);
  }

  std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> list;
    const json::value* value = find(name, false);
    if (!value) return list;
    const json::array* array = value->if_array();
    if (!array) return wrong(name), list;
    list.reserve(array->size());
    for (const json::value& element : *array) {
      const json::string* text = element.if_string();
      if (!text) return wrong(name), list;
      list.emplace_back(*text);
    }
    return list;
  }

  // nullptr if absent or null.
  const json::value* find(std::string_view name, bool required) {
    const json::value* value = object_.if_contains(name);
    if (value && !value->is_null()) return value;
    if (required) wrong(name);
    return nullptr;
  }
  void wrong(std::string_view name) {
    if (wrong_.empty()) wrong_ = name;
  }
  std::string_view wrong() const { return wrong_; }

 private:
  const json::object& object_;
  std::string_view wrong_;
};

std::optional<Time> time_unless_zero(std::int64_t seconds) {
  return seconds == 0 ? std::nullopt : std::optional(from_unix(seconds));
}

Result<std::optional<Rotation>> claimed_rotation(ClaimReader& reader) {
  const json::value* value = reader.find("rotation", false);
  if (!value) return std::optional<Rotation>();
  const json::object* object = value->if_object();
  if (!object) return fail(malformed("rotation is no object"));
  Rotation rotation;
  for (const std::string_view name : rotation_members) {
    const json::value* member = object->if_contains(name);
    if (!member || member->is_null()) continue;
    if (!read_rotation_member(rotation, name, *member))
      return fail(malformed("rotation has a wrong member"));
  }
  return std::optional(rotation);
}

Result<Claims> read_claims(const json::object& object) {
  ClaimReader reader(object);
  Claims claims;
  // Tokens older than the version number have none; 0.0 sorts before all others.
  claims.ver = reader.text("ver", false);
  if (claims.ver.empty()) claims.ver = "0.0";
  if (!is_version(claims.ver)) reader.wrong("ver");
  if (const auto type = reader.text("token_type", false); !type.empty() && type != token_type) {
    reader.wrong("token_type");
  }
  claims.iss = reader.text("iss", true);
  claims.sub = reader.text("sub", true);
  claims.seq_no = reader.unsigned_number("seq_no");
  claims.name = reader.text("name", false);
  claims.aud = reader.text("aud", true);
  claims.oidc_sub = reader.text("oidc_sub", true);
  claims.oidc_iss = reader.text("oidc_iss", true);
  claims.capabilities = reader.texts("capabilities");
  claims.exp = time_unless_zero(reader.number("exp"));
  claims.nbf = from_unix(reader.number("nbf"));
  claims.iat = from_unix(reader.number("iat"));
  claims.auth_time = time_unless_zero(reader.number("auth_time"));
  claims.jti = reader.text("jti", true);
  if (const json::value* value = reader.find("restrictions", false)) {
    auto restrictions = parse_restrictions_claim(*value);
    if (!restrictions) return fail(std::move(restrictions.error()));
    claims.restrictions = std::move(*restrictions);
  }
  auto rotation = claimed_rotation(reader);
  if (!rotation) return fail(std::move(rotation.error()));
  claims.rotation = *rotation;
  if (!reader.wrong().empty()) return fail(malformed("claim " + std::string(reader.wrong())));
  return claims;
}

}  // namespace

Result<std::optional<Rotation>> parse_rotation(const json::value* value) {
  if (!value || value->is_null()) return std::optional<Rotation>();
  if (const json::string* text = value->if_string()) {
    if (text->empty()) return std::optional<Rotation>();
    return fail(unknown_template(*text));
  }
  const json::object* object = value->if_object();
  if (!object) return fail(invalid_request("rotation must be an object"));
  Rotation rotation;
  std::array<bool, rotation_members.size()> seen{};
  for (const auto& entry : *object) {
    const std::string_view given = entry.key();
    const json::value& member = entry.value();
    if (equals_ignoring_case(given, "include")) {
      if (member.is_null()) continue;
      const json::array* array = member.if_array();
      const json::string* text =
          array && !array->empty() ? array->front().if_string() : member.if_string();
      if ((array && array->empty()) || (!array && text && text->empty())) continue;
      if (!text)
        return fail(invalid_request("rotation: include must be a template name or a list of them"));
      return fail(unknown_template(*text));
    }
    const std::string_view name = known_rotation_member(given);
    if (name.empty())
      return fail(invalid_request("rotation: unknown member '" + shown(given) + "'"));
    if (member.is_null()) continue;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      if (rotation_members[i] != name) continue;
      if (seen[i])
        return fail(invalid_request("rotation: " + std::string(name) + " is given twice"));
      seen[i] = true;
    }
    if (!read_rotation_member(rotation, name, member)) {
      return fail(invalid_request(
          "rotation: " + std::string(name) +
          (name == "lifetime" ? " must be a number of seconds" : " must be true or false")));
    }
  }
  return std::optional(rotation);
}

json::object to_json(const Rotation& rotation) {
  json::object object;
  if (rotation.on_at) object["on_AT"] = true;
  if (rotation.on_other) object["on_other"] = true;
  if (rotation.lifetime != Seconds(0)) object["lifetime"] = rotation.lifetime.count();
  if (rotation.auto_revoke) object["auto_revoke"] = true;
  return object;
}

json::object to_json(const Claims& claims) {
  json::object object;
  object["ver"] = claims.ver;
  object["token_type"] = token_type;
  object["iss"] = claims.iss;
  object["sub"] = claims.sub;
  object["seq_no"] = claims.seq_no;
  if (!claims.name.empty()) object["name"] = claims.name;
  object["aud"] = claims.aud;
  object["oidc_sub"] = claims.oidc_sub;
  object["oidc_iss"] = claims.oidc_iss;
  if (claims.capabilities.empty()) {
    object["capabilities"] = nullptr;
  } else {
    object["capabilities"] = json::array(claims.capabilities.begin(), claims.capabilities.end());
  }
  if (claims.exp && to_unix(*claims.exp) != 0) object["exp"] = to_unix(*claims.exp);
  object["nbf"] = to_unix(claims.nbf);
  object["iat"] = to_unix(claims.iat);
  if (claims.auth_time && to_unix(*claims.auth_time) != 0)
    object["auth_time"] = to_unix(*claims.auth_time);
  object["jti"] = claims.jti;
  if (!claims.restrictions.empty()) object["restrictions"] = to_json(claims.restrictions);
  if (claims.rotation) object["rotation"] = to_json(*claims.rotation);
  return object;
}

std::string serialize(const Claims& claims) {
  std::string text;
  text.reserve(1024);
  ObjectWriter object(text);
  object.text("ver", claims.ver);
  object.text("token_type", token_type);
  object.text("iss", claims.iss);
  object.text("sub", claims.sub);
  object.key("seq_no") += std::to_string(claims.seq_no);
  if (!claims.name.empty()) object.text("name", claims.name);
  object.text("aud", claims.aud);
  object.text("oidc_sub", claims.oidc_sub);
  object.text("oidc_iss", claims.oidc_iss);
  if (claims.capabilities.empty()) {
    object.key("capabilities") += "null";
  } else {
    object.texts("capabilities", claims.capabilities);
  }
  if (claims.exp && to_unix(*claims.exp) != 0) object.number("exp", to_unix(*claims.exp));
  object.number("nbf", to_unix(claims.nbf));
  object.number("iat", to_unix(claims.iat));
  if (claims.auth_time && to_unix(*claims.auth_time) != 0)
    object.number("auth_time", to_unix(*claims.auth_time));
  object.text("jti", claims.jti);
  if (!claims.restrictions.empty()) {
    std::string& array = object.key("restrictions");
    array += '[';
    for (std::size_t i = 0; i < claims.restrictions.size(); ++i) {
      if (i > 0) array += ',';
      append_canonical(array, claims.restrictions[i]);
    }
    array += ']';
  }
  if (claims.rotation) append(object.key("rotation"), *claims.rotation);
  object.close();
  return text;
}

Result<Claims> parse_claims(std::string_view payload) {
  // Most payloads fit into this buffer, so that the document costs no allocation; it dies before we
  // return.
  std::array<unsigned char, 8192> buffer;
  json::monotonic_resource memory(buffer.data(), buffer.size());
  json::parse_options options;
  options.max_depth = 32;
  boost::system::error_code problem;
  const json::value document = json::parse(payload, problem, &memory, options);
  if (problem) return fail(malformed(problem.message()));
  const json::object* object = document.if_object();
  if (!object) return fail(malformed("the payload is no object"));
  return read_claims(*object);
}

}  // namespace mytoken::token
