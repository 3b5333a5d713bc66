// Events, access-token records and rotation memories in SQL; see history.h.
#include "store/history.h"

#include "store/ids.h"

namespace mytoken::store {
namespace {

using sql::Blob;

// The first `bytes` bytes, not ending inside a UTF-8 sequence.
std::string_view cut(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0u) == 0x80u)
    --bytes;
  return text.substr(0, bytes);
}

Result<void> done(const Result<std::int64_t>& result) {
  if (!result) return tl::unexpected(result.error());
  return {};
}

}  // namespace

Result<void> add_event(sql::Transaction& db, const Clock& clock, const std::string& mytoken_id,
                       std::string_view event, std::string_view comment, const ClientInfo& client) {
  return done(
      db.execute("INSERT INTO events (id, mytoken_id, time, event, comment, ip, user_agent) "
                 "SELECT $1, id, $3, $4, $5, $6, $7 FROM mytokens WHERE id = $2",
                 ordered_id(clock), Blob{mytoken_id}, clock.now(), event, cut(comment, 1000),
                 client.address, cut(client.user_agent, 500)));
}

Result<void> add_access_token(sql::Transaction& db, const Clock& clock,
                              const std::string& mytoken_id, const AccessTokenRecord& record,
                              const ClientInfo& client) {
  return done(
      db.execute("INSERT INTO access_tokens (id, mytoken_id, created, expires_at, ip, comment, "
                 "scope, audience, hash) "
                 "SELECT $1, id, $3, $4, $5, $6, $7, $8, $9 FROM mytokens WHERE id = $2",
                 ordered_id(clock), Blob{mytoken_id}, clock.now(), record.expires_at,
                 client.address, record.comment, record.scope, record.audience, Blob{record.hash}));
}

Result<void> set_rotation_record(sql::Transaction& db, const std::string& mytoken_id,
                                 const RotationRecord& record) {
  return done(db.execute(
      "INSERT INTO rotations (mytoken_id, predecessor_seq_no, request_hash, sealed_answer, "
      "expires_at) "
      "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (mytoken_id) DO UPDATE SET "
      "predecessor_seq_no = excluded.predecessor_seq_no, request_hash = excluded.request_hash, "
      "sealed_answer = excluded.sealed_answer, expires_at = excluded.expires_at",
      Blob{mytoken_id}, record.predecessor_seq_no, Blob{record.request_hash},
      Blob{record.sealed_answer}, record.expires_at));
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
