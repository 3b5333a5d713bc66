// The file of held leases; see lease_book.h.
#include "service/lease_book.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include "base/random.h"

namespace mytoken::service {
namespace {

constexpr std::size_t head = 512;
constexpr std::size_t slot_count = 16'384;
constexpr std::size_t file_size = head + slot_count * sizeof(std::int64_t);

Error cannot(const std::filesystem::path& file, const char* what) {
  return internal_error(std::string("cannot ") + what + " " + file.string() + ": " +
                        std::strerror(errno));
}

LeaseBook::Leftover read_book(const std::filesystem::path& file) {
  LeaseBook::Leftover found;
  found.file = file;
  std::ifstream in(file, std::ios::binary);
  std::array<char, head> name{};
  in.read(name.data(), name.size());
  if (!in) return found;
  found.owner.assign(name.data(), ::strnlen(name.data(), name.size()));
  std::int64_t id = 0;
  for (std::size_t slot = 0; slot < slot_count; ++slot) {
    if (!in.read(reinterpret_cast<char*>(&id), sizeof id)) break;
    if (id != 0) found.refresh_token_ids.push_back(id);
  }
  return found;
}

}  // namespace

LeaseBook::~LeaseBook() {
  if (descriptor_ < 0) return;
  ::munmap(reinterpret_cast<char*>(slots_) - head, file_size);
  // Leases that could not be ended are for the next process.
  std::error_code ignored;
  if (used_.empty()) std::filesystem::remove(file_, ignored);
  ::close(descriptor_);
}

// A book whose process lives is locked; one that is settled by another process at the same time
// costs that one a look at leases that are gone.
void LeaseBook::find_leftovers(const std::filesystem::path& prefix) {
  const std::filesystem::path folder = prefix.has_parent_path() ? prefix.parent_path() : ".";
  const std::string begin = prefix.filename().string() + "-";
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(folder, problem)) {
    if (!entry.path().filename().string().starts_with(begin)) continue;
    const int other = ::open(entry.path().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (other < 0) continue;
    if (::flock(other, LOCK_EX | LOCK_NB) == 0) {
      Leftover left = read_book(entry.path());
      // One without a name was not begun yet, or is none.
      if (!left.owner.empty()) leftovers_.push_back(std::move(left));
    }
    ::close(other);
  }
}

Result<void> LeaseBook::open(const std::filesystem::path& prefix, const std::string& owner) {
  const std::lock_guard lock(mutex_);
  find_leftovers(prefix);
  file_ = prefix.string() + "-" + random_text(8);
  descriptor_ = ::open(file_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor_ < 0) return fail(cannot(file_, "create"));
  std::array<char, head> name{};
  owner.copy(name.data(), head - 1);
  if (::flock(descriptor_, LOCK_EX) != 0 ||
      ::posix_fallocate(descriptor_, 0, static_cast<off_t>(file_size)) != 0 ||
      ::pwrite(descriptor_, name.data(), head, 0) != static_cast<ssize_t>(head)) {
    return fail(cannot(file_, "write"));
  }
  void* page = ::mmap(nullptr, file_size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
  if (page == MAP_FAILED) return fail(cannot(file_, "map"));
  static_assert(sizeof(std::atomic<std::int64_t>) == sizeof(std::int64_t));
  slots_ = reinterpret_cast<std::atomic<std::int64_t>*>(static_cast<char*>(page) + head);
  for (std::size_t slot = slot_count; slot > 0; --slot)
    free_.push_back(slot - 1);
  return {};
}

LeaseBook::Entry LeaseBook::enter(std::int64_t refresh_token_id) {
  const std::lock_guard lock(mutex_);
  kept_.erase(refresh_token_id);
  if (!used_.contains(refresh_token_id) && !free_.empty()) {
    const std::size_t slot = free_.back();
    free_.pop_back();
    used_.emplace(refresh_token_id, slot);
    slots_[slot].store(refresh_token_id);
  }
  return Entry(*this, refresh_token_id);
}

void LeaseBook::keep(std::int64_t refresh_token_id) {
  const std::lock_guard lock(mutex_);
  kept_.insert(refresh_token_id);
}

std::vector<std::int64_t> LeaseBook::kept() const {
  const std::lock_guard lock(mutex_);
  return {kept_.begin(), kept_.end()};
}

void LeaseBook::remove(std::int64_t refresh_token_id) {
  const std::lock_guard lock(mutex_);
  kept_.erase(refresh_token_id);
  const auto found = used_.find(refresh_token_id);
  if (found == used_.end()) return;
  slots_[found->second].store(0);
  free_.push_back(found->second);
  used_.erase(found);
}

std::vector<LeaseBook::Leftover> LeaseBook::leftovers() const {
  const std::lock_guard lock(mutex_);
  return leftovers_;
}

void LeaseBook::settled(const Leftover& leftover) {
  const std::lock_guard lock(mutex_);
  std::erase_if(leftovers_, [&](const Leftover& other) { return other.file == leftover.file; });
  std::error_code ignored;
  std::filesystem::remove(leftover.file, ignored);
}

}  // namespace mytoken::service
