// The HTTP server writes access lines and failures to one Log. Here they part: access lines are
// those of level info.
#include "app/logs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace mytoken::app {
namespace {

// Failures to the internal log, everything else to the access log, if there is one.
class HttpLog final : public Log {
 public:
  HttpLog(FileLog& internal, std::unique_ptr<FileLog> access, Format format)
      : Log(2, access ? LogLevel::info : LogLevel::warning, format),
        internal_(internal),
        access_(std::move(access)),
        json_(format == Format::json) {}

 protected:
  // A line begins with a time of 24 letters and the level, in both formats (base/log.cpp).
  void emit(std::string_view line) override {
    const std::string_view level =
        line.substr(std::min(line.size(), json_ ? level_in_json : level_in_text));
    if (access_ && level.starts_with("info")) {
      access_->append(line);
    } else if (level.starts_with("error") || internal_.enabled(LogLevel::warning)) {
      internal_.append(line);
    }
  }

 private:
  static constexpr std::size_t level_in_json =
      sizeof(R"({"ts":"2000-01-01T00:00:00.000Z","level":")") - 1;
  static constexpr std::size_t level_in_text = sizeof("2000-01-01T00:00:00.000Z ") - 1;

  FileLog& internal_;
  std::unique_ptr<FileLog> access_;
  bool json_;
};

}  // namespace

Result<std::unique_ptr<FileLog>> FileLog::open(const LogTarget& target,
                                               const std::string& file_name, LogLevel level,
                                               Format format) {
  std::unique_ptr<FileLog> log(new FileLog(level, format));
  if (!target.directory.empty()) {
    const std::string path = target.directory + "/" + file_name;
    log->file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log->file_ < 0) {
      return fail(
          internal_error(fmt::format("cannot write the log {}: {}", path, std::strerror(errno))));
    }
    log->descriptors_.push_back(log->file_);
  }
  if (target.to_stderr) log->descriptors_.push_back(STDERR_FILENO);
  return log;
}

FileLog::~FileLog() {
  if (file_ >= 0) ::close(file_);
}

void FileLog::append(std::string_view line) {
  for (const int descriptor : descriptors_) {
    // A log that cannot be written is no reason to fail a request.
    [[maybe_unused]] const ssize_t written = ::write(descriptor, line.data(), line.size());
  }
}

Result<Logs> Logs::open(const Config& config) {
  Logs logs;
  auto internal =
      FileLog::open(config.internal_log, "mytoken.log", config.log_level, config.log_format);
  if (!internal) return fail(internal.error());
  logs.internal = std::move(*internal);
  std::unique_ptr<FileLog> access;
  if (!config.access_log.directory.empty() || config.access_log.to_stderr) {
    auto opened = FileLog::open(config.access_log, "access.log", LogLevel::info, config.log_format);
    if (!opened) return fail(opened.error());
    access = std::move(*opened);
  }
  logs.http = std::make_unique<HttpLog>(*logs.internal, std::move(access), config.log_format);
  return logs;
}

}  // namespace mytoken::app
