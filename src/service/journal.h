// The last resort for a rotated refresh token (DESIGN §7 step 6): if the database cannot store the
// successor that the provider has just issued, it is appended to a local file, fsynced, and
// replayed at the start and as soon as the database is back. The successor is sealed under its
// family's key, so the file reveals nothing.
//
// Format: one line per entry, "mytoken-journal-1 <refresh token id> <version it succeeds> <base64
// envelope> <sha256>". A torn last line (crash while writing) is removed. Thread-safe.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
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

  // `file` is created (mode 0600) at the first append. Reads what an earlier process left. Error:
  // unreadable file.
  static Result<std::unique_ptr<Journal>> open(std::filesystem::path file, Log& log);

  // Durable when it returns. Blocks for one fsync.
  Result<void> append(const Entry& entry);
  // The newest entry for a refresh token that is not stored yet.
  std::optional<Entry> pending(std::int64_t refresh_token_id) const;
  std::vector<Entry> all() const;
  // The entry reached the database; the file is emptied with the last one.
  void settled(const Entry& entry);

 private:
  Journal(std::filesystem::path file, Log& log) : file_(std::move(file)), log_(log) {}
  Result<void> load();
  Result<void> end_last_line(std::size_t begin, bool is_whole);

  std::filesystem::path file_;
  Log& log_;
  mutable std::mutex mutex_;
  std::map<std::int64_t, Entry> entries_;  // newest per refresh token
};

}  // namespace mytoken::service
