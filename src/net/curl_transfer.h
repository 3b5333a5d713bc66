// One outgoing HTTP call as libcurl sees it: the easy handle, what was received so far, and the two
// guards that need curl's callbacks: no request with effects is ever written twice, and no guarded
// call reaches a private address.
#pragma once
#include <curl/curl.h>

#include <array>
#include <boost/asio/basic_waitable_timer.hpp>
#include <list>
#include <memory>
#include <string>

#include "net/curl_client.h"

namespace mytoken::net {

using SteadyTimer =
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, Executor>;

// Lives on the thread of its io_context.
class Transfer {
 public:
  Transfer(HttpRequest call, const CurlOptions& options, const Executor& executor);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Makes the easy handle. False: the request cannot be expressed (line feeds in a header, …); the
  // response says why.
  bool prepare();
  // Gives the easy handle up and fills the response's outcome. `code` is curl's result; `problem`,
  // if not empty, replaces curl's text.
  void conclude(CURLcode code, std::string_view problem);

  CURL* easy() const { return easy_; }
  // Scheme and authority of the URL: the calls that share connections.
  const std::string& peer() const { return peer_; }

  HttpResponse response;
  SteadyTimer deadline;  // also what the caller sleeps on: cancelled when the call is finished
  bool* peer_reached = nullptr;  // set once a connection stands; lives as long as the call runs
  bool finished = false;
  bool running = false;                                  // inside the multi handle
  bool waiting = false;                                  // in the line of its peer
  std::list<std::shared_ptr<Transfer>>::iterator place;  // in that line

 private:
  bool add_headers();
  bool repeatable() const { return request_.method == "GET" || request_.method == "HEAD"; }
  long request_bytes() const;
  // Once connected: whether bytes of this request may have reached the peer.
  bool may_be_written() const;
  int before_request(const char* address);

  static int on_before_request(void* self, char* address, char* local, int port, int local_port);
  static curl_socket_t on_open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);

  HttpRequest request_;
  const CurlOptions& options_;
  std::string peer_;
  CURL* easy_ = nullptr;
  curl_slist* headers_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> error_{};
  std::string refusal_;  // why a callback of ours stopped the call
  std::size_t header_bytes_ = 0;
  bool connected_ = false;         // a connection stood and the request was about to be written
  long bytes_before_request_ = 0;  // what a proxy's CONNECT took
};

}  // namespace mytoken::net
