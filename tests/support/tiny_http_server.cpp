// Connections of the bare server: read, cut into requests, answer in order.
#include "support/tiny_http_server.h"

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <charconv>

#include "base/encoding.h"

namespace mytoken::test {

namespace asio = boost::asio;

std::string_view TinyRequest::header(std::string_view lower_case_name) const {
  std::size_t line = head.find("\r\n");
  while (line != std::string_view::npos && line + 2 < head.size()) {
    const std::size_t begin = line + 2;
    line = head.find("\r\n", begin);
    const std::string_view field =
        head.substr(begin, line == std::string_view::npos ? line : line - begin);
    if (field.size() <= lower_case_name.size() || field[lower_case_name.size()] != ':') continue;
    if (!equals_ignoring_case(field.substr(0, lower_case_name.size()), lower_case_name)) continue;
    std::string_view value = field.substr(lower_case_name.size() + 1);
    while (value.starts_with(' '))
      value.remove_prefix(1);
    return value;
  }
  return {};
}

class TinyHttpServer::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::ip::tcp::socket socket, const Handler& handler)
      : socket_(std::move(socket)), timer_(socket_.get_executor()), handler_(handler) {
    boost::system::error_code ignored;
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  }

  void read() {
    socket_.async_read_some(asio::buffer(chunk_),
                            [self = shared_from_this()](auto error, std::size_t bytes) {
                              if (error) return;
                              self->input_.append(self->chunk_.data(), bytes);
                              self->next();
                            });
  }

 private:
  void next() {
    const std::size_t end = input_.find("\r\n\r\n");
    if (end == std::string::npos) {
      if (input_.size() < 1 << 20) read();
      return;
    }
    TinyRequest request;
    request.head = std::string_view(input_).substr(0, end + 2);
    std::size_t length = 0;
    const std::string_view announced = request.header("content-length");
    std::from_chars(announced.data(), announced.data() + announced.size(), length);
    if (length > 1 << 20) return;
    if (input_.size() < end + 4 + length) {
      read();
      return;
    }
    request.body = std::string_view(input_).substr(end + 4, length);
    const std::string_view line = request.head.substr(0, request.head.find("\r\n"));
    request.method = line.substr(0, line.find(' '));
    std::string_view target = line.substr(std::min(line.size(), request.method.size() + 1));
    target = target.substr(0, target.find(' '));
    request.path = target.substr(0, target.find('?'));
    if (request.path.size() < target.size()) request.query = target.substr(request.path.size() + 1);
    TinyResponse response = handler_(request);
    input_.erase(0, end + 4 + length);
    if (response.delay.count() == 0) {
      answer(response);
      return;
    }
    timer_.expires_after(response.delay);
    timer_.async_wait([self = shared_from_this(), response = std::move(response)](auto error) {
      if (!error) self->answer(response);
    });
  }

  void answer(const TinyResponse& response) {
    if (response.drop) {
      boost::system::error_code ignored;
      socket_.close(ignored);
      return;
    }
    output_ =
        "HTTP/1.1 " + std::to_string(response.status) +
        " X\r\nContent-Type: " + response.content_type +
        "\r\nCache-Control: no-store\r\nContent-Length: " + std::to_string(response.body.size()) +
        "\r\n" + response.headers + "\r\n" + response.body;
    asio::async_write(socket_, asio::buffer(output_),
                      [self = shared_from_this()](auto error, std::size_t) {
                        if (!error) self->next();
                      });
  }

  asio::ip::tcp::socket socket_;
  asio::steady_timer timer_;
  const Handler& handler_;
  std::array<char, 8192> chunk_;
  std::string input_;
  std::string output_;
};

TinyHttpServer::TinyHttpServer(Handler handler, std::uint16_t port)
    : handler_(std::move(handler)),
      acceptor_(context_, {asio::ip::address_v4::loopback(), port}),
      port_(acceptor_.local_endpoint().port()) {}

TinyHttpServer::~TinyHttpServer() {
  context_.stop();
  if (thread_.joinable()) thread_.join();
}

void TinyHttpServer::start() {
  accept();
  thread_ = std::thread([this] { context_.run(); });
}

void TinyHttpServer::accept() {
  acceptor_.async_accept([this](auto error, asio::ip::tcp::socket socket) {
    if (!error) std::make_shared<Connection>(std::move(socket), handler_)->read();
    if (error != asio::error::operation_aborted) accept();
  });
}

}  // namespace mytoken::test
