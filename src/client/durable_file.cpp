// POSIX calls only: each step that can lose data is visible here.
#include "client/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/encoding.h"
#include "base/random.h"

namespace mytoken::client {
namespace {

// Owns a descriptor.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }
  bool is_open() const { return value_ >= 0; }

 private:
  int value_;
};

std::string system_problem(const std::filesystem::path& path) {
  return path.string() + ": " + std::generic_category().message(errno);
}

bool write_all(int descriptor, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool sync_directory(const std::filesystem::path& directory) {
  const Descriptor descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return descriptor.is_open() && ::fsync(descriptor.get()) == 0;
}

std::filesystem::path directory_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

std::string create(const std::filesystem::path& path, std::string_view content,
                   Durability durability) {
  const Descriptor descriptor(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!descriptor.is_open()) return system_problem(path);
  if (::fchmod(descriptor.get(), 0600) != 0 || !write_all(descriptor.get(), content) ||
      (durability == Durability::full && ::fsync(descriptor.get()) != 0)) {
    std::string problem = system_problem(path);
    ::unlink(path.c_str());
    return problem;
  }
  return "";
}

std::optional<Secret> read_descriptor(int descriptor, std::size_t limit) {
  std::string content(limit + 1, '\0');
  std::size_t length = 0;
  while (length < content.size()) {
    const ssize_t got = ::read(descriptor, content.data() + length, content.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  if (length > limit) {
    errno = EFBIG;
    return std::nullopt;
  }
  content.resize(length);
  return Secret(std::move(content));
}

}  // namespace

std::string replace_file(const std::filesystem::path& path, std::string_view content,
                         Durability durability) {
  const auto directory = directory_of(path);
  const auto temporary = directory / ("." + path.filename().string() + "." + random_text(10));
  if (std::string problem = create(temporary, content, durability); !problem.empty())
    return problem;
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    std::string problem = system_problem(path);
    ::unlink(temporary.c_str());
    return problem;
  }
  if (durability == Durability::full && !sync_directory(directory))
    return system_problem(directory);
  return "";
}

Link link_at(const std::filesystem::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISLNK(status.st_mode)) return Link::none;
  // Links of root, as /dev/stdout, where nobody else can put one.
  if (status.st_uid != ::geteuid() && status.st_uid != 0) return Link::foreign;
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  const bool is_safe = ::stat(folder.c_str(), &status) == 0 && (status.st_mode & S_IWOTH) == 0;
  return is_safe ? Link::own : Link::foreign;
}

std::string create_file(const std::filesystem::path& path, std::string_view content) {
  if (std::string problem = create(path, content, Durability::full); !problem.empty())
    return problem;
  return sync_directory(directory_of(path)) ? "" : system_problem(path);
}

bool append_to(const std::filesystem::path& path, std::string_view content, Link link) {
  const int follow = link == Link::own ? 0 : O_NOFOLLOW;
  const Descriptor descriptor(
      ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | follow));
  struct stat info {};
  if (!descriptor.is_open() || ::fstat(descriptor.get(), &info) != 0) return false;
  const bool is_own_pipe =
      (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode)) && info.st_uid == ::geteuid();
  if (!S_ISCHR(info.st_mode) && !is_own_pipe) return false;
  return ::fcntl(descriptor.get(), F_SETFL, O_APPEND) == 0 && write_all(descriptor.get(), content);
}

std::optional<Secret> read_file(const std::filesystem::path& path, std::size_t limit,
                                std::string& problem) {
  // Pipes are welcome: <(command) of a shell is one.
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  struct stat info {};
  std::optional<Secret> content;
  if (descriptor.is_open() && ::fstat(descriptor.get(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) {
      errno = EISDIR;
    } else {
      content = read_descriptor(descriptor.get(), limit);
    }
  }
  if (!content) problem = system_problem(path);
  return content;
}

std::optional<Secret> read_own_file(const std::filesystem::path& path, std::size_t limit) {
  const Descriptor descriptor(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  struct stat info {};
  if (!descriptor.is_open() || ::fstat(descriptor.get(), &info) != 0) return std::nullopt;
  if (!S_ISREG(info.st_mode) || info.st_uid != ::geteuid() ||
      (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return std::nullopt;
  }
  return read_descriptor(descriptor.get(), limit);
}

std::string sanitised(std::string_view text, std::size_t longest) {
  const bool was_cut = text.size() > longest;
  text = text.substr(0, longest);
  // A cut may leave half a character behind.
  while (was_cut && !text.empty() && !is_utf8(text))
    text.remove_suffix(1);
  const bool is_readable = is_utf8(text);
  std::string clean;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool is_control = byte < ' ' || byte == 0x7f;
    // U+0080 to U+009F control terminals too; they are written C2 80 to C2 9F.
    const bool is_c1 =
        byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (is_control || is_c1 || (byte >= 0x80 && !is_readable)) {
      clean += '?';
      i += is_c1 && is_readable ? 1 : 0;
    } else {
      clean += text[i];
    }
  }
  if (was_cut) clean += "...";
  return clean;
}

}  // namespace mytoken::client
