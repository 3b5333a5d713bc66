// Bodies of strangers through Parameters::parse and every accessor. The first byte of the input
// chooses the Content-Type.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "http/body.h"

using namespace mytoken;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static constexpr const char* types[] = {"", "application/x-www-form-urlencoded",
                                          "application/json", "text/plain"};
  http::Request request;
  const char* type = types[data[0] % 4];
  if (*type != '\0') request.headers.add("Content-Type", type);
  request.body.assign(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto parsed = http::Parameters::parse(request);
  if (!parsed) {
    if (parsed.error().status != 400 && parsed.error().status != 415) std::abort();
    return 0;
  }
  for (const char* name : {"a", "mytoken", "grant_type", "restrictions", ""}) {
    const auto text = parsed->text(name);
    if (text && *text && (*text)->empty()) std::abort();  // empty counts as absent
    (void)parsed->secret(name);
    (void)parsed->boolean(name);
    const auto number = parsed->integer(name, 0, 100);
    if (number && *number && (**number < 0 || **number > 100)) std::abort();
    const auto list = parsed->list(name);
    if (list && list->size() > 1000) std::abort();
    (void)parsed->structured(name);
    if (parsed->has(name) && !parsed->mentions(name)) std::abort();
  }
  return 0;
}
