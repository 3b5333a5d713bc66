// The right to keep a file, against others who want the same: an exclusive lock on FILE.agent
// beside it, which ends with the process, however it ends.
#pragma once
#include <filesystem>

#include <mytoken/error.h>

namespace mytoken::cli {

class FileClaim {
 public:
  // Error usage: somebody else keeps the file (with the process id, if it can be told), or the lock
  // cannot be made.
  static client::Outcome<FileClaim> take(const std::filesystem::path& file);
  FileClaim(FileClaim&& other) noexcept;
  FileClaim& operator=(FileClaim&&) = delete;
  ~FileClaim();  // removes FILE.agent

 private:
  FileClaim(std::filesystem::path lock, int descriptor);

  std::filesystem::path lock_;
  int descriptor_;
};

}  // namespace mytoken::cli
