// HttpClient on libcurl's multi interface: one multi handle per io_context, driven by asio sockets
// and a timer; keep-alive, HTTP/2 where TLS negotiates it, proxies and CA settings of the
// environment. Debian presets CAPATH, which turns curl's CA cache off: it is set to null on every
// handle.
#pragma once
#include <memory>
#include <string>

#include "net/http_client.h"

namespace mytoken::net {

struct CurlOptions {
  std::string user_agent = "mytoken-server";
  std::string ca_file;  // "" = system's
};

// The client must outlive its calls and be destroyed after the io_contexts stopped.
std::unique_ptr<HttpClient> make_curl_client(CurlOptions options);

}  // namespace mytoken::net
