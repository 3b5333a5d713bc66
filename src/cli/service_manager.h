// Telling systemd how a service is (sd_notify(3)): one datagram per message to $NOTIFY_SOCKET. The
// protocol is small enough to need no library.
#pragma once
#include <chrono>
#include <optional>
#include <string>

#include "cli/context.h"

namespace mytoken::cli {

class ServiceManager {
 public:
  explicit ServiceManager(const Context& context);

  // "READY=1", "STATUS=…", several lines. Without a manager, or if it does not listen, nothing
  // happens.
  void notify(const std::string& state) const;
  // How often it wants to hear WATCHDOG=1: half of the time after which it gives up.
  const std::optional<std::chrono::milliseconds>& watchdog() const { return watchdog_; }

 private:
  std::string socket_;
  std::optional<std::chrono::milliseconds> watchdog_{};
};

}  // namespace mytoken::cli
