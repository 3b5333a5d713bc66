// Both sides are read in pages, so that their size does not matter; see compare.h.
#include "store/compare.h"

#include <string>
#include <vector>

#include "store/tokens.h"

namespace mytoken::store {
namespace {

using sql::Blob;

constexpr std::int64_t page = 2000;

struct Item {
  std::string id;
  std::int64_t number = 0;
};

// The tokens of one database in the order of their ids, one at a time.
class Tokens {
 public:
  explicit Tokens(sql::Connection& db) : db_(db) {}

  // nullptr after the last.
  Result<const Item*> current() {
    if (at_ == items_.size() && more_) {
      auto next = db_.all(
          "SELECT id, seq_no FROM mytokens WHERE id > $1 ORDER BY id LIMIT $2",
          [](const sql::Row& r) {
            return Item{r.bytes(0), r.integer(1)};
          },
          Blob{last_}, page);
      if (!next) return tl::unexpected(next.error());
      items_ = std::move(*next);
      at_ = 0;
      more_ = items_.size() == static_cast<std::size_t>(page);
      if (!items_.empty()) last_ = items_.back().id;
    }
    return at_ < items_.size() ? &items_[at_] : nullptr;
  }
  void advance() { ++at_; }

 private:
  sql::Connection& db_;
  std::vector<Item> items_;
  std::size_t at_ = 0;
  std::string last_;
  bool more_ = true;
};

// Calls `visit(older, newer)` for every id; the side that does not have it is null.
template <class Visit>
Result<void> walk(sql::Connection& older, sql::Connection& newer, Visit visit) {
  Tokens left(older);
  Tokens right(newer);
  for (;;) {
    auto a = left.current();
    if (!a) return tl::unexpected(a.error());
    auto b = right.current();
    if (!b) return tl::unexpected(b.error());
    if (!*a && !*b) return {};
    const bool has_a = *a && (!*b || (*a)->id <= (*b)->id);
    const bool has_b = *b && (!*a || (*b)->id <= (*a)->id);
    visit(has_a ? *a : nullptr, has_b ? *b : nullptr);
    if (has_a) left.advance();
    if (has_b) right.advance();
  }
}

Result<std::int64_t> newer_versions(sql::Connection& older, sql::Connection& newer) {
  std::int64_t found = 0;
  for (std::int64_t last = 0;;) {
    auto read = newer.all(
        "SELECT id, version FROM refresh_tokens WHERE id > $1 ORDER BY id LIMIT $2",
        [](const sql::Row& r) { return std::pair(r.integer(0), r.integer(1)); }, last, page);
    if (!read) return tl::unexpected(read.error());
    for (const auto& [id, version] : *read) {
      auto former = older.one(
          "SELECT version FROM refresh_tokens WHERE id = $1",
          [](const sql::Row& r) { return r.integer(0); }, id);
      if (!former) return tl::unexpected(former.error());
      if (*former && **former < version) ++found;
      last = id;
    }
    if (read->size() < static_cast<std::size_t>(page)) return found;
  }
}

}  // namespace

Result<Differences> compare(sql::Connection& older, sql::Connection& newer) {
  Differences found;
  auto walked = walk(older, newer, [&found](const Item* before, const Item* after) {
    if (!before) {
      ++found.made;
    } else if (!after) {
      ++found.revoked;
    } else if (before->number < after->number) {
      ++found.rotated;
    }
  });
  if (!walked) return tl::unexpected(walked.error());
  auto refreshed = newer_versions(older, newer);
  if (!refreshed) return tl::unexpected(refreshed.error());
  found.refreshed = *refreshed;
  return found;
}

Result<std::int64_t> remove_revoked(sql::Database& older, sql::Connection& newer) {
  std::vector<std::string> gone;
  auto look = older.read_now([&](sql::Connection& db) {
    gone.clear();
    return walk(db, newer, [&gone](const Item* before, const Item* after) {
      if (before && !after) gone.push_back(before->id);
    });
  });
  if (!look) return tl::unexpected(look.error());
  for (std::size_t begin = 0; begin < gone.size(); begin += static_cast<std::size_t>(page)) {
    auto removed = older.write_now([&](sql::Transaction& db) -> Result<void> {
      const std::size_t end = std::min(gone.size(), begin + static_cast<std::size_t>(page));
      for (std::size_t i = begin; i < end; ++i) {
        if (auto r = delete_token(db, gone[i], false); !r) return tl::unexpected(r.error());
      }
      return {};
    });
    if (!removed) return tl::unexpected(removed.error());
  }
  return static_cast<std::int64_t>(gone.size());
}

}  // namespace mytoken::store
