// The lock file of a SQLite database; see sqlite_lock.h.
#include "sql/sqlite_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace mytoken::sql {
namespace {

Error cannot_open(const std::filesystem::path& file, const std::string& why) {
  return internal_error("cannot open the database " + file.string() + ": " + why);
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

Result<std::filesystem::path> resolve_file(const std::filesystem::path& file) {
  std::error_code problem;
  auto resolved =
      std::filesystem::weakly_canonical(std::filesystem::absolute(file, problem), problem);
  if (problem) return fail(cannot_open(file, problem.message()));
  return resolved;
}

Result<Descriptor> lock_file(const std::filesystem::path& file, std::string_view holder) {
  const std::string name = file.string() + ".lock";
  Descriptor lock(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (lock.number() < 0) {
    return fail(cannot_open(file, "cannot create " + name + " (" + std::strerror(errno) +
                                      "); its directory must exist and be writable"));
  }
  if (::flock(lock.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return fail(cannot_open(file, std::string(holder)));
    }
    return fail(cannot_open(file, "cannot lock " + name + " (" + std::strerror(errno) + ")"));
  }
  return lock;
}

}  // namespace mytoken::sql
