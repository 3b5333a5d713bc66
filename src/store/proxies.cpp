// Short tokens and transfer codes in SQL; see proxies.h.
#include "store/proxies.h"

namespace mytoken::store {

using sql::Blob;

namespace {

ProxyRow proxy_of(const sql::Row& r) {
  return {r.bytes(0),  r.string(1), r.bytes(2),
          r.bytes(3),  r.time(4),   r.optional_time(5),
          r.string(6), r.flag(7),   r.is_null(8) ? std::nullopt : std::optional(r.bytes(8))};
}

}  // namespace

Result<void> add_proxy(sql::Transaction& db, const ProxyRow& p) {
  return db.post(
      "INSERT INTO proxies (id, kind, mytoken_id, sealed_jwt, created, expires_at, response_type, "
      "revokes_token, key_for_purge) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
      Blob{p.id}, p.kind, Blob{p.mytoken_id}, Blob{p.sealed_jwt}, p.created, p.expires_at,
      p.response_type, p.revokes_token,
      p.key_for_purge ? std::optional(Blob{*p.key_for_purge}) : std::nullopt);
}

Result<std::optional<ProxyRow>> proxy(sql::Connection& db, const std::string& id,
                                      std::string_view kind) {
  return db.one(
      "SELECT id, kind, mytoken_id, sealed_jwt, created, expires_at, response_type, revokes_token, "
      "key_for_purge FROM proxies "
      "WHERE id = $1 AND kind = $2",
      proxy_of, Blob{id}, kind);
}

Result<std::optional<ProxyRow>> take_proxy(sql::Transaction& db, const std::string& id,
                                           std::string_view kind) {
  return db.one(
      "DELETE FROM proxies WHERE id = $1 AND kind = $2 "
      "RETURNING id, kind, mytoken_id, sealed_jwt, created, expires_at, response_type, "
      "revokes_token, key_for_purge",
      proxy_of, Blob{id}, kind);
}

Result<void> delete_proxies_of(sql::Transaction& db, const std::string& mytoken_id) {
  return db.post(
      "DELETE FROM proxies WHERE mytoken_id = $1 AND (kind <> 'short_token' OR expires_at IS NULL)",
      Blob{mytoken_id});
}

}  // namespace mytoken::store
