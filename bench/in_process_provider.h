// A provider inside the server's process: what the access-token path costs without a network behind
// it. Every refresh is granted, after a delay if one is set, with a new refresh token if it
// rotates.
#pragma once
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <string>

#include "base/random.h"
#include "net/http_client.h"

namespace mytoken::bench {

class InProcessProvider final : public net::HttpClient {
 public:
  InProcessProvider(std::string issuer, std::chrono::milliseconds delay, bool rotates = false)
      : issuer_(std::move(issuer)), delay_(delay), rotates_(rotates) {}

  Task<net::HttpResponse> send(net::HttpRequest request) override {
    net::HttpResponse response;
    response.status = 200;
    response.headers.emplace_back("content-type", "application/json");
    if (request.method == "GET") {
      response.body = "{\"issuer\":\"" + issuer_ + "\",\"authorization_endpoint\":\"" + issuer_ +
                      "/auth\",\"token_endpoint\":\"" + issuer_ + "/token\",\"jwks_uri\":\"" +
                      issuer_ + "/jwks\"}";
      co_return response;
    }
    if (delay_.count() > 0) {
      auto executor = co_await asio::this_coro::executor;
      asio::basic_waitable_timer<std::chrono::steady_clock,
                                 asio::wait_traits<std::chrono::steady_clock>, Executor>
          timer(executor, delay_);
      co_await timer.async_wait(use_task);
    }
    response.body = "{\"access_token\":\"at-" + random_text(40) +
                    "\",\"token_type\":\"Bearer\",\"expires_in\":3600,"
                    "\"scope\":\"openid profile email\"";
    if (rotates_) response.body += ",\"refresh_token\":\"" + random_text(300) + "\"";
    response.body += "}";
    co_return response;
  }

 private:
  std::string issuer_;
  std::chrono::milliseconds delay_;
  bool rotates_;
};

}  // namespace mytoken::bench
