// Options and callbacks of one call.
//
// About repeats: when a kept connection dies before the first byte of an answer, libcurl
// (Curl_retry_request) opens a new one and writes the request again, POST or not. A provider that
// acted and then lost the connection would see a rotated refresh token twice and end the session.
// The pre-request callback runs before every writing of a request, the repeated one included, so it
// is the place to refuse: if bytes of this request were written before, the call ends as `unknown`.
// A connection that was found dead before a byte was accepted may still be replaced silently, but
// only without TLS: with it the connection may speak HTTP/2, whose frames are written by another
// library, and curl's count of the bytes of the request says nothing certain about them when
// writing fails. There a call that got a connection counts as written.
#include "net/curl_transfer.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/encoding.h"
#include "net/address.h"

namespace mytoken::net {

namespace {

constexpr std::size_t max_header_bytes = 64 << 10;
// Idle connections older than this are not used again: shorter than the keep-alive of common
// servers (5 s and more), so that a request is rarely written into a connection that is just being
// closed.
constexpr long max_idle_seconds = 4;

template <class T>
void set(CURL* easy, CURLoption option, T value) {
  curl_easy_setopt(easy, option, value);
}

bool one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
}

std::string address_text(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
  } else if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
  }
  return text.data();
}

// Text that is no address counts as private: what cannot be judged is refused.
bool refused_address(const std::string& text) {
  return !canonical_address(text) || is_private_address(text);
}

}  // namespace

Transfer::Transfer(HttpRequest call, const CurlOptions& options, const Executor& executor)
    : deadline(executor), request_(std::move(call)), options_(options) {
  const std::size_t authority = request_.url.find("://");
  const std::size_t end =
      authority == std::string::npos ? authority : request_.url.find_first_of("/?#", authority + 3);
  peer_ = request_.url.substr(0, end);
}

Transfer::~Transfer() {
  if (easy_ != nullptr) curl_easy_cleanup(easy_);
  curl_slist_free_all(headers_);
}

bool Transfer::add_headers() {
  // curl would wait for "100 Continue" before large bodies.
  headers_ = curl_slist_append(headers_, "Expect:");
  for (const auto& [name, value] : request_.headers) {
    if (name.empty() || name.find(':') != std::string::npos || !one_line(name) || !one_line(value))
      return false;
    const std::string line = value.empty() ? name + ";" : name + ": " + value;
    headers_ = curl_slist_append(headers_, line.c_str());
  }
  return headers_ != nullptr;
}

