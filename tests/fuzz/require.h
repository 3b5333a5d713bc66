// A broken promise in a fuzz target ends the program, also in builds without assertions; libFuzzer
// keeps the input.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace mytoken::fuzz {

inline void require(bool holds, std::string_view promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %.*s\n", static_cast<int>(promise.size()), promise.data());
  std::abort();
}

inline std::string_view as_text(const unsigned char* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace mytoken::fuzz
