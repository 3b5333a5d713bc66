// Events, access-token records and rotation memories in SQL; see history.h.
#include "store/history.h"

#include <algorithm>
#include <limits>
#include <set>

#include "store/ids.h"
#include "store/listing.h"

namespace mytoken::store {
namespace {

using sql::Blob;

constexpr std::size_t longest_user_agent = 500;
constexpr std::size_t longest_text = 1000;

// The length of the UTF-8 sequence that `text` begins with (RFC 3629 §4), 0 if it is none.
std::size_t sequence(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i)
    if ((at(i) & 0xC0u) != 0x80u) return 0;
  if ((first == 0xE0 && at(1) < 0xA0) || (first == 0xED && at(1) > 0x9F) ||
      (first == 0xF0 && at(1) < 0x90) || (first == 0xF4 && at(1) > 0x8F)) {
    return 0;
  }
  return size;
}

// At most `bytes` bytes of `text`, whole characters only; what no engine must store (NUL, broken
// UTF-8) as '?'. A client's User-Agent or a provider's scope must not be what fails the transaction
// that settles an access token.
std::string storable(std::string_view text, std::size_t bytes = std::string_view::npos) {
  std::string clean;
  while (!text.empty()) {
    const std::size_t size = sequence(text);
    const std::string_view piece =
        size == 0 || text.front() == '\0' ? std::string_view("?") : text.substr(0, size);
    if (clean.size() + piece.size() > bytes) break;
    clean += piece;
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return clean;
}

}  // namespace

Result<void> add_event(sql::Transaction& db, const Clock& clock, const std::string& mytoken_id,
                       std::string_view event, std::string_view comment, const ClientInfo& client) {
  return db.post(
      "INSERT INTO events (id, mytoken_id, time, event, comment, ip, user_agent) "
      "SELECT $1, id, $3, $4, $5, $6, $7 FROM mytokens WHERE id = $2",
      ordered_id(clock), Blob{mytoken_id}, clock.now(), event, storable(comment, longest_text),
      client.address, storable(client.user_agent, longest_user_agent));
}

Result<std::vector<Event>> events_of(sql::Connection& db, const EventSelection& selection,
                                     std::int64_t most) {
  constexpr std::string_view columns =
      "SELECT id, mytoken_id, time, event, comment, ip, user_agent FROM events ";
  static const std::string of_token =
      std::string(columns) +
      "WHERE mytoken_id = $4 AND id < $2 AND id > $3 ORDER BY id DESC LIMIT $1";
  const std::int64_t before = selection.before.value_or(std::numeric_limits<std::int64_t>::max());
  std::int64_t oldest = std::numeric_limits<std::int64_t>::min();  // that can still be wanted
  std::vector<Event> events;
  const auto limit = static_cast<std::size_t>(most);
  // In the order of the answer, without what is older than the newest `most`.
  const auto keep_newest = [&events, &oldest, limit] {
    std::sort(events.begin(), events.end(),
              [](const Event& a, const Event& b) { return a.id > b.id; });
    const auto again = std::unique(events.begin(), events.end(),
                                   [](const Event& a, const Event& b) { return a.id == b.id; });
    events.erase(again, events.end());
    if (events.empty() || events.size() < limit) return;
    events.resize(limit);
    oldest = events.back().id;
  };
  const auto collect = [&](std::string_view sql,
                           const std::vector<sql::Param>& params) -> Result<void> {
    auto done = db.run(sql, params, [&](const sql::Row& r) {
      events.push_back({r.integer(0), r.bytes(1), r.time(2), r.string(3), r.string(4), r.string(5),
                        r.string(6)});
      return true;
    });
    if (!done) return tl::unexpected(done.error());
    // Seldom, or many tokens would cost a sorting each.
    if (events.size() >= 2 * limit) keep_newest();
    return {};
  };
  const std::set<std::string> distinct(selection.tokens.begin(), selection.tokens.end());
  for (const std::string& id : distinct) {
    if (auto r = collect(of_token, {most, before, oldest, Blob{id}}); !r)
      return tl::unexpected(r.error());
  }
  if (selection.above.empty()) {
    keep_newest();
    return events;
  }
  std::vector<sql::Param> params{most, before, oldest};
  const std::string below =
      "WITH RECURSIVE " + tree_below(selection.above, params) + " " + std::string(columns) +
      "WHERE mytoken_id IN (SELECT id FROM tree) AND id < $2 AND id > $3 ORDER BY id DESC LIMIT $1";
  if (auto r = collect(below, params); !r) return tl::unexpected(r.error());
  keep_newest();
  return events;
}

Result<void> add_access_token(sql::Transaction& db, const Clock& clock,
                              const std::string& mytoken_id, const AccessTokenRecord& record,
                              const ClientInfo& client) {
  return db.post(
      "INSERT INTO access_tokens (id, mytoken_id, created, expires_at, ip, comment, "
      "scope, audience, hash) "
      "SELECT $1, id, $3, $4, $5, $6, $7, $8, $9 FROM mytokens WHERE id = $2",
      ordered_id(clock), Blob{mytoken_id}, clock.now(), record.expires_at, client.address,
      storable(record.comment), storable(record.scope), storable(record.audience),
      Blob{record.hash});
}

Result<void> set_rotation_record(sql::Transaction& db, const std::string& mytoken_id,
                                 const RotationRecord& record) {
  return db.post(
      "INSERT INTO rotations (mytoken_id, predecessor_seq_no, request_hash, sealed_answer, "
      "expires_at) "
      "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (mytoken_id) DO UPDATE SET "
      "predecessor_seq_no = excluded.predecessor_seq_no, request_hash = excluded.request_hash, "
      "sealed_answer = excluded.sealed_answer, expires_at = excluded.expires_at, repeated = 0",
      Blob{mytoken_id}, record.predecessor_seq_no, Blob{record.request_hash},
      Blob{record.sealed_answer}, record.expires_at);
}

Result<bool> claim_repetition(sql::Transaction& db, const std::string& mytoken_id,
                              std::int64_t predecessor_seq_no) {
  auto changed = db.execute(
      "UPDATE rotations SET repeated = repeated + 1 WHERE mytoken_id = $1 AND predecessor_seq_no = "
      "$2 AND repeated < 3",
      Blob{mytoken_id}, predecessor_seq_no);
  if (!changed) return tl::unexpected(changed.error());
  return *changed == 1;
}

Result<std::optional<RotationRecord>> rotation_record(sql::Connection& db,
                                                      const std::string& mytoken_id) {
  return db.one(
      "SELECT predecessor_seq_no, request_hash, sealed_answer, expires_at FROM rotations WHERE "
      "mytoken_id = $1",
      [](const sql::Row& r) {
        return RotationRecord{r.integer(0), r.bytes(1), r.bytes(2), r.time(3)};
      },
      Blob{mytoken_id});
}

}  // namespace mytoken::store
