// A bare HTTP/1.1 server on 127.0.0.1 for tests of the HTTP client: a function sees every request
// as text and says which bytes go back, after how long, and whether the connection is cut instead.
#pragma once
#include <array>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <functional>
#include <string>
#include <thread>

namespace mytoken::test {

struct LoopbackReply {
  std::string bytes;  // the whole response; "" = close without an answer
  std::chrono::milliseconds delay{0};
  bool close_after = false;  // without saying so in the response
  bool reset = false;        // with close: RST instead of FIN
};

inline std::string http_ok(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

class LoopbackServer {
 public:
  // `connection` counts connections from 1, `request` requests on it from 1. Called on the server's
  // thread.
  using Handler =
      std::function<LoopbackReply(const std::string& text, int connection, int request)>;

  explicit LoopbackServer(Handler handler)
      : handler_(std::move(handler)),
        acceptor_(context_, {boost::asio::ip::address_v4::loopback(), 0}) {
    boost::asio::co_spawn(context_, accept(), boost::asio::detached);
    thread_ = std::thread([this] { context_.run(); });
  }
  ~LoopbackServer() {
    context_.stop();
    thread_.join();
  }
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  std::string url(std::string_view path = "/") const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) +
           std::string(path);
  }
  int requests() const { return requests_; }
  int connections() const { return connections_; }

 private:
  using Socket = boost::asio::ip::tcp::socket;

  boost::asio::awaitable<void> accept() {
    while (true) {
      Socket socket = co_await acceptor_.async_accept(boost::asio::use_awaitable);
      auto connection = serve(std::move(socket), ++connections_);
      boost::asio::co_spawn(context_, std::move(connection), boost::asio::detached);
    }
  }

  boost::asio::awaitable<void> serve(Socket socket, int connection) {
    std::string buffer;
    boost::system::error_code error;
    for (int number = 1;; ++number) {
      auto token = boost::asio::redirect_error(boost::asio::use_awaitable, error);
      const std::size_t head = co_await boost::asio::async_read_until(
          socket, boost::asio::dynamic_buffer(buffer), std::string_view("\r\n\r\n"), token);
      if (error) co_return;
      const std::size_t length = head + content_length(std::string_view(buffer).substr(0, head));
      while (buffer.size() < length) {
        std::array<char, 4096> chunk;
        const std::size_t got = co_await socket.async_read_some(boost::asio::buffer(chunk), token);
        if (error) co_return;
        buffer.append(chunk.data(), got);
      }
      const std::string text = buffer.substr(0, length);
      buffer.erase(0, length);
      ++requests_;
      const LoopbackReply reply = handler_(text, connection, number);
      if (reply.delay.count() > 0) {
        boost::asio::steady_timer timer(context_, reply.delay);
        co_await timer.async_wait(token);
      }
      if (!reply.bytes.empty())
        co_await boost::asio::async_write(socket, boost::asio::buffer(reply.bytes), token);
      if (reply.reset) socket.set_option(boost::asio::socket_base::linger(true, 0), error);
      if (error || reply.bytes.empty() || reply.close_after) co_return;
    }
  }

  static std::size_t content_length(std::string_view head) {
    const std::size_t place = head.find("Content-Length: ");
    if (place == std::string_view::npos) return 0;
    std::size_t length = 0;
    std::from_chars(head.data() + place + 16, head.data() + head.size(), length);
    return length;
  }

  Handler handler_;
  boost::asio::io_context context_{1};
  boost::asio::ip::tcp::acceptor acceptor_;
  std::thread thread_;
  std::atomic<int> requests_ = 0;
  std::atomic<int> connections_ = 0;
};

}  // namespace mytoken::test
