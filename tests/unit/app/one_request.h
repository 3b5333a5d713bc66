// One request to a server on loopback, on a connection of its own; the answer as it came.
#pragma once
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <string>

#include "base/task.h"

namespace mytoken::test {

// `head`: the request line and fields, without Host and Connection. What goes wrong before the
// request is sent is the answer's text.
inline std::string one_request(std::uint16_t port, const std::string& head,
                               const std::string& body = {}) {
  asio::io_context context;
  asio::ip::tcp::socket socket(context);
  boost::system::error_code error;
  socket.connect({asio::ip::address_v4::loopback(), port}, error);
  if (error) return error.message();
  const std::string request = head + "Host: localhost\r\nConnection: close\r\n\r\n" + body;
  asio::write(socket, asio::buffer(request), error);
  std::string answer;
  asio::read(socket, asio::dynamic_buffer(answer), error);
  return answer;
}

inline std::string get(std::uint16_t port, const std::string& path) {
  return one_request(port, "GET " + path + " HTTP/1.1\r\n");
}

inline std::string post(std::uint16_t port, const std::string& path, const std::string& json) {
  return one_request(port,
                     "POST " + path +
                         " HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: " +
                         std::to_string(json.size()) + "\r\n",
                     json);
}

}  // namespace mytoken::test
