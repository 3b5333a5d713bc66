// A fast, bare HTTP/1.1 server on 127.0.0.1 for providers of tests and benchmarks: keep-alive,
// pipelining, delayed and dropped answers. It trusts its clients and is no model for a real server.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace mytoken::test {

struct TinyRequest {
  std::string_view method;
  std::string_view path;   // without the query
  std::string_view query;  // without the question mark
  std::string_view head;   // request line and header fields
  std::string_view body;
  // Value of a header field, "" if absent; the name is given in lower case.
  std::string_view header(std::string_view lower_case_name) const;
};

struct TinyResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string headers;  // further fields, each with its line end
  std::string body;
  std::chrono::milliseconds delay{0};
  bool drop = false;  // close the connection instead of answering
};

class TinyHttpServer {
 public:
  // Called on the server's only thread. The views of the request die with the call.
  using Handler = std::function<TinyResponse(const TinyRequest&)>;

  // `port` 0: any.
  explicit TinyHttpServer(Handler handler, std::uint16_t port = 0);
  ~TinyHttpServer();
  TinyHttpServer(const TinyHttpServer&) = delete;
  TinyHttpServer& operator=(const TinyHttpServer&) = delete;

  std::uint16_t port() const { return port_; }
  // Starts to serve; before, connections wait.
  void start();

 private:
  class Connection;
  void accept();

  Handler handler_;
  boost::asio::io_context context_{1};
  boost::asio::ip::tcp::acceptor acceptor_;
  std::uint16_t port_;
  std::thread thread_;
};

}  // namespace mytoken::test