bool Transfer::prepare() {
  response.outcome = HttpResponse::Outcome::not_sent;
  if (!one_line(request_.method) || !one_line(request_.url) || !add_headers()) {
    response.problem = "malformed request";
    return false;
  }
  easy_ = curl_easy_init();
  if (easy_ == nullptr) {
    response.problem = "out of memory";
    return false;
  }
  set(easy_, CURLOPT_PRIVATE, this);
  set(easy_, CURLOPT_ERRORBUFFER, error_.data());
  set(easy_, CURLOPT_URL, request_.url.c_str());
  set(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy_, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  set(easy_, CURLOPT_NOSIGNAL, 1L);
  set(easy_, CURLOPT_USERAGENT, options_.user_agent.c_str());
  set(easy_, CURLOPT_HTTPHEADER, headers_);
  set(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  if (peer_.starts_with("https:")) set(easy_, CURLOPT_PIPEWAIT, 1L);
  // Debian presets CAPATH, and with it every connection parses the whole CA bundle again (22 ms).
  set(easy_, CURLOPT_CAPATH, static_cast<char*>(nullptr));
  if (!options_.ca_file.empty()) set(easy_, CURLOPT_CAINFO, options_.ca_file.c_str());
  set(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request_.connect_timeout.count()));
  set(easy_, CURLOPT_MAXAGE_CONN, max_idle_seconds);
  set(easy_, CURLOPT_DNS_CACHE_TIMEOUT, 300L);
  set(easy_, CURLOPT_BUFFERSIZE, 8192L);
  set(easy_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(easy_, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request_.max_response_bytes));
  set(easy_, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(easy_, CURLOPT_HEADERDATA, this);
  set(easy_, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(easy_, CURLOPT_WRITEDATA, this);
  set(easy_, CURLOPT_PREREQFUNCTION, &Transfer::on_before_request);
  set(easy_, CURLOPT_PREREQDATA, this);
  if (request_.refuse_private_addresses) {
    // Through a proxy the address of the peer would stay unknown.
    set(easy_, CURLOPT_PROXY, "");
    set(easy_, CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_open_socket);
    set(easy_, CURLOPT_OPENSOCKETDATA, this);
  }
  if (request_.method == "HEAD") {
    set(easy_, CURLOPT_NOBODY, 1L);
  } else if (request_.method == "POST" || !request_.body.empty()) {
    set(easy_, CURLOPT_POST, 1L);
    set(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    set(easy_, CURLOPT_POSTFIELDS, request_.body.data());
  }
  if (request_.method != "GET" && request_.method != "HEAD" && request_.method != "POST") {
    set(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  } else if (request_.method == "GET" && !request_.body.empty()) {
    set(easy_, CURLOPT_CUSTOMREQUEST, "GET");
  }
  return true;
}

void Transfer::conclude(CURLcode code, std::string_view problem) {
  if (code == CURLE_OK && problem.empty()) {
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    response.status = static_cast<int>(status);
    response.outcome = HttpResponse::Outcome::answered;
  } else {
    const bool written = easy_ != nullptr && connected_ && may_be_written();
    response = HttpResponse{};
    response.outcome = written ? HttpResponse::Outcome::unknown : HttpResponse::Outcome::not_sent;
    if (!refusal_.empty()) {
      response.problem = refusal_;
    } else if (!problem.empty()) {
      response.problem = problem;
    } else {
      response.problem = error_[0] != '\0' ? error_.data() : curl_easy_strerror(code);
    }
  }
  if (easy_ != nullptr) curl_easy_cleanup(easy_);
  easy_ = nullptr;
}

long Transfer::request_bytes() const {
  long bytes = 0;
  curl_easy_getinfo(easy_, CURLINFO_REQUEST_SIZE, &bytes);
  return bytes;
}

bool Transfer::may_be_written() const {
  return peer_.starts_with("https:") || request_bytes() > bytes_before_request_;
}

int Transfer::before_request(const char* address) {
  // A kept connection was not opened by this call, so the socket callback has not seen its address.
  if (request_.refuse_private_addresses && refused_address(address)) {
    refusal_ = "private address refused";
    return CURL_PREREQFUNC_ABORT;
  }
  *peer_reached = true;
  if (!connected_) {
    connected_ = true;
    bytes_before_request_ = request_bytes();
    return CURL_PREREQFUNC_OK;
  }
  if (!repeatable() && may_be_written()) {
    refusal_ = "the connection was closed without an answer";
    return CURL_PREREQFUNC_ABORT;
  }
  return CURL_PREREQFUNC_OK;
}

int Transfer::on_before_request(void* self, char* address, char*, int, int) {
  return static_cast<Transfer*>(self)->before_request(address);
}

curl_socket_t Transfer::on_open_socket(void* self, curlsocktype, curl_sockaddr* address) {
  if (refused_address(address_text(&address->addr))) {
    static_cast<Transfer*>(self)->refusal_ = "private address refused";
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::size_t Transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  std::string_view line(data, size * count);
  transfer.header_bytes_ += line.size();
  if (transfer.header_bytes_ > max_header_bytes) {
    transfer.refusal_ = "response header too large";
    return 0;
  }
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r'))
    line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {  // a new head: what came before was interim
    transfer.response.headers.clear();
    return size * count;
  }
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    std::string_view value = line.substr(colon + 1);
    const std::size_t first = value.find_first_not_of(" \t");
    value.remove_prefix(first == std::string_view::npos ? value.size() : first);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t'))
      value.remove_suffix(1);
    transfer.response.headers.emplace_back(lower(line.substr(0, colon)), value);
  }
  return size * count;
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::size_t bytes = size * count;
  if (bytes > transfer.request_.max_response_bytes - transfer.response.body.size()) {
    transfer.refusal_ = "response too large";
    return 0;
  }
  transfer.response.body.append(data, bytes);
  return bytes;
}

}  // namespace mytoken::net
