// A mytoken server of plain sockets on 127.0.0.1 that says what a test wants: one thread, HTTP/1.1
// with keep-alive, the configuration document by itself, everything else from the test's handler.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"

namespace mytoken::test {

struct FakeRequest {
  std::string method;
  std::string path;
  std::string body;
  json::object json;  // of the body, empty if it is none
  std::string head;   // request line and headers
  std::string authorization;
};

struct FakeAnswer {
  int status = 200;
  std::string body;
  std::string headers;           // further lines, each with CRLF
  bool closes_silently = false;  // read the request, then close without a byte
};

inline FakeAnswer answer_json(const json::object& object, int status = 200) {
  return {status, json::serialize(object), "Content-Type: application/json\r\n", false};
}
inline FakeAnswer answer_error(int status, const std::string& code,
                               const std::string& description = "as told") {
  json::object object;
  object["error"] = code;
  object["error_description"] = description;
  return answer_json(object, status);
}

class FakeServer {
 public:
  using Handler = std::function<FakeAnswer(const FakeRequest&)>;

  explicit FakeServer(Handler handler) : handler_(std::move(handler)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      std::abort();
    }
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    if (::pipe(end_) != 0) std::abort();
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeServer() {
    ::close(end_[1]);
    thread_.join();
    ::close(end_[0]);
    ::close(listener_);
  }

  const std::string& url() const { return url_; }

  // Members of the configuration document to replace or add; to be set before the first request.
  json::object metadata_changes;

  std::vector<FakeRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  std::size_t count(const std::string& path) const {
    std::size_t number = 0;
    for (const auto& request : requests())
      number += request.path == path ? 1 : 0;
    return number;
  }
  json::object last_json() const {
    const auto all = requests();
    return all.empty() ? json::object() : all.back().json;
  }

 private:
  struct Connection {
    int socket;
    std::string input;
  };

  json::object metadata() const {
    json::object document;
    document["issuer"] = url_;
    document["access_token_endpoint"] = url_ + "/at";
    document["mytoken_endpoint"] = url_ + "/my";
    document["tokeninfo_endpoint"] = url_ + "/info";
    document["revocation_endpoint"] = url_ + "/revoke";
    document["token_transfer_endpoint"] = url_ + "/transfer";
    document["providers_supported"] =
        json::array{{{"issuer", "https://op.example.org"}, {"name", "Example"}}};
    for (const auto& change : metadata_changes)
      document[change.key()] = change.value();
    return document;
  }

  // One complete request taken from `input`, or false.
  static bool take(std::string& input, FakeRequest& request) {
    const std::size_t head_end = input.find("\r\n\r\n");
    if (head_end == std::string::npos) return false;
    const std::string head = input.substr(0, head_end);
    std::size_t length = 0;
    if (const auto at = head.find("Content-Length: "); at != std::string::npos)
      length = std::stoul(head.substr(at + 16));
    if (input.size() < head_end + 4 + length) return false;
    if (const auto at = head.find("\r\nAuthorization: "); at != std::string::npos)
      request.authorization = head.substr(at + 17, head.find('\r', at + 2) - at - 17);
    request.head = head;
    request.method = head.substr(0, head.find(' '));
    const std::size_t path = request.method.size() + 1;
    request.path = head.substr(path, head.find(' ', path) - path);
    request.body = input.substr(head_end + 4, length);
    if (auto value = parse_json(request.body); value && value->is_object())
      request.json = value->get_object();
    input.erase(0, head_end + 4 + length);
    return true;
  }

  FakeAnswer answer(const FakeRequest& request) {
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    if (request.path == "/.well-known/mytoken-configuration" && !answers_metadata_itself)
      return answer_json(metadata());
    return handler_(request);
  }

  // False: to be closed.
  bool receive(Connection& connection) {
    char buffer[8192];
    const ssize_t got = ::recv(connection.socket, buffer, sizeof buffer, 0);
    if (got <= 0) return false;
    connection.input.append(buffer, static_cast<std::size_t>(got));
    FakeRequest request;
    while (take(connection.input, request)) {
      const FakeAnswer reply = answer(request);
      if (reply.closes_silently) return false;
      const std::string text =
          "HTTP/1.1 " + std::to_string(reply.status) + " Scripted\r\n" + reply.headers +
          "Content-Length: " + std::to_string(reply.body.size()) + "\r\n\r\n" + reply.body;
      if (::send(connection.socket, text.data(), text.size(), MSG_NOSIGNAL) < 0) return false;
      request = FakeRequest();
    }
    return true;
  }

  void serve() {
    std::vector<Connection> connections;
    for (;;) {
      std::vector<pollfd> ready{{end_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
      for (const auto& connection : connections)
        ready.push_back({connection.socket, POLLIN, 0});
      if (::poll(ready.data(), ready.size(), -1) < 0) continue;
      if (ready[0].revents != 0) break;
      for (std::size_t i = connections.size(); i-- > 0;) {
        if (ready[i + 2].revents == 0 || receive(connections[i])) continue;
        ::close(connections[i].socket);
        connections.erase(connections.begin() + static_cast<std::ptrdiff_t>(i));
      }
      if (ready[1].revents != 0)
        connections.push_back({::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC), {}});
    }
    for (const auto& connection : connections)
      ::close(connection.socket);
  }

 public:
  bool answers_metadata_itself =
      false;  // true: the handler is asked for the configuration document too

 private:
  Handler handler_;
  std::string url_;
  int listener_ = -1;
  int end_[2] = {-1, -1};
  mutable std::mutex mutex_;
  std::vector<FakeRequest> requests_;
  std::thread thread_;
};

}  // namespace mytoken::test
