// The two sources. The file is read after the lock was obtained, never before: whoever waited sees
// the newest token.
#include <mytoken/token_source.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <string>
#include <system_error>

#include "base/clock.h"
#include "base/random.h"
#include "client/durable_file.h"

namespace mytoken::client {
namespace {

constexpr std::size_t longest_file = 1 << 16;
constexpr std::chrono::seconds longest_wait{60};
constexpr std::chrono::milliseconds lock_poll{20};

// The first line without its end, or "" for an empty file.
std::string_view first_line(std::string_view content) {
  std::string_view line = content.substr(0, content.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

class FileLease final : public TokenLease {
 public:
  FileLease(std::filesystem::path file, std::vector<std::filesystem::path> rescue_directories,
            int lock)
      : file_(std::move(file)), rescue_directories_(std::move(rescue_directories)), lock_(lock) {}
  ~FileLease() override { ::close(lock_); }

  Outcome<void> load() {
    std::string problem;
    const auto content = read_file(file_, longest_file, problem);
    if (!content) return failure(ErrorKind::token_source, "cannot read the mytoken: " + problem);
    const std::string_view text = content->reveal();
    token_ = Secret(std::string(first_line(text)));
    const std::size_t end = text.find('\n');
    other_lines_ = Secret(std::string(end == std::string_view::npos ? "" : text.substr(end + 1)));
    if (token_.empty())
      return failure(ErrorKind::token_source, file_.string() + " does not begin with a mytoken");
    return {};
  }

  const Secret& token() const override { return token_; }

  Outcome<void> commit(const Secret& successor) override {
    token_ = successor;
    std::string content;
    content.reserve(successor.size() + 1 + other_lines_.size());
    content.append(successor.reveal()).append("\n").append(other_lines_.reveal());
    const Secret wiped(std::move(content));
    const std::string problem = replace_file(file_, wiped.reveal(), Durability::full);
    if (problem.empty()) return {};
    const std::string text = "cannot store the rotated mytoken in " + problem;
    const auto rescue = write_rescue();
    if (rescue.empty()) return failure(ErrorKind::token_source, text, token_lost);
    return failure(ErrorKind::token_source, text + "; it was saved in " + rescue.string(),
                   token_rescued);
  }

 private:
  // Where the token went, or "".
  std::filesystem::path write_rescue() const {
    std::vector<std::filesystem::path> directories{file_.parent_path()};
    directories.insert(directories.end(), rescue_directories_.begin(), rescue_directories_.end());
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const std::string name = file_.filename().string() + ".rescue-" + std::to_string(to_unix(now)) +
                             "-" + random_text(4);
    for (const auto& directory : directories) {
      if (directory.empty()) continue;
      const auto path = directory / name;
      if (create_file(path, std::string(token_.reveal()) + "\n").empty()) return path;
    }
    return {};
  }

  std::filesystem::path file_;
  std::vector<std::filesystem::path> rescue_directories_;
  int lock_;
  Secret token_;
  Secret other_lines_;
};

// A descriptor to lock, or -1 with errno.
int open_lock(const std::filesystem::path& file) {
  const std::string name = file.string() + ".lock";
  const int lock = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
  if (lock >= 0 || (errno != EACCES && errno != EROFS && errno != EPERM)) return lock;
  // A token on a read-only mount can be used all the same.
  return ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

Outcome<void> lock(int descriptor, const std::filesystem::path& file, const Call& call) {
  SystemTimer timer;
  TimePoint end = timer.now() + longest_wait;
  if (call.deadline && *call.deadline < end) end = *call.deadline;
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return failure(ErrorKind::token_source, "cannot lock " + file.string() + ": " +
                                                  std::generic_category().message(errno));
    }
    if (call.stop.stop_requested()) return failure(ErrorKind::cancelled, "interrupted");
    if (timer.now() >= end) {
      return failure(ErrorKind::timeout, "another process keeps " + file.string() + " locked");
    }
    timer.wait_until(timer.now() + lock_poll, call.stop);
  }
  return {};
}

}  // namespace

TokenLease::~TokenLease() = default;
TokenSource::~TokenSource() = default;

struct MemoryTokenSource::State {
  std::mutex mutex;
  std::condition_variable_any released;
  bool is_leased = false;
  Secret token;
  OnRotation on_rotation;
};

namespace {

template <class State>
class MemoryLease final : public TokenLease {
 public:
  explicit MemoryLease(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~MemoryLease() override {
    const std::lock_guard lock(state_->mutex);
    state_->is_leased = false;
    state_->released.notify_one();
  }
  const Secret& token() const override { return state_->token; }
  Outcome<void> commit(const Secret& successor) override {
    state_->token = successor;
    if (!state_->on_rotation) return {};
    return state_->on_rotation(successor);
  }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace

MemoryTokenSource::MemoryTokenSource(Secret token, OnRotation on_rotation)
    : state_(std::make_shared<State>()) {
  state_->token = std::move(token);
  state_->on_rotation = std::move(on_rotation);
}
MemoryTokenSource::~MemoryTokenSource() = default;

Outcome<std::unique_ptr<TokenLease>> MemoryTokenSource::acquire(const Call& call) {
  TimePoint end = std::chrono::steady_clock::now() + longest_wait;
  if (call.deadline && *call.deadline < end) end = *call.deadline;
  std::unique_lock lock(state_->mutex);
  if (!state_->released.wait_until(lock, call.stop, end, [this] { return !state_->is_leased; })) {
    if (call.stop.stop_requested()) return failure(ErrorKind::cancelled, "interrupted");
    return failure(ErrorKind::timeout, "the mytoken is in use");
  }
  state_->is_leased = true;
  return std::make_unique<MemoryLease<State>>(state_);
}

FileTokenSource::FileTokenSource(std::filesystem::path file,
                                 std::vector<std::filesystem::path> rescue_directories)
    : file_(std::move(file)), rescue_directories_(std::move(rescue_directories)) {}

Outcome<std::unique_ptr<TokenLease>> FileTokenSource::acquire(const Call& call) {
  std::error_code problem;
  const auto target = std::filesystem::canonical(file_, problem);
  if (problem) {
    return failure(ErrorKind::token_source,
                   "cannot read the mytoken: " + file_.string() + ": " + problem.message());
  }
  const int descriptor = open_lock(target);
  if (descriptor < 0) {
    return failure(ErrorKind::token_source, "cannot lock " + target.string() + ": " +
                                                std::generic_category().message(errno));
  }
  auto lease = std::make_unique<FileLease>(target, rescue_directories_, descriptor);
  if (auto locked_now = lock(descriptor, target, call); !locked_now)
    return failure(std::move(locked_now.error()));
  if (auto loaded = lease->load(); !loaded) return failure(std::move(loaded.error()));
  return lease;
}

Outcome<Secret> FileTokenSource::peek() const {
  std::string problem;
  const auto content = read_file(file_, longest_file, problem);
  if (!content) return failure(ErrorKind::token_source, "cannot read the mytoken: " + problem);
  Secret token{std::string(first_line(content->reveal()))};
  if (token.empty())
    return failure(ErrorKind::token_source, file_.string() + " does not begin with a mytoken");
  return token;
}

}  // namespace mytoken::client
