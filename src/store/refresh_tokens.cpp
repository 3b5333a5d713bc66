// Refresh tokens, their versions and leases in SQL; see refresh_tokens.h.
#include "store/refresh_tokens.h"

namespace mytoken::store {

using sql::Blob;

Result<void> add_refresh_token(sql::Transaction& db, RefreshTokenId id, UserId user,
                               const std::string& issuer, const std::string& sealed_token,
                               bool offline_granted, Time now) {
  return db.post(
      "INSERT INTO refresh_tokens (id, user_id, issuer, sealed_token, offline_granted, created) "
      "VALUES ($1, $2, $3, $4, $5, $6)",
      id, user, issuer, Blob{sealed_token}, offline_granted, now);
}

namespace {

RefreshTokenRow row_of(const sql::Row& r) {
  return {r.integer(0), r.string(1), r.bytes(2), r.integer(3), r.string(4), r.flag(5), r.time(6)};
}

}  // namespace

Result<std::optional<RefreshTokenRow>> refresh_token(sql::Connection& db, RefreshTokenId id) {
  return db.one(
      "SELECT id, issuer, sealed_token, version, state, offline_granted, failed_at FROM "
      "refresh_tokens WHERE id = $1",
      row_of, id);
}

Result<void> lock_refresh_token(sql::Transaction& db, RefreshTokenId id) {
  return db.lock("SELECT id FROM refresh_tokens WHERE id = $1", id);
}

Result<bool> take_lease(sql::Transaction& db, RefreshTokenId id, const std::string& owner, Time now,
                        Time until) {
  auto changed = db.execute(
      "UPDATE refresh_tokens SET lease_owner = $2, lease_until = $4 "
      "WHERE id = $1 AND (lease_owner IS NULL OR lease_owner = $2 OR lease_until < $3)",
      id, owner, now, until);
  if (!changed) return tl::unexpected(changed.error());
  return *changed == 1;
}

Result<void> require_lease(sql::Transaction& db, RefreshTokenId id, const std::string& owner,
                           Time now, Time until) {
  return db.must(
      "UPDATE refresh_tokens SET lease_owner = $2, lease_until = $4 "
      "WHERE id = $1 AND (lease_owner IS NULL OR lease_owner = $2 OR lease_until < $3)",
      id, owner, now, until);
}

Result<void> release_lease(sql::Transaction& db, RefreshTokenId id, const std::string& owner) {
  return db.post(
      "UPDATE refresh_tokens SET lease_owner = NULL, lease_until = 0 WHERE id = $1 AND "
      "lease_owner = $2",
      id, owner);
}

Result<void> release_all_leases(sql::Transaction& db) {
  return db.post(
      "UPDATE refresh_tokens SET lease_owner = NULL, lease_until = 0 WHERE lease_owner "
      "IS NOT NULL");
}

Result<bool> store_successor(sql::Transaction& db, RefreshTokenId id, std::int64_t version,
                             const std::string& sealed_token, Time now) {
  auto changed = db.execute(
      "UPDATE refresh_tokens SET sealed_token = $3, version = $2 + 1, state = 'ok', last_rotation "
      "= $4 "
      "WHERE id = $1 AND version <= $2",
      id, version, Blob{sealed_token}, now);
  if (!changed) return tl::unexpected(changed.error());
  return *changed == 1;
}

Result<void> settle_successor(sql::Transaction& db, RefreshTokenId id, std::int64_t version,
                              const std::string& sealed_token, const std::string& owner, Time now) {
  return db.must(
      "UPDATE refresh_tokens SET sealed_token = $3, version = $2 + 1, state = 'ok', last_rotation "
      "= $4, lease_until = CASE WHEN lease_owner = $5 THEN 0 ELSE lease_until END, "
      "lease_owner = CASE WHEN lease_owner = $5 THEN NULL ELSE lease_owner END "
      "WHERE id = $1 AND version <= $2",
      id, version, Blob{sealed_token}, now, owner);
}

Result<void> set_refresh_state(sql::Transaction& db, RefreshTokenId id, std::string_view state,
                               Time now) {
  return db.post("UPDATE refresh_tokens SET state = $2, failed_at = $3 WHERE id = $1", id, state,
                 now);
}

}  // namespace mytoken::store
