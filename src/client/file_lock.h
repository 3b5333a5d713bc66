// Exclusive locks that processes take on a file, so that only one of them uses a token at a time.
// flock(2): an end of the process, however it comes, releases them. Source: spec cli.md §4.8.
#pragma once
#include <mytoken/call.h>
#include <mytoken/error.h>

#include <filesystem>
#include <memory>

namespace mytoken::client {

// Held while it lives.
class FileLock {
 public:
  // Creates `lock` (0600) if it is missing and waits for it. If it cannot be created, `instead` (""
  // = nothing), which exists, is locked. `what` names the locked thing in errors: token_source,
  // timeout (the deadline of the call, or 60 s), cancelled.
  static Outcome<std::unique_ptr<FileLock>> take(const std::filesystem::path& lock,
                                                 const std::filesystem::path& instead,
                                                 const std::string& what, const Call& call);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

// 60 s from now or the deadline of the call, whichever is earlier: the end of waiting for a token.
TimePoint end_of_waiting(const Call& call);

}  // namespace mytoken::client
