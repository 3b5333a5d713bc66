// Templates: the input is an object {"<kind> <group>/<name>": payload, …, "ask": request}. Whatever
// is resolved has no include and no template name left, stays within the limits, and comes out the
// same again. Seeds: tests/fuzz/corpus/template.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "token/restriction.h"
#include "token/template.h"

#include "require.h"

namespace {

using namespace mytoken;
using namespace mytoken::token;
using fuzz::as_text;
using fuzz::require;

bool has_include(const json::object& object) {
  for (const auto& member : object) {
    if (member.key() == "include") return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = parse_json(as_text(data, size));
  if (!input || !input->is_object()) return 0;
  const json::object& entries = input->as_object();
  const json::value* ask = entries.if_contains("ask");
  if (!ask) return 0;
  const TemplateResolver::Lookup lookup =
      [&](TemplateKind kind, const TemplateName& entry) -> Result<std::optional<json::value>> {
    require(!entry.group.empty() && !entry.name.empty(), "names have two parts");
    const json::value* payload =
        entries.if_contains(std::string(name(kind)) + " " + entry.group + "/" + entry.name);
    return payload ? std::optional(*payload) : std::optional<json::value>();
  };
  for (const auto unknown :
       {TemplateResolver::Unknown::refused, TemplateResolver::Unknown::ignored}) {
    TemplateResolver resolver(lookup, unknown);
    const auto request = resolver.request(*ask);
    if (!request) {
      require(request.error().code == "invalid_request", "refusals are the client's matter");
      continue;
    }
    require(!has_include(*request), "no profile is left");
    if (const json::value* clauses = request->if_contains("restrictions")) {
      for (const json::value& clause : clauses->as_array())
        require(clause.is_object() && !has_include(clause.as_object()), "no clause names one");
      (void)parse_restrictions(clauses, from_unix(1'700'000'000));
    }
    if (const json::value* rotation = request->if_contains("rotation"))
      require(!has_include(rotation->as_object()), "no rotation is left");
    if (const json::value* capabilities = request->if_contains("capabilities")) {
      for (const json::value& capability : capabilities->as_array())
        require(!capability.as_string().starts_with('@'), "no capability is left");
    }
    TemplateResolver again(lookup);
    const auto same = again.request(json::value(*request));
    require(same && *same == *request, "what is resolved stays");
  }
  return 0;
}
