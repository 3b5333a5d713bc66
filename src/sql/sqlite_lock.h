// The lock that keeps two programs from serving one SQLite file: `<file>.lock`, held with flock.
// The operating system releases it with the process. Reading beside the holder is fine (backup).
#pragma once
#include <filesystem>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace mytoken::sql {

// A file descriptor that is closed with the object.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor();
  int number() const { return number_; }

 private:
  int number_;
};

// One file has one lock, by whatever name it is reached: absolute, links resolved.
Result<std::filesystem::path> resolve_file(const std::filesystem::path& file);

// Error (cause: one line that says what to do): somebody holds it; the folder cannot be written.
// `holder` says who that may be and what to do.
Result<Descriptor> lock_file(
    const std::filesystem::path& file,
    std::string_view holder = "another server has it open; stop that one first");

}  // namespace mytoken::sql
