// The refresh tokens this process holds leases of, in a file that survives the process. After a
// crash its leases stay in the database for Settings::lease, and nobody can use those refresh
// tokens meanwhile; the next process on the same disk finds the book and ends them, after it has
// replayed the journal (recover_leases in outbox.cpp).
//
// The file is `<prefix>-<random>`, locked (flock) while its process lives: 512 bytes with the name
// under which the leases are taken, padded with NUL, then one refresh token id of eight bytes for
// each lease, 0 where there is none. It is not synced: a crash of the machine costs the wait.
// Thread-safe.
#pragma once
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/error.h"

namespace mytoken::service {

class LeaseBook {
 public:
  // Keeps the leases in memory only.
  LeaseBook() = default;
  ~LeaseBook();
  LeaseBook(const LeaseBook&) = delete;
  LeaseBook& operator=(const LeaseBook&) = delete;

  // Once, before the book is shared: finds the books of processes that ended, and begins one for
  // `owner`. Error: the file cannot be made.
  Result<void> open(const std::filesystem::path& prefix, const std::string& owner);

  // While it lives the lease is in the book.
  class Entry {
   public:
    Entry() = default;
    Entry(Entry&& other) noexcept : book_(std::exchange(other.book_, nullptr)), id_(other.id_) {}
    Entry& operator=(Entry&& other) noexcept {
      std::swap(book_, other.book_);
      std::swap(id_, other.id_);
      return *this;
    }
    ~Entry() {
      if (book_ != nullptr) book_->remove(id_);
    }
    explicit operator bool() const { return book_ != nullptr; }
    // The lease may not have ended in the database: it stays in the book.
    void keep() {
      if (book_ != nullptr) std::exchange(book_, nullptr)->keep(id_);
    }

   private:
    friend class LeaseBook;
    Entry(LeaseBook& book, std::int64_t id) : book_(&book), id_(id) {}
    LeaseBook* book_ = nullptr;
    std::int64_t id_ = 0;
  };
  // To be called before the lease is asked for, by whoever has the turn on the refresh token. More
  // leases than a file has room for are in memory only.
  Entry enter(std::int64_t refresh_token_id);
  // Those of Entry::keep() that were not entered again; drop: it has ended in the database.
  std::vector<std::int64_t> kept() const;
  void drop(std::int64_t refresh_token_id) { remove(refresh_token_id); }

  struct Leftover {
    std::string owner;
    std::vector<std::int64_t> refresh_token_ids;
    std::filesystem::path file;
  };
  // Of processes that ended; found by open().
  std::vector<Leftover> leftovers() const;
  // Its leases have ended in the database.
  void settled(const Leftover& leftover);

 private:
  void keep(std::int64_t refresh_token_id);
  void remove(std::int64_t refresh_token_id);
  void find_leftovers(const std::filesystem::path& prefix);

  mutable std::mutex mutex_;
  std::filesystem::path file_;
  int descriptor_ = -1;
  std::atomic<std::int64_t>* slots_ = nullptr;  // in the file
  std::vector<std::size_t> free_;
  std::unordered_map<std::int64_t, std::size_t> used_;  // slot of a refresh token
  std::unordered_set<std::int64_t> kept_;
  std::vector<Leftover> leftovers_;
};

}  // namespace mytoken::service
