// Plain system calls where descriptors travel, asio where a server waits.
#include "app/handover.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <sstream>

namespace mytoken::app {
namespace {

namespace local = boost::asio::local;
using boost::system::error_code;

constexpr std::string_view greeting = "mytoken-handover-1 ";
constexpr std::string_view end_word = "end\n";
constexpr int first_of_supervisor = 3;
constexpr std::size_t most_sockets = 200;  // SCM_RIGHTS carries 253
constexpr std::chrono::milliseconds answer_time{5000};

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::string value_of(const Environment& environment, const char* name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Error handover_error(const std::string& path, std::string_view why) {
  return internal_error(fmt::format("handover at {}: {}", path, why));
}

bool is_same_user(int connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == ::geteuid() || peer.uid == 0);
}

bool send_sockets(int connection, const ListeningSockets& sockets) {
  std::vector<int> all = sockets.http;
  all.insert(all.end(), sockets.health.begin(), sockets.health.end());
  if (all.empty() || all.size() > most_sockets) return false;
  std::string text = fmt::format("{}{} {}\n", greeting, all.size(), sockets.health.size());
  iovec data{text.data(), text.size()};
  std::vector<char> control(CMSG_SPACE(all.size() * sizeof(int)));
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(all.size() * sizeof(int));
  std::memcpy(CMSG_DATA(header), all.data(), all.size() * sizeof(int));
  return ::sendmsg(connection, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

// The text of one message and the descriptors that came with it.
std::string receive_sockets(int connection, std::vector<int>& descriptors) {
  std::array<char, 128> text{};
  std::vector<char> control(CMSG_SPACE(most_sockets * sizeof(int)));
  iovec data{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); got > 0 && header;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    const std::size_t before = descriptors.size();
    descriptors.resize(before + count);
    std::memcpy(descriptors.data() + before, CMSG_DATA(header), count * sizeof(int));
  }
  return got > 0 ? std::string(text.data(), static_cast<std::size_t>(got)) : std::string();
}

bool is_readable_within(int descriptor, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    pollfd wanted{descriptor, POLLIN, 0};
    const int ready = ::poll(&wanted, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

void close_all(std::vector<int>& descriptors) {
  for (const int descriptor : descriptors)
    ::close(descriptor);
  descriptors.clear();
}

}  // namespace

Result<ListeningSockets> sockets_of_supervisor(const Environment& environment) {
  ListeningSockets sockets;
  if (value_of(environment, "LISTEN_PID") != std::to_string(::getpid())) return sockets;
  const auto count = number(value_of(environment, "LISTEN_FDS"));
  if (!count || static_cast<std::size_t>(*count) > most_sockets)
    return fail(internal_error("LISTEN_FDS must be a number of at most 200"));
  std::istringstream names(value_of(environment, "LISTEN_FDNAMES"));
  for (int i = 0; i < *count; ++i) {
    std::string name;
    std::getline(names, name, ':');
    (name == "health" ? sockets.health : sockets.http).push_back(first_of_supervisor + i);
  }
  return sockets;
}

Result<std::optional<Predecessor>> Predecessor::ask(const std::string& path) {
  const auto address = address_of(path);
  if (!address) return fail(handover_error(path, "the path is empty or too long"));
  const int connection = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection < 0) return fail(handover_error(path, std::strerror(errno)));
  Predecessor predecessor(connection);
  if (::connect(connection, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) return std::optional<Predecessor>();
    return fail(handover_error(path, std::strerror(errno)));
  }
  if (!is_same_user(connection)) return fail(handover_error(path, "it belongs to another user"));
  std::vector<int> all;
  std::string text;
  if (is_readable_within(connection, answer_time)) text = receive_sockets(connection, all);
  std::istringstream words(text);
  std::string first;
  std::size_t count = 0;
  std::size_t health = 0;
  words >> first >> count >> health;
  if (!words || first + ' ' != greeting || count != all.size() || health >= all.size()) {
    close_all(all);
    return fail(handover_error(path, "the running server does not hand over; stop it first"));
  }
  const auto split = all.end() - static_cast<std::ptrdiff_t>(health);
  predecessor.sockets_.http.assign(all.begin(), split);
  predecessor.sockets_.health.assign(split, all.end());
  return std::optional<Predecessor>(std::move(predecessor));
}

Predecessor::Predecessor(Predecessor&& other) noexcept
    : connection_(std::exchange(other.connection_, -1)),
      sockets_(std::exchange(other.sockets_, {})) {}

Predecessor::~Predecessor() {
  if (connection_ >= 0) ::close(connection_);
  close_all(sockets_.http);
  close_all(sockets_.health);
}

void Predecessor::end() {
  // One that has ended meanwhile need not be told.
  (void)::send(connection_, end_word.data(), end_word.size(), MSG_NOSIGNAL);
}

bool Predecessor::wait(std::chrono::milliseconds limit) {
  return is_readable_within(connection_, limit);
}

struct Handover::Impl : std::enable_shared_from_this<Handover::Impl> {
  using Stream = local::stream_protocol::socket;

  Impl(boost::asio::io_context& context, std::string at, std::function<ListeningSockets()> give,
       std::function<void()> finish)
      : path(std::move(at)),
        sockets(std::move(give)),
        end(std::move(finish)),
        acceptor(context),
        successor(context) {}

  Result<void> listen() {
    const auto address = address_of(path);
    if (!address) return fail(handover_error(path, "the path is empty or too long"));
    // Under another name first: a successor finds the old server until it finds this one.
    const std::string temporary = fmt::format("{}.{}", path, ::getpid());
    error_code ec;
    ::unlink(temporary.c_str());
    acceptor.open(local::stream_protocol(), ec);
    if (!ec) acceptor.bind(local::stream_protocol::endpoint(temporary), ec);
    if (!ec) acceptor.listen(4, ec);
    if (ec) return fail(handover_error(path, ec.message()));
    struct stat status {};
    if (::chmod(temporary.c_str(), 0600) != 0 || ::stat(temporary.c_str(), &status) != 0 ||
        ::rename(temporary.c_str(), path.c_str()) != 0) {
      const int why = errno;
      ::unlink(temporary.c_str());
      return fail(handover_error(path, std::strerror(why)));
    }
    inode = status.st_ino;
    await_successor();
    return {};
  }

  void await_successor() {
    acceptor.async_accept([self = shared_from_this()](error_code ec, Stream stream) {
      if (!self->acceptor.is_open()) return;
      if (!ec) self->greet(std::move(stream));
      self->await_successor();
    });
  }

  void greet(Stream stream) {
    if (ended || !is_same_user(stream.native_handle()) ||
        !send_sockets(stream.native_handle(), sockets())) {
      return;
    }
    successor = std::move(stream);  // one at a time: the last
    successor.async_read_some(
        boost::asio::buffer(word), [self = shared_from_this()](error_code ec, std::size_t got) {
          if (ec || self->ended || std::string_view(self->word.data(), got) != end_word) return;
          self->ended = true;
          self->end();
        });
  }

  void close() {
    if (!acceptor.is_open()) return;
    error_code ignored;
    acceptor.close(ignored);
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && status.st_ino == inode) ::unlink(path.c_str());
    if (!ended) successor.close(ignored);
  }

  const std::string path;
  const std::function<ListeningSockets()> sockets;
  const std::function<void()> end;
  local::stream_protocol::acceptor acceptor;
  Stream successor;
  std::array<char, 8> word{};
  ino_t inode = 0;
  bool ended = false;
};

Result<std::unique_ptr<Handover>> Handover::listen(boost::asio::io_context& context,
                                                   const std::string& path,
                                                   std::function<ListeningSockets()> sockets,
                                                   std::function<void()> end) {
  auto impl = std::make_shared<Impl>(context, path, std::move(sockets), std::move(end));
  if (auto listening = impl->listen(); !listening) return fail(listening.error());
  return std::unique_ptr<Handover>(new Handover(std::move(impl)));
}

Handover::~Handover() {
  close();
}

void Handover::close() {
  impl_->close();
}

void notify_supervisor(const Environment& environment, const std::string& state) {
  std::string path = value_of(environment, "NOTIFY_SOCKET");
  const auto address = address_of(path);
  if (!address || (path.front() != '/' && path.front() != '@')) return;
  sockaddr_un to = *address;
  if (path.front() == '@') to.sun_path[0] = '\0';
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  (void)::sendto(descriptor, state.data(), state.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&to), size);
  ::close(descriptor);
}

}  // namespace mytoken::app
