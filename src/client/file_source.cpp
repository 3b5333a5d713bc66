// Token files. The file is read after the lock was obtained, never before: whoever waited sees the
// newest token.
#include <mytoken/token_source.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <system_error>

#include "base/clock.h"
#include "base/random.h"
#include "client/durable_file.h"
#include "client/file_lock.h"
#include "client/rescue.h"

namespace mytoken::client {
namespace {

constexpr std::size_t longest_file = 1 << 16;

// The first line without its end, or "" for an empty file.
std::string_view first_line(std::string_view content) {
  std::string_view line = content.substr(0, content.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Failure empty_file(const std::filesystem::path& file) {
  return failure(ErrorKind::token_source, file.string() + " does not begin with a mytoken",
                 no_token);
}

class FileLease final : public TokenLease {
 public:
  FileLease(std::filesystem::path file, std::vector<std::filesystem::path> rescue_directories,
            std::unique_ptr<FileLock> lock)
      : file_(std::move(file)),
        rescue_directories_(std::move(rescue_directories)),
        lock_(std::move(lock)) {}

  Outcome<void> load() {
    std::string problem;
    const auto content = read_file(file_, longest_file, problem);
    if (!content) return failure(ErrorKind::token_source, "cannot read the mytoken: " + problem);
    const std::string_view text = content->reveal();
    const std::string_view line = first_line(text);
    if (line.empty()) return empty_file(file_);
    token_ = Secret(std::string(line));
    const std::size_t end = text.find('\n');
    other_lines_ = Secret(std::string(end == std::string_view::npos ? "" : text.substr(end + 1)));
    return {};
  }

  const Secret& token() const override { return token_; }
  void refresh() override { (void)load(); }

  Outcome<void> commit(const Secret& successor) override {
    token_ = successor;
    std::string content;
    content.reserve(successor.size() + 1 + other_lines_.size());
    content.append(successor.reveal()).append("\n").append(other_lines_.reveal());
    const Secret wiped(std::move(content));
    const std::string problem = replace_file(file_, wiped.reveal(), Durability::full);
    if (problem.empty()) return {};
    const std::string text = "cannot store the rotated mytoken in " + problem;
    std::vector<std::filesystem::path> directories{file_.parent_path()};
    directories.insert(directories.end(), rescue_directories_.begin(), rescue_directories_.end());
    const auto refuge = rescue(token_, file_.filename().string(), directories);
    if (refuge.empty()) return failure(ErrorKind::token_source, text, token_lost);
    return failure(ErrorKind::token_source, text + "; it was saved in " + refuge.string(),
                   token_rescued);
  }

 private:
  std::filesystem::path file_;
  std::vector<std::filesystem::path> rescue_directories_;
  std::unique_ptr<FileLock> lock_;
  Secret token_;
  Secret other_lines_;
};

}  // namespace

std::filesystem::path rescue(const Secret& token, const std::string& name,
                             const std::vector<std::filesystem::path>& directories) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const std::string file = name + ".rescue-" + std::to_string(to_unix(now)) + "-" + random_text(4);
  const Secret line(std::string(token.reveal()) + "\n");
  for (const auto& directory : directories) {
    if (directory.empty()) continue;
    if (create_file(directory / file, line.reveal()).empty()) return directory / file;
  }
  return {};
}

FileTokenSource::FileTokenSource(std::filesystem::path file,
                                 std::vector<std::filesystem::path> rescue_directories)
    : file_(std::move(file)), rescue_directories_(std::move(rescue_directories)) {}
FileTokenSource::~FileTokenSource() = default;

Outcome<std::unique_ptr<TokenLease>> FileTokenSource::acquire(const Call& call) {
  std::error_code problem;
  const auto target = std::filesystem::canonical(file_, problem);
  if (problem) {
    return failure(ErrorKind::token_source,
                   "cannot read the mytoken: " + file_.string() + ": " + problem.message(),
                   problem == std::errc::no_such_file_or_directory ? no_token : "");
  }
  // A token on a read-only mount can be used all the same: then the file itself is locked.
  auto lock = FileLock::take(target.string() + ".lock", target, target.string(), call);
  if (!lock) return failure(std::move(lock.error()));
  auto lease = std::make_unique<FileLease>(target, rescue_directories_, std::move(*lock));
  if (auto loaded = lease->load(); !loaded) return failure(std::move(loaded.error()));
  return lease;
}

Outcome<Secret> FileTokenSource::peek() const {
  std::string problem;
  const auto content = read_file(file_, longest_file, problem);
  if (!content) return failure(ErrorKind::token_source, "cannot read the mytoken: " + problem);
  Secret token{std::string(first_line(content->reveal()))};
  if (token.empty()) return empty_file(file_);
  return token;
}

Outcome<void> write_token_file(const std::filesystem::path& file, const Secret& token) {
  const Secret line(std::string(token.reveal()) + "\n");
  const std::string problem = replace_file(file, line.reveal(), Durability::full);
  if (problem.empty()) return {};
  return failure(ErrorKind::token_source, "cannot store the mytoken in " + problem);
}

}  // namespace mytoken::client
