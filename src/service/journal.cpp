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

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(std::filesystem::path file, Log& log) {
  std::unique_ptr<Journal> journal(new Journal(std::move(file), log));
  if (auto loaded = journal->load(); !loaded) return tl::unexpected(loaded.error());
  return journal;
}

Result<void> Journal::load() {
  std::error_code problem;
  if (!std::filesystem::exists(file_, problem)) return {};
  std::ifstream in(file_);
  if (!in)
    return fail(internal_error("the journal " + file_.string() +
                               " cannot be read: " + std::strerror(errno)));
  std::string line;
  while (std::getline(in, line)) {
    auto entry = parse(line);
    if (!entry) {
      if (in.eof()) break;  // torn by a crash: its refresh was never acknowledged
      return fail(
          internal_error("the journal " + file_.string() +
                         " is damaged: move it away only if its refresh tokens may be lost"));
    }
    auto& newest = entries_[entry->refresh_token_id];
    if (newest.version <= entry->version) newest = std::move(*entry);
  }
  return {};
}

Result<void> Journal::append(const Entry& entry) {
  const std::string line = line_of(entry);
  const std::lock_guard lock(mutex_);
  const int descriptor = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (descriptor < 0) return fail(internal_error(std::string("journal: ") + std::strerror(errno)));
  const bool written =
      ::write(descriptor, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
      ::fsync(descriptor) == 0;
  const int problem = errno;
  ::close(descriptor);
  entries_[entry.refresh_token_id] =
      entry;  // even if the disk refused: this process still knows it
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
