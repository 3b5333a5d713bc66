// One epoll loop. Requests are small and sent with one call; a full socket buffer would be a bug of
// the plan and ends the run.
#include "load_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string_view>

namespace mytoken::bench {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void give_up(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

// Processor time and memory of another process, from the kernel.
class Observed {
 public:
  explicit Observed(pid_t process) : process_(process) {
    if (process_ != 0 && clock_getcpuclockid(process_, &clock_) != 0) process_ = 0;
  }

  std::chrono::nanoseconds processor_time() const {
    timespec time{};
    if (process_ == 0 || clock_gettime(clock_, &time) != 0) return std::chrono::nanoseconds(0);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }

  void forget_peak() const {
    if (process_ == 0) return;
    std::ofstream(folder() + "/clear_refs") << "5";
  }

  double peak_megabytes() const {
    if (process_ == 0) return 0;
    std::ifstream status(folder() + "/status");
    std::string name;
    while (status >> name) {
      double kilobytes = 0;
      if (name == "VmHWM:" && status >> kilobytes) return kilobytes / 1024;
    }
    return 0;
  }

 private:
  std::string folder() const { return "/proc/" + std::to_string(process_); }
  pid_t process_;
  clockid_t clock_{};
};

struct Answer {
  int status = 0;
  std::size_t size = 0;
};

// The first answer in `bytes`, nullopt if it is not complete.
std::optional<Answer> first_answer(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  Answer answer;
  std::from_chars(bytes.data() + 9, bytes.data() + 12, answer.status);
  constexpr std::string_view name = "\r\nContent-Length: ";
  const std::size_t at = bytes.substr(0, end).find(name);
  std::size_t body = 0;
  if (at != std::string_view::npos) {
    std::from_chars(bytes.data() + at + name.size(), bytes.data() + end, body);
  }
  answer.size = end + 4 + body;
  if (bytes.size() < answer.size) return std::nullopt;
  return answer;
}

struct Connection {
  int socket = -1;
  std::size_t next = 0;  // request
  Clock::time_point sent;
  std::string received;
};

class Load {
 public:
  explicit Load(const LoadPlan& plan) : plan_(plan), server_(plan.server) {
    if (plan_.requests.empty() || plan_.ports.empty())
      throw std::runtime_error("there is nothing to send");
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) give_up("epoll");
    connections_.resize(plan_.connections);
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      connections_[i].next = i % plan_.requests.size();
      open(connections_[i], i);
    }
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() {
    for (const Connection& connection : connections_) {
      if (connection.socket >= 0) ::close(connection.socket);
    }
    ::close(epoll_);
  }

  LoadResult run() {
    if (plan_.once) {
      start_counting();
    } else {
      counts_from_ = Clock::now() + plan_.warm_up;
    }
    for (std::size_t i = 0; i < connections_.size(); ++i)
      send_next(connections_[i]);
    std::array<epoll_event, 512> events;
    while (in_flight_ > 0) {
      const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 30'000);
      if (ready < 0 && errno == EINTR) continue;
      if (ready < 0) give_up("epoll_wait");
      if (ready == 0) throw std::runtime_error("the server did not answer for 30 seconds");
      const Clock::time_point now = Clock::now();
      if (!counting_ && now >= counts_from_) start_counting();
      if (counting_ && !plan_.once && !ended_ && now >= counts_until_) stop_counting(now);
      for (int i = 0; i < ready; ++i) {
        const std::size_t number = events[static_cast<std::size_t>(i)].data.u64;
        receive(connections_[number]);
      }
    }
    if (!ended_) stop_counting(Clock::now());
    return result_;
  }

 private:
  void open(Connection& connection, std::size_t number) {
    connection.socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection.socket < 0) give_up("socket");
    const int on = 1;
    setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(plan_.ports[number % plan_.ports.size()]);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(connection.socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      give_up("connect");
    }
    greet(connection);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = number;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event) != 0) give_up("epoll_ctl");
  }

  void greet(const Connection& connection) const {
    if (plan_.greeting.empty()) return;
    if (::send(connection.socket, plan_.greeting.data(), plan_.greeting.size(), MSG_NOSIGNAL) < 0) {
      give_up("send");
    }
    std::string received;
    std::array<char, 8192> room;
    while (!first_answer(received)) {
      const ssize_t got = ::recv(connection.socket, room.data(), room.size(), 0);
      if (got <= 0) give_up("the greeting was not answered");
      received.append(room.data(), static_cast<std::size_t>(got));
    }
  }

  void start_counting() {
    if (plan_.mark) plan_.mark("start");
    counting_ = true;
    result_.latencies.clear();
    result_.failed = 0;
    server_.forget_peak();
    server_time_before_ = server_.processor_time();
    counts_from_ = Clock::now();
    counts_until_ = counts_from_ + plan_.duration;
  }

  void stop_counting(Clock::time_point now) {
    ended_ = true;
    result_.time = now - counts_from_;
    result_.requests = result_.latencies.count();
    result_.server_time = server_.processor_time() - server_time_before_;
    result_.peak_megabytes = server_.peak_megabytes();
    if (plan_.mark) plan_.mark("stop");
  }

  void send_next(Connection& connection) {
    if (ended_) return;
    if (plan_.once && connection.next >= plan_.requests.size()) return;
    const std::string& request = plan_.requests[connection.next % plan_.requests.size()];
    connection.next += plan_.connections;
    if (!plan_.once) connection.next %= plan_.requests.size();
    connection.sent = Clock::now();
    const ssize_t sent =
        ::send(connection.socket, request.data(), request.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent != static_cast<ssize_t>(request.size())) give_up("send");
    ++in_flight_;
  }

  void receive(Connection& connection) {
    std::array<char, 16384> room;
    const ssize_t got = ::recv(connection.socket, room.data(), room.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) throw std::runtime_error("the server closed a connection");
    connection.received.append(room.data(), static_cast<std::size_t>(got));
    const auto answer = first_answer(connection.received);
    if (!answer) return;
    --in_flight_;
    if (counting_ && !ended_) result_.latencies.record(Clock::now() - connection.sent);
    if (answer->status >= 400) {
      ++result_.failed;
      if (result_.first_failure.empty()) result_.first_failure = connection.received;
    }
    connection.received.clear();
    send_next(connection);
  }

  const LoadPlan& plan_;
  const Observed server_;
  int epoll_ = -1;
  std::vector<Connection> connections_;
  std::size_t in_flight_ = 0;
  bool counting_ = false;
  bool ended_ = false;
  Clock::time_point counts_from_;
  Clock::time_point counts_until_;
  std::chrono::nanoseconds server_time_before_{0};
  LoadResult result_;
};

}  // namespace

LoadResult run_load(const LoadPlan& plan) {
  Load load(plan);
  return load.run();
}

}  // namespace mytoken::bench
