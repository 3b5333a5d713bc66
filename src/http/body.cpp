// Parameters from JSON and form bodies. Everything a stranger can make large is limited here: depth
// and syntax by the JSON reader, lengths of strings, arrays and forms below.
#include "http/body.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/encoding.h"
#include "http/status.h"

namespace mytoken::http {
namespace {

constexpr std::size_t max_string = 64 * 1024;
constexpr std::size_t max_elements = 1000;  // of an array
constexpr std::size_t max_fields = 4000;    // of a form: a hundred clauses on the consent page

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back()))
    text.remove_suffix(1);
  return text;
}

// Depth is limited by the reader already, so recursion is safe.
bool is_within_limits(const json::value& value) {
  if (const auto* text = value.if_string()) return text->size() <= max_string;
  if (const auto* array = value.if_array()) {
    return array->size() <= max_elements &&
           std::all_of(array->begin(), array->end(), is_within_limits);
  }
  if (const auto* object = value.if_object()) {
    return std::all_of(object->begin(), object->end(), [](const auto& member) {
      return member.key().size() <= max_string && is_within_limits(member.value());
    });
  }
  return true;
}

Result<json::value> parse_limited(std::string_view text) {
  Result<json::value> value = parse_json(text);
  if (value && !is_within_limits(*value)) {
    return fail(invalid_request("a string or an array of the body is too long"));
  }
  return value;
}

bool starts_like_json(std::string_view text) {
  text = trimmed(text);
  return !text.empty() && (text.front() == '{' || text.front() == '[');
}

std::string media_type(const Request& request) {
  const std::string_view header = request.headers.get("Content-Type");
  return lower(trimmed(header.substr(0, header.find(';'))));
}

Error wrong_type(std::string_view name, std::string_view wanted) {
  return invalid_request("parameter '" + std::string(name) + "' must be " + std::string(wanted));
}

Result<std::vector<std::pair<std::string, std::string>>> parse_form(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> fields;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view field = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (field.empty()) continue;
    const std::size_t equals = std::min(field.find('='), field.size());
    const auto name = percent_decode(field.substr(0, equals), true);
    const auto value = percent_decode(field.substr(std::min(equals + 1, field.size())), true);
    if (!name || !value) return fail(invalid_request("the form has a broken escape"));
    if (!is_utf8(*name) || !is_utf8(*value)) return fail(invalid_request("the form is not UTF-8"));
    if (name->size() > max_string || value->size() > max_string || fields.size() == max_fields) {
      return fail(invalid_request("the form is too long"));
    }
    fields.emplace_back(*name, *value);
  }
  return fields;
}

// The field belongs to `name`: the same, or "name[]", with or without regard to case.
bool is_field(std::string_view field, std::string_view name, bool exact) {
  if (field.size() == name.size() + 2 && field.substr(name.size()) == "[]") field.remove_suffix(2);
  return exact ? field == name : equals_ignoring_case(field, name);
}

json::value strings(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& text : texts)
    array.emplace_back(text);
  return array;
}

}  // namespace

Result<Parameters> Parameters::parse(const Request& request) {
  Parameters parameters;
  const std::string_view body = trimmed(request.body);
  if (body.empty() || body == "null") return parameters;
  const std::string type = media_type(request);
  if (!starts_like_json(body)) {
    if (type == "application/x-www-form-urlencoded") {
      auto form = parse_form(body);
      if (!form) return fail(form.error());
      parameters.is_form_ = true;
      parameters.form_ = std::move(*form);
      return parameters;
    }
    if (!type.empty() && !type.ends_with("json")) {
      return fail(
          http_error(415, "the body must be JSON or a form (application/x-www-form-urlencoded)"));
    }
  }
  auto value = parse_limited(body);
  if (!value) return fail(value.error());
  auto* object = value->if_object();
  if (!object) return fail(invalid_request("the body must be a JSON object"));
  parameters.object_ = std::move(*object);
  return parameters;
}

const json::value* Parameters::find(std::string_view name) const {
  if (const auto* exact = object_.if_contains(name)) return exact;
  const json::value* found = nullptr;
  for (const auto& member : object_) {
    if (equals_ignoring_case(member.key(), name)) found = &member.value();  // the last one wins
  }
  return found;
}

std::vector<std::string> Parameters::fields(std::string_view name) const {
  std::vector<std::string> values;
  for (const bool exact : {true, false}) {
    for (const auto& [key, value] : form_) {
      if (is_field(key, name, exact)) values.push_back(value);
    }
    if (!values.empty()) break;
  }
  return values;
}

Result<std::optional<std::string>> Parameters::text(std::string_view name,
                                                    bool empty_is_absent) const {
  std::optional<std::string> text;
  if (is_form_) {
    std::vector<std::string> values = fields(name);
    if (!values.empty()) text = std::move(values.back());
  } else if (const auto* value = find(name); value && !value->is_null()) {
    const auto* string = value->if_string();
    if (!string) return fail(wrong_type(name, "a string"));
    text = std::string(*string);
  }
  if (text && text->empty() && empty_is_absent) text.reset();
  return text;
}

