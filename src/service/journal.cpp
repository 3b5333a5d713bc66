// Reading and appending the journal file; its format stands in journal.h.
#include "service/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/encoding.h"
#include "crypto/hash.h"

namespace mytoken::service {
namespace {

constexpr std::string_view mark = "mytoken-journal-1";

std::string line_of(const Journal::Entry& entry) {
  const std::string body = std::string(mark) + ' ' + std::to_string(entry.refresh_token_id) + ' ' +
                           std::to_string(entry.version) + ' ' + base64(entry.sealed_token);
  return body + ' ' + hex(crypto::sha256(body)) + '\n';
}

std::optional<std::int64_t> number(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Journal::Entry> parse(const std::string& line) {
  const std::size_t last = line.rfind(' ');
  if (last == std::string::npos ||
      hex(crypto::sha256(line.substr(0, last))) != line.substr(last + 1)) {
    return std::nullopt;
  }
  std::istringstream words(line.substr(0, last));
  std::string first;
  std::string id;
  std::string version;
  std::string sealed;
  words >> first >> id >> version >> sealed;
  const auto id_value = number(id);
  const auto version_value = number(version);
  const auto bytes = decode_base64(sealed);
  if (first != mark || !id_value || !version_value || !bytes) return std::nullopt;
  return Journal::Entry{*id_value, *version_value, *bytes};
}

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// A new file is safe when its folder knows it.
bool sync_folder(const std::filesystem::path& file) {
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool done = ::fsync(descriptor) == 0;
  ::close(descriptor);
  return done;
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(std::filesystem::path file, Log& log) {
  std::unique_ptr<Journal> journal(new Journal(std::move(file), log));
  if (auto loaded = journal->load(); !loaded) return tl::unexpected(loaded.error());
  return journal;
}

Result<void> Journal::load() {
  std::error_code problem;
  if (!std::filesystem::exists(file_, problem)) return {};
  std::ifstream in(file_, std::ios::binary);
  if (!in || !std::filesystem::is_regular_file(file_, problem))
    return fail(internal_error("the journal " + file_.string() + " cannot be read"));
  std::ostringstream content;
  content << in.rdbuf();
  const std::string text = content.str();
  if (in.bad()) return fail(internal_error("the journal " + file_.string() + " cannot be read"));
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    auto entry = parse(text.substr(begin, end == std::string::npos ? end : end - begin));
    if (entry) {
      auto& newest = entries_[entry->refresh_token_id];
      if (newest.version <= entry->version) newest = std::move(*entry);
    } else if (end != std::string::npos) {
      return fail(
          internal_error("the journal " + file_.string() +
                         " is damaged: move it away only if its refresh tokens may be lost"));
    }
    // What comes next must begin on a line of its own: a last line that was torn by a crash goes
    // (its refresh was never acknowledged), one that only lacks its end gets it.
    if (end == std::string::npos) return end_last_line(begin, entry.has_value());
    begin = end + 1;
  }
  return {};
}

Result<void> Journal::end_last_line(std::size_t begin, bool is_whole) {
  const int descriptor = ::open(file_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  const bool done = descriptor >= 0 &&
                    (is_whole ? write_all(descriptor, "\n")
                              : ::ftruncate(descriptor, static_cast<off_t>(begin)) == 0) &&
                    ::fsync(descriptor) == 0;
  const int problem = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (done) return {};
  return fail(internal_error("the journal " + file_.string() +
                             " cannot be written: " + std::strerror(problem)));
}

Result<void> Journal::append(const Entry& entry) {
  const std::string line = line_of(entry);
  const std::lock_guard lock(mutex_);
  entries_[entry.refresh_token_id] =
      entry;  // even if the disk refuses: this process still knows it
  const int descriptor = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (descriptor < 0) return fail(internal_error(std::string("journal: ") + std::strerror(errno)));
  const off_t before = ::lseek(descriptor, 0, SEEK_END);
  const bool written = before >= 0 && write_all(descriptor, line) && ::fsync(descriptor) == 0 &&
                       (before > 0 || sync_folder(file_));
  const int problem = errno;
  // Half a line would spoil the next one.
  if (!written && before >= 0 && ::ftruncate(descriptor, before) != 0)
    log_.error("a torn line stays in the journal", {{"problem", std::strerror(errno)}});
  ::close(descriptor);
  if (!written) return fail(internal_error(std::string("journal: ") + std::strerror(problem)));
  return {};
}

std::optional<Journal::Entry> Journal::pending(std::int64_t refresh_token_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(refresh_token_id);
  return found == entries_.end() ? std::nullopt : std::optional<Entry>(found->second);
}

std::vector<Journal::Entry> Journal::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<Entry> list;
  for (const auto& [id, entry] : entries_)
    list.push_back(entry);
  return list;
}

void Journal::settled(const Entry& entry) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(entry.refresh_token_id);
  if (found == entries_.end() || found->second.version != entry.version) return;
  entries_.erase(found);
  if (entries_.empty() && ::truncate(file_.c_str(), 0) != 0 && errno != ENOENT) {
    log_.warning("the journal could not be emptied", {{"problem", std::strerror(errno)}});
  }
}

}  // namespace mytoken::service
