// A blocking HTTP client that sends exactly the bytes it is told to, and a server of its own thread
// to send them to.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstring>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/encoding.h"
#include "http/server.h"

namespace mytoken::http::testing {

struct Answer {
  int status = 0;  // 0: the connection ended or nothing came in time
  std::string head;
  std::string body;

  // Value of the header, all lines joined by ", "; "" if absent.
  std::string header(std::string_view name) const {
    std::string joined;
    std::size_t at = head.find("\r\n");
    while (at != std::string::npos && at + 2 < head.size()) {
      const std::size_t end = head.find("\r\n", at + 2);
      const std::string line = head.substr(at + 2, end - at - 2);
      const std::size_t colon = line.find(": ");
      if (colon != std::string::npos && equals_ignoring_case(line.substr(0, colon), name)) {
        if (!joined.empty()) joined += ", ";
        joined += line.substr(colon + 2);
      }
      at = end;
    }
    return joined;
  }
  bool has(std::string_view name) const { return !header(name).empty(); }
  std::string error() const {
    const auto value = parse_json(body);
    return value && value->is_object() ? std::string(string_member(value->as_object(), "error"))
                                       : std::string();
  }
};

class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval limit{10, 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() { ::close(descriptor_); }

  bool connected() const { return connected_; }
  int descriptor() const { return descriptor_; }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // The next answer; `to_head`: it has no body whatever its headers say.
  Answer receive(bool to_head = false) {
    Answer answer;
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!read()) return answer;
    }
    answer.head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    answer.status = std::stoi(answer.head.substr(9, 3));
    const std::string length = answer.header("Content-Length");
    const std::size_t size = to_head || length.empty() ? 0 : std::stoul(length);
    while (buffer_.size() < size) {
      if (!read()) return {};
    }
    answer.body = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return answer;
  }

  Answer call(std::string_view bytes, bool to_head = false) {
    send(bytes);
    return receive(to_head);
  }

  // True if the server ends the connection properly (no reset) and sends nothing before.
  bool ended() {
    char byte = 0;
    return buffer_.empty() && ::recv(descriptor_, &byte, 1, 0) == 0;
  }

 private:
  bool read() {
    char bytes[16384];
    const ssize_t got = ::recv(descriptor_, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }
  int descriptor_;
  bool connected_ = false;
  std::string buffer_;
};

class CollectingLog final : public Log {
 public:
  CollectingLog() : Log(2, LogLevel::debug, Format::json) {}
  std::vector<std::string> lines() const {
    const std::lock_guard guard(lock_);
    return lines_;
  }
  std::string text() const {
    std::string all;
    for (const std::string& line : lines())
      all += line;
    return all;
  }

 protected:
  void emit(std::string_view line) override {
    const std::lock_guard guard(lock_);
    lines_.emplace_back(line);
  }

 private:
  mutable std::mutex lock_;
  std::vector<std::string> lines_;
};

// Listens on a free port of 127.0.0.1 and runs until destroyed.
class RunningServer {
 public:
  explicit RunningServer(Router routes, ServerSettings settings = {})
      : router(std::move(routes)), server(std::move(settings), router, log) {
    const auto listening = server.listen();
    if (!listening) throw std::runtime_error(listening.error().cause);
    thread_ = std::thread([this] { server.run(); });
  }
  ~RunningServer() { stop(); }
  void stop() {
    if (!thread_.joinable()) return;
    server.drain(std::chrono::milliseconds(40));
    thread_.join();
  }
  void join() { thread_.join(); }
  std::uint16_t port() const { return server.ports().front(); }
  // One request on a connection of its own.
  Answer call(std::string_view bytes, bool to_head = false) const {
    RawClient client(port());
    return client.call(bytes, to_head);
  }

  CollectingLog log;
  Router router;
  Server server;

 private:
  std::thread thread_;
};

}  // namespace mytoken::http::testing