Result<std::optional<Secret>> Parameters::secret(std::string_view name) const {
  auto value = text(name);
  if (!value) return fail(value.error());
  if (!*value) return std::optional<Secret>();
  return std::optional<Secret>(Secret(std::move(**value)));
}

Result<std::optional<bool>> Parameters::boolean(std::string_view name) const {
  if (!is_form_) {
    const auto* value = find(name);
    if (!value || value->is_null()) return std::optional<bool>();
    if (!value->is_bool()) return fail(wrong_type(name, "true or false"));
    return std::optional<bool>(value->get_bool());
  }
  const std::vector<std::string> values = fields(name);
  if (values.empty()) return std::optional<bool>();
  const std::string_view last = values.back();
  for (const std::string_view yes : {"1", "t", "T", "true", "TRUE", "True", "on"}) {
    if (last == yes) return std::optional<bool>(true);
  }
  for (const std::string_view no : {"0", "f", "F", "false", "FALSE", "False", "off", ""}) {
    if (last == no) return std::optional<bool>(false);
  }
  return fail(wrong_type(name, "true or false"));
}

Result<std::optional<std::int64_t>> Parameters::integer(std::string_view name, std::int64_t least,
                                                        std::int64_t most) const {
  std::int64_t number = 0;
  if (is_form_) {
    const std::vector<std::string> values = fields(name);
    if (values.empty() || values.back().empty()) return std::optional<std::int64_t>();
    const std::string& last = values.back();
    const char* const end = last.data() + last.size();
    const auto [stop, problem] = std::from_chars(last.data(), end, number);
    if (problem != std::errc() || stop != end) return fail(wrong_type(name, "an integer"));
  } else {
    const auto* value = find(name);
    if (!value || value->is_null()) return std::optional<std::int64_t>();
    // The reader makes numbers beyond 63 bits unsigned and those with fraction or exponent
    // floating.
    if (!value->is_int64()) return fail(wrong_type(name, "an integer"));
    number = value->get_int64();
  }
  if (number < least || number > most) {
    return fail(
        wrong_type(name, "between " + std::to_string(least) + " and " + std::to_string(most)));
  }
  return std::optional<std::int64_t>(number);
}

Result<std::vector<std::string>> Parameters::list(std::string_view name) const {
  std::vector<std::string> texts;
  json::value parsed;
  const json::value* value = nullptr;
  if (is_form_) {
    texts = fields(name);
    if (texts.size() == 1 && starts_like_json(texts.front())) {
      auto structure = parse_limited(trimmed(texts.front()));
      if (!structure) return fail(structure.error());
      parsed = std::move(*structure);
      value = &parsed;
      texts.clear();
    }
    std::erase(texts, std::string());
  } else {
    value = find(name);
  }
  if (!value || value->is_null()) return texts;
  if (const auto* one = value->if_string()) {
    if (!one->empty()) texts.emplace_back(*one);
    return texts;
  }
  const auto* array = value->if_array();
  if (!array) return fail(wrong_type(name, "a list of strings"));
  for (const json::value& element : *array) {
    const auto* string = element.if_string();
    if (!string) return fail(wrong_type(name, "a list of strings"));
    texts.emplace_back(*string);
  }
  return texts;
}

Result<std::optional<json::value>> Parameters::structured(std::string_view name) const {
  if (!is_form_) {
    const auto* value = find(name);
    if (!value || value->is_null()) return std::optional<json::value>();
    return std::optional<json::value>(*value);
  }
  const std::vector<std::string> values = fields(name);
  if (values.empty()) return std::optional<json::value>();
  if (values.size() > 1) return std::optional<json::value>(strings(values));
  if (!starts_like_json(values.front())) {
    return std::optional<json::value>(json::value(values.front()));
  }
  auto parsed = parse_limited(trimmed(values.front()));
  if (!parsed)
    return fail(invalid_request("parameter '" + std::string(name) + "' is not valid JSON"));
  return std::optional<json::value>(std::move(*parsed));
}

Result<json::object> Parameters::members(const Names& names) const {
  json::object object;
  for (const std::string_view name : names.texts) {
    auto value = text(name, false);
    if (!value) return fail(value.error());
    if (*value) object[name] = std::move(**value);
  }
  for (const std::string_view name : names.integers) {
    auto value = integer(name, std::numeric_limits<std::int64_t>::min(),
                         std::numeric_limits<std::int64_t>::max());
    if (!value) return fail(value.error());
    if (*value) object[name] = **value;
  }
  for (const std::string_view name : names.structures) {
    auto value = structured(name);
    if (!value) return fail(value.error());
    if (*value) object[name] = std::move(**value);
  }
  return object;
}

bool Parameters::has(std::string_view name) const {
  if (is_form_) return !fields(name).empty();
  const auto* value = find(name);
  return value && !value->is_null();
}

bool Parameters::mentions(std::string_view name) const {
  return is_form_ ? !fields(name).empty() : find(name) != nullptr;
}

}  // namespace mytoken::http
