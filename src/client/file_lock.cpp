// Waiting is polling: flock(2) itself can be interrupted by signals only, which belong to the
// program.
#include "client/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace mytoken::client {
namespace {

constexpr std::chrono::seconds longest_wait{60};
constexpr std::chrono::milliseconds poll_step{20};

Failure cannot_lock(const std::string& what) {
  return failure(ErrorKind::token_source,
                 "cannot lock " + what + ": " + std::generic_category().message(errno));
}

}  // namespace

TimePoint end_of_waiting(const Call& call) {
  const TimePoint end = std::chrono::steady_clock::now() + longest_wait;
  return call.deadline ? std::min(*call.deadline, end) : end;
}

Outcome<std::unique_ptr<FileLock>> FileLock::take(const std::filesystem::path& lock,
                                                  const std::filesystem::path& instead,
                                                  const std::string& what, const Call& call) {
  int descriptor = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
  if (descriptor < 0 && !instead.empty() && (errno == EACCES || errno == EROFS || errno == EPERM)) {
    descriptor = ::open(instead.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  }
  if (descriptor < 0) return cannot_lock(what);
  std::unique_ptr<FileLock> held(new FileLock(descriptor));
  SystemTimer timer;
  const TimePoint end = end_of_waiting(call);
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return cannot_lock(what);
    if (call.stop.stop_requested()) return failure(ErrorKind::cancelled, "interrupted");
    if (timer.now() >= end)
      return failure(ErrorKind::timeout, "another process keeps " + what + " locked");
    timer.wait_until(timer.now() + poll_step, call.stop);
  }
  return held;
}

FileLock::~FileLock() {
  ::close(descriptor_);
}

}  // namespace mytoken::client
