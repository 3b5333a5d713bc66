// Grown by hand, since the reallocation of a string forgets its former memory as it is.
#include "client/secret_text.h"

#include <algorithm>

#include "base/secret.h"

namespace mytoken::client {

void append_wiping(std::string& text, std::string_view more) {
  if (text.capacity() < text.size() + more.size()) {
    std::string larger;
    larger.reserve(std::max(2 * text.capacity(), text.size() + more.size()));
    larger = text;
    const Secret wiped(std::move(text));
    text = std::move(larger);
  }
  text.append(more);
}

}  // namespace mytoken::client
