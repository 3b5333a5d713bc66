// The lock file is removed while the lock is held; whoever opened it just before notices that it is
// no longer the one at the path, and begins again.
#include "cli/file_claim.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

bool is_same_file(int descriptor, const std::filesystem::path& path) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(descriptor, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

std::string holder(int descriptor) {
  std::array<char, 16> text{};
  const ssize_t length = ::pread(descriptor, text.data(), text.size(), 0);
  std::string pid(text.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  pid = pid.substr(0, pid.find_first_not_of("0123456789"));
  return pid.empty() ? "" : " (process " + pid + ")";
}

}  // namespace

FileClaim::FileClaim(std::filesystem::path lock, int descriptor)
    : lock_(std::move(lock)), descriptor_(descriptor) {}
FileClaim::FileClaim(FileClaim&& other) noexcept
    : lock_(std::move(other.lock_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

FileClaim::~FileClaim() {
  if (descriptor_ < 0) return;
  ::unlink(lock_.c_str());
  ::close(descriptor_);
}

client::Outcome<FileClaim> FileClaim::take(const std::filesystem::path& file) {
  std::filesystem::path lock = file;
  lock += ".agent";
  for (;;) {
    const int descriptor =
        ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
    if (descriptor < 0) {
      return failure(ErrorKind::usage, "cannot lock " + lock.string() + ": " +
                                           std::generic_category().message(errno));
    }
    FileClaim claim(lock, descriptor);
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
      claim.descriptor_ = -1;  // not ours to remove
      const std::string who = holder(descriptor);
      ::close(descriptor);
      return failure(ErrorKind::usage, file.string() + " is kept fresh by another agent" + who);
    }
    if (is_same_file(descriptor, lock)) {
      const std::string pid = std::to_string(::getpid()) + "\n";
      if (::ftruncate(descriptor, 0) != 0 ||
          ::pwrite(descriptor, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
        return failure(ErrorKind::usage, "cannot write " + lock.string() + ": " +
                                             std::generic_category().message(errno));
      }
      return claim;
    }
    claim.descriptor_ = -1;
    ::close(descriptor);
  }
}

}  // namespace mytoken::cli
