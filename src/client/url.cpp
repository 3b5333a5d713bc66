// Uses libcurl's own URL parser, so that what is checked here is what libcurl connects to.
#include "client/url.h"

#include <curl/curl.h>
#include <mytoken/client.h>

#include <memory>

#include "base/encoding.h"

namespace mytoken::client {
namespace {

struct CloseUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, CloseUrl>;

Url parse(const std::string& text) {
  Url url(curl_url());
  if (!url ||
      curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
    return nullptr;
  return url;
}

// The part, or "" if there is none.
std::string part(const Url& url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url.get(), which, &text, 0) != CURLUE_OK) return "";
  std::string copy(text);
  curl_free(text);
  return copy;
}

bool is_loopback_host(std::string host) {
  host = lower(host);
  if (host == "localhost" || host == "[::1]") return true;
  // Only a literal address: "127.example.org" is somebody else's.
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos;
}

}  // namespace

Outcome<std::string> parse_server_url(std::string_view text) {
  std::string address(text);
  const auto bad = [&](const std::string& why) {
    return failure(ErrorKind::usage,
                   "'" + address + "' cannot be used as a server address: " + why);
  };
  for (const char c : address) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) {
      address = "(unprintable)";
      return bad("it contains blanks or control characters");
    }
  }
  const Url url = parse(address);
  if (!url || part(url, CURLUPART_HOST).empty())
    return bad("it is not a URL like https://mytoken.example.org");
  const std::string scheme = part(url, CURLUPART_SCHEME);
  if (scheme != "https" && scheme != "http") return bad("only https is possible");
  if (!part(url, CURLUPART_USER).empty() || !part(url, CURLUPART_PASSWORD).empty()) {
    address = "(hidden)";
    return bad("it contains a user name or password");
  }
  if (address.find_first_of("?#") != std::string::npos) return bad("it has a query or fragment");
  if (scheme == "http" && !is_loopback_host(part(url, CURLUPART_HOST)))
    return bad("it is not https");
  while (address.ends_with('/'))
    address.pop_back();
  return address;
}

bool is_loopback(const std::string& url) {
  const Url parsed = parse(url);
  return parsed && is_loopback_host(part(parsed, CURLUPART_HOST));
}

bool is_announceable(std::string_view text, const std::string& server_url) {
  return parse_server_url(text) && (!is_loopback(std::string(text)) || is_loopback(server_url));
}

bool same_issuer(std::string_view a, std::string_view b) {
  if (a.ends_with('/')) a.remove_suffix(1);
  if (b.ends_with('/')) b.remove_suffix(1);
  return a == b;
}

}  // namespace mytoken::client
