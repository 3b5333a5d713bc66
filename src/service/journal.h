// The last resort for a rotated refresh token (DESIGN §7 step 6): if the database cannot store the
// successor that the provider has just issued, it is appended to a local file, fsynced, and
// replayed at the start and as soon as the database is back. The successor is sealed under its
// family's key, so the file reveals nothing.
//
// Format: lines of words, the last of which is the SHA-256 of what stands before it.
//
//   journal := entry* [ owner entry* ]
//   owner   := "mytoken-journal-2 installation" id sha256
//   entry   := "mytoken-journal-1" refresh-token-id version-it-succeeds base64-of-envelope sha256
//
// The owner's line comes first; only in a file begun by a version that did not write it entries
// stand before it. A torn last line (crash while writing) is removed.
//
// One process writes a file, and holds "<file>.lock" (flock) meanwhile. A successor that starts
// while its predecessor still ends (app/handover.h) uses "<file>.next"; what is left in the one of
// the two that nobody holds is taken over. Thread-safe.
#pragma once
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"

namespace mytoken::service {

class Journal {
 public:
  struct Entry {
    std::int64_t refresh_token_id = 0;
    std::int64_t version = 0;  // of the row that this succeeds
    std::string sealed_token;
  };

  // `file` is created (mode 0600) at the first append. Reads what an earlier process left and
  // changes nothing. Error (the cause says what to do): unreadable, damaged, of a later version, in
  // use twice.
  static Result<std::unique_ptr<Journal>> open(std::filesystem::path file, Log& log);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // The installation that the file names; "" if it names none.
  const std::string& installation() const { return installation_; }
  bool is_empty() const { return !names_owner_ && entries_.empty(); }
  // Error of_another(): the file names another one.
  Result<void> check_owner(const std::string& installation) const;
  // What the operator is told about a journal that does not go with the database.
  Error of_another() const;
  // From now on entries may be appended, under this installation's name; a torn last line goes.
  // Once, before the journal is shared. Errors: check_owner's; the file cannot be written.
  Result<void> bind(const std::string& installation);

  // Entries of a process that ended since: they are in this file afterwards. Blocks for an fsync if
  // there are any.
  void adopt_leftovers();

  // Every entry is in the file; tries again to write those that could not be. While one cannot be
  // kept safe no refresh token may be given to a provider that could replace it. Error unavailable.
  Result<void> make_safe();
  // Durable when it returns. Blocks for one fsync. Space for some hundred entries is reserved, so
  // that a disk that is full takes them too.
  Result<void> append(const Entry& entry);
  // The newest entry for a refresh token that is not stored yet.
  std::optional<Entry> pending(std::int64_t refresh_token_id) const;
  std::vector<Entry> all() const;
  // The entry reached the database; the file is emptied with the last one.
  void settled(const Entry& entry);

 private:
  Journal(std::filesystem::path file, std::filesystem::path other, Log& log)
      : file_(std::move(file)), other_(std::move(other)), log_(log) {}
  Result<void> load();
  Result<void> take(const std::string& line);
  Result<void> lock();
  Result<void> end_last_line();
  Result<void> write(const Entry& entry);
  void reserve() const;
  std::string owner_line() const;
  Error problem(std::string_view what) const;

  std::filesystem::path file_;
  std::filesystem::path other_;
  int lock_ = -1;  // of file_, from bind() on
  bool complained_ = false;
  Log& log_;
  mutable std::mutex mutex_;
  std::map<std::int64_t, Entry> entries_;  // newest per refresh token
  std::set<std::int64_t> unwritten_;       // of them: those that the file did not take
  std::atomic<bool> is_safe_{true};        // unwritten_ is empty
  std::string installation_;
  bool names_owner_ = false;  // the file has an owner's line
  bool is_bound_ = false;
  // Of the file when it was read: where a torn last line begins, or that one only lacks its end.
  std::optional<std::size_t> torn_at_;
  bool lacks_end_ = false;
};

}  // namespace mytoken::service
