// Reading and appending the journal file; its format stands in journal.h.
#include "service/journal.h"

#include <fcntl.h>
#include <sys/file.h>
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

constexpr std::string_view family = "mytoken-journal-";
constexpr std::string_view entry_mark = "mytoken-journal-1";
constexpr std::string_view owner_mark = "mytoken-journal-2 installation";

std::string sealed_line(const std::string& body) {
  return body + ' ' + hex(crypto::sha256(body)) + '\n';
}

std::string line_of(const Journal::Entry& entry) {
  return sealed_line(std::string(entry_mark) + ' ' + std::to_string(entry.refresh_token_id) + ' ' +
                     std::to_string(entry.version) + ' ' + base64(entry.sealed_token));
}

std::optional<std::int64_t> number(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// What stands before the digest; nullopt if they do not belong together.
std::optional<std::string> body_of(const std::string& line) {
  const std::size_t last = line.rfind(' ');
  if (last == std::string::npos ||
      hex(crypto::sha256(line.substr(0, last))) != line.substr(last + 1)) {
    return std::nullopt;
  }
  return line.substr(0, last);
}

std::optional<Journal::Entry> parse_entry(const std::string& body) {
  std::istringstream words(body);
  std::string first;
  std::string id;
  std::string version;
  std::string sealed;
  words >> first >> id >> version >> sealed;
  const auto id_value = number(id);
  const auto version_value = number(version);
  const auto bytes = decode_base64(sealed);
  if (first != entry_mark || !id_value || !version_value || !bytes) return std::nullopt;
  return Journal::Entry{*id_value, *version_value, *bytes};
}

// Of the disk: 256 KiB.
constexpr off_t reserved = 1 << 18;

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

std::string lock_name(const std::filesystem::path& file) {
  return file.string() + ".lock";
}

// -1: somebody else has it, or it cannot be made (errno is not EWOULDBLOCK then).
int take_lock(const std::filesystem::path& file, int flags) {
  const int descriptor = ::open(lock_name(file).c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0 || ::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  const int why = errno;
  ::close(descriptor);
  errno = why;
  return -1;
}

bool is_held(const std::filesystem::path& file) {
  const int lock = take_lock(file, O_RDONLY);
  if (lock < 0) return errno == EWOULDBLOCK;
  ::close(lock);
  return false;
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(std::filesystem::path file, Log& log) {
  std::filesystem::path other = file;
  other += ".next";
  if (is_held(file)) std::swap(file, other);
  std::unique_ptr<Journal> journal(new Journal(std::move(file), std::move(other), log));
  if (is_held(journal->file_)) {
    return fail(journal->problem(
        "is in use by two other servers: name a file for each server in database.journal"));
  }
  if (auto loaded = journal->load(); !loaded) return tl::unexpected(loaded.error());
  return journal;
}

Journal::~Journal() {
  if (lock_ >= 0) ::close(lock_);
}

Result<void> Journal::lock() {
  lock_ = take_lock(file_, O_RDWR | O_CREAT);
  if (lock_ >= 0) return {};
  return fail(problem(std::string("cannot be locked (") + std::strerror(errno) +
                      "): name a file for each server in database.journal"));
}

void Journal::adopt_leftovers() {
  std::error_code ec;
  if (std::filesystem::file_size(other_, ec) == 0 || ec) return;
  Journal left(other_, file_, log_);
  left.lock_ = take_lock(other_, O_RDWR | O_CREAT);
  if (left.lock_ < 0) return;  // its process lives
  auto readable = left.load();
  if (readable && left.installation_ != installation_) readable = fail(left.of_another());
  if (!readable) {
    if (!complained_) log_.error("a journal is left over", {{"problem", readable.error().cause}});
    complained_ = true;
    return;
  }
  for (const Entry& entry : left.all()) {
    const auto known = pending(entry.refresh_token_id);
    if (known && known->version >= entry.version) continue;
    if (!append(entry)) return;  // it is in the other file still
  }
  if (::truncate(other_.c_str(), 0) != 0)
    log_.warning("the journal could not be emptied", {{"problem", std::strerror(errno)}});
}

Error Journal::problem(std::string_view what) const {
  return internal_error("the journal " + file_.string() + " " + std::string(what));
}

Result<void> Journal::load() {
  std::error_code ec;
  const auto status = std::filesystem::status(file_, ec);
  if (status.type() == std::filesystem::file_type::not_found) return {};
  if (!ec && status.type() != std::filesystem::file_type::regular)
    return fail(problem("is no file: name another one in database.journal"));
  errno = 0;
  std::ifstream in(file_, std::ios::binary);
  std::ostringstream content;
  if (in) content << in.rdbuf();
  if (ec || !in || in.bad()) {
    const std::string why = ec ? ec.message() : std::strerror(errno ? errno : EIO);
    return fail(problem("cannot be read (" + why + "): let the server's user read and write it"));
  }
  const std::string text = content.str();
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    auto taken = take(text.substr(begin, end == std::string::npos ? end : end - begin));
    if (end != std::string::npos) {
      if (!taken) return taken;
      begin = end + 1;
      continue;
    }
    // A last line that was torn by a crash: its refresh was never acknowledged.
    if (taken) {
      lacks_end_ = true;
    } else {
      torn_at_ = begin;
    }
    break;
  }
  return {};
}

Result<void> Journal::take(const std::string& line) {
  const auto body = body_of(line);
  if (!body) {
    return fail(
        problem("is damaged: restore it, or move it away if the logins that it keeps may be lost"));
  }
  if (auto entry = parse_entry(*body)) {
    auto& newest = entries_[entry->refresh_token_id];
    if (newest.version <= entry->version) newest = std::move(*entry);
    return {};
  }
  if (body->starts_with(std::string(owner_mark) + ' ')) {
    const std::string named = body->substr(owner_mark.size() + 1);
    if (names_owner_ && named != installation_)
      return fail(problem("names two installations: move it away and ask who wrote it"));
    installation_ = named;
    names_owner_ = true;
    return {};
  }
  return fail(
      problem(body->starts_with(family)
                  ? "is of a later version: update this program, or use the one that wrote it"
                  : "is of something else: name another file in database.journal"));
}

std::string Journal::owner_line() const {
  return sealed_line(std::string(owner_mark) + ' ' + installation_);
}

Result<void> Journal::check_owner(const std::string& installation) const {
  if (!names_owner_ || installation_ == installation) return {};
  return fail(of_another());
}

Error Journal::of_another() const {
  const std::string whose = names_owner_ ? " (" + installation_ + ")" : std::string();
  return problem("belongs to another installation" + whose +
                 " than the database: name this server's own file in database.journal, or move "
                 "that one back to the server it comes from");
}

Result<void> Journal::bind(const std::string& installation) {
  if (auto fine = check_owner(installation); !fine) return fine;
  installation_ = installation;
  std::error_code ec;
  const bool exists = std::filesystem::exists(file_, ec);
  const std::filesystem::path folder = file_.has_parent_path() ? file_.parent_path() : ".";
  if (::access(exists ? file_.c_str() : folder.c_str(), exists ? W_OK : W_OK | X_OK) != 0) {
    return fail(problem(std::string("cannot be written (") + std::strerror(errno) +
                        "): its folder must exist and belong to the server's user"));
  }
  if (auto locked = lock(); !locked) return locked;
  if (auto ended = end_last_line(); !ended) return ended;
  is_bound_ = true;
  reserve();
  adopt_leftovers();
  return {};
}

// What comes next must begin on a line of its own, after the owner's.
Result<void> Journal::end_last_line() {
  const bool needs_owner = !entries_.empty() && !names_owner_;
  if (!torn_at_ && !lacks_end_ && !needs_owner) return {};
  const int descriptor = ::open(file_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  const bool done = descriptor >= 0 &&
                    (!torn_at_ || ::ftruncate(descriptor, static_cast<off_t>(*torn_at_)) == 0) &&
                    (!lacks_end_ || write_all(descriptor, "\n")) &&
                    (!needs_owner || write_all(descriptor, owner_line())) &&
                    ::fsync(descriptor) == 0;
  const int why = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!done) return fail(problem(std::string("cannot be written: ") + std::strerror(why)));
  names_owner_ = names_owner_ || needs_owner;
  torn_at_.reset();
  lacks_end_ = false;
  return {};
}

Result<void> Journal::append(const Entry& entry) {
  const std::lock_guard lock(mutex_);
  entries_[entry.refresh_token_id] =
      entry;  // even if the disk refuses: this process still knows it
  auto written = write(entry);
  if (written) {
    unwritten_.erase(entry.refresh_token_id);
  } else {
    unwritten_.insert(entry.refresh_token_id);
  }
  is_safe_ = unwritten_.empty();
  return written;
}

Result<void> Journal::make_safe() {
  if (is_safe_) return {};
  const std::lock_guard lock(mutex_);
  while (!unwritten_.empty()) {
    if (auto written = write(entries_.at(*unwritten_.begin())); !written) {
      Error error = unavailable("no refresh token can be used: its successor could not be kept");
      error.cause += " (" + written.error().cause + ")";
      return fail(std::move(error));
    }
    unwritten_.erase(unwritten_.begin());
  }
  is_safe_ = true;
  return {};
}

// Blocks of the disk for what is appended later; a file system that cannot do this costs the
// promise, nothing else.
void Journal::reserve() const {
  const int descriptor = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return;
  if (::fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, reserved) != 0)
    log_.warning("no space could be reserved for the journal", {{"problem", std::strerror(errno)}});
  ::close(descriptor);
}

Result<void> Journal::write(const Entry& entry) {
  if (!is_bound_) return fail(problem("is not bound to an installation"));
  const int descriptor = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (descriptor < 0) return fail(internal_error(std::string("journal: ") + std::strerror(errno)));
  const off_t before = ::lseek(descriptor, 0, SEEK_END);
  const std::string lines = (before == 0 ? owner_line() : std::string()) + line_of(entry);
  const bool written = before >= 0 && write_all(descriptor, lines) && ::fsync(descriptor) == 0 &&
                       (before > 0 || sync_folder(file_));
  const int why = errno;
  // Half a line would spoil the next one.
  if (!written && before >= 0 && ::ftruncate(descriptor, before) != 0)
    log_.error("a torn line stays in the journal", {{"problem", std::strerror(errno)}});
  ::close(descriptor);
  if (!written) return fail(internal_error(std::string("journal: ") + std::strerror(why)));
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
  unwritten_.erase(entry.refresh_token_id);
  is_safe_ = unwritten_.empty();
  if (!entries_.empty()) return;
  if (::truncate(file_.c_str(), 0) != 0 && errno != ENOENT)
    log_.warning("the journal could not be emptied", {{"problem", std::strerror(errno)}});
  reserve();
}

}  // namespace mytoken::service
