// AF_UNIX, a path or ("@…") a name in the abstract space.
#include "cli/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>

namespace mytoken::cli {
namespace {

std::optional<long long> number(const std::string& text) {
  long long value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

ServiceManager::ServiceManager(const Context& context)
    : socket_(context.variable("NOTIFY_SOCKET")) {
  if (socket_.empty() || (socket_[0] != '/' && socket_[0] != '@') ||
      socket_.size() >= sizeof(sockaddr_un::sun_path)) {
    socket_.clear();
    return;
  }
  const auto period = number(context.variable("WATCHDOG_USEC"));
  const std::string pid = context.variable("WATCHDOG_PID");
  if (period && *period > 0 && (pid.empty() || number(pid) == ::getpid()))
    watchdog_ = std::max(std::chrono::milliseconds(*period / 2000), std::chrono::milliseconds(1));
}

void ServiceManager::notify(const std::string& state) const {
  if (socket_.empty()) return;
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  (void)::sendto(socket, state.data(), state.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address), length);
  ::close(socket);
}

}  // namespace mytoken::cli
