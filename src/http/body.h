// Parameters of a request from its JSON or form body: one rule for all endpoints (spec api.md
// §2.2). The kind of body is told by the body; members are found by exact name, else without regard
// to ASCII case; null counts as absent.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/secret.h"
#include "http/message.h"

namespace mytoken::http {

class Parameters {
 public:
  // Errors: invalid_request (broken body, limits: depth 32, strings 64 KiB, arrays 1000 elements),
  // 415.
  static Result<Parameters> parse(const Request& request);

  // nullopt: absent, null; for `empty_is_absent` also "". Wrong type: invalid_request naming the
  // member.
  Result<std::optional<std::string>> text(std::string_view name, bool empty_is_absent = true) const;
  Result<std::optional<Secret>> secret(std::string_view name) const;
  // Form values: 1 t T true TRUE True on / 0 f F false FALSE False off "".
  Result<std::optional<bool>> boolean(std::string_view name) const;
  // Integers only (2.0 is none), within [least, most].
  Result<std::optional<std::int64_t>> integer(std::string_view name, std::int64_t least,
                                              std::int64_t most) const;
  // A list of strings: JSON array or one string; in forms the key repeated (also "key[]").
  Result<std::vector<std::string>> list(std::string_view name) const;
  // The member as JSON; a form value that starts with { or [ is parsed, other form values become a
  // JSON string. nullopt: absent or null.
  Result<std::optional<json::value>> structured(std::string_view name) const;
  // These members as one JSON object, under exactly these names; absent and null ones are left out.
  // The list a name stands in says what a form field of that name holds.
  struct Names {
    std::span<const std::string_view> texts;
    std::span<const std::string_view> integers;
    std::span<const std::string_view> structures;
  };
  Result<json::object> members(const Names& names) const;
  bool has(std::string_view name) const;  // present and not null
  // Present at all, also with null (consent: rotation null removes it).
  bool mentions(std::string_view name) const;
  bool empty() const { return object_.empty() && form_.empty(); }

 private:
  const json::value* find(std::string_view name) const;
  // Values of the form field, in order.
  std::vector<std::string> fields(std::string_view name) const;
  bool is_form_ = false;
  json::object object_;
  std::vector<std::pair<std::string, std::string>> form_;
};

}  // namespace mytoken::http
