// Where the lines of the server's log go: files named in the configuration, standard error, or both
// (operations.md §9).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "app/config.h"
#include "base/log.h"

namespace mytoken::app {

// A log with any number of targets. Thread-safe; each line is one write to each target.
class FileLog final : public Log {
 public:
  // Files are made with mode 0600 and appended to. Error: cause with the directory that is missing
  // or not writable.
  static Result<std::unique_ptr<FileLog>> open(const LogTarget& target,
                                               const std::string& file_name, LogLevel level,
                                               Format format);
  ~FileLog() override;
  FileLog(const FileLog&) = delete;
  FileLog& operator=(const FileLog&) = delete;

  // A line that another Log made, with its line feed.
  void append(std::string_view line);

 protected:
  void emit(std::string_view line) override { append(line); }

 private:
  FileLog(LogLevel level, Format format) : Log(2, level, format) {}
  std::vector<int> descriptors_;
  int file_ = -1;
};

// The server's logs: what happens inside, and, for the HTTP server, the same plus a line for each
// request.
struct Logs {
  std::unique_ptr<FileLog> internal;
  std::unique_ptr<Log> http;

  static Result<Logs> open(const Config& config);
};

}  // namespace mytoken::app
