// The small part of HttpResponse that is not data.
#include "net/http_client.h"

namespace mytoken::net {

std::string_view HttpResponse::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return {};
}

}  // namespace mytoken::net
