// Logins in progress in SQL; see flows.h.
#include "store/flows.h"

namespace mytoken::store {
namespace {

using sql::Blob;

std::optional<Blob> blob(const std::optional<std::string>& bytes) {
  return bytes ? std::optional<Blob>(Blob{*bytes}) : std::nullopt;
}

std::optional<std::string> optional_bytes(const sql::Row& r, int column) {
  return r.is_null(column) ? std::nullopt : std::optional<std::string>(r.bytes(column));
}

constexpr std::string_view columns =
    "SELECT id, consent_hash, polling_hash, state_hash, status, error, issuer, request, "
    "key_for_consent, "
    "key_for_polling, key_for_state, sealed_secrets, browser_hash, created, created_ip, "
    "expires_at, "
    "mytoken_id, sealed_jwt, key_for_purge FROM flows WHERE ";

FlowRow flow_of(const sql::Row& r) {
  FlowRow flow;
  flow.id = r.bytes(0);
  flow.consent_hash = r.bytes(1);
  flow.polling_hash = optional_bytes(r, 2);
  flow.state_hash = optional_bytes(r, 3);
  flow.status = r.string(4);
  if (!r.is_null(5)) flow.error = r.string(5);
  flow.issuer = r.string(6);
  flow.request = r.string(7);
  flow.key_for_consent = r.bytes(8);
  flow.key_for_polling = optional_bytes(r, 9);
  flow.key_for_state = optional_bytes(r, 10);
  flow.sealed_secrets = optional_bytes(r, 11);
  flow.browser_hash = optional_bytes(r, 12);
  flow.created = r.time(13);
  flow.created_ip = r.string(14);
  flow.expires_at = r.time(15);
  flow.mytoken_id = optional_bytes(r, 16);
  flow.sealed_jwt = optional_bytes(r, 17);
  flow.key_for_purge = optional_bytes(r, 18);
  return flow;
}

Result<bool> changed_one(const Result<std::int64_t>& changed) {
  if (!changed) return tl::unexpected(changed.error());
  return *changed == 1;
}

}  // namespace

Result<void> add_flow(sql::Transaction& db, const FlowRow& f) {
  return db.post(
      "INSERT INTO flows (id, consent_hash, polling_hash, state_hash, status, error, issuer, "
      "request, key_for_consent, "
      "key_for_polling, key_for_state, sealed_secrets, browser_hash, created, created_ip, "
      "expires_at) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
      Blob{f.id}, Blob{f.consent_hash}, blob(f.polling_hash), blob(f.state_hash), f.status, f.error,
      f.issuer, f.request, Blob{f.key_for_consent}, blob(f.key_for_polling), blob(f.key_for_state),
      blob(f.sealed_secrets), blob(f.browser_hash), f.created, f.created_ip, f.expires_at);
}

Result<std::optional<FlowRow>> flow_by_consent(sql::Connection& db, const std::string& hash) {
  static const std::string sql = std::string(columns) + "consent_hash = $1";
  return db.one(sql, flow_of, Blob{hash});
}

Result<std::optional<FlowRow>> flow_by_state(sql::Connection& db, const std::string& hash) {
  static const std::string sql = std::string(columns) + "state_hash = $1";
  return db.one(sql, flow_of, Blob{hash});
}

Result<std::optional<FlowRow>> flow_by_polling(sql::Connection& db, const std::string& hash) {
  static const std::string sql = std::string(columns) + "polling_hash = $1";
  return db.one(sql, flow_of, Blob{hash});
}

Result<bool> consent_flow(sql::Transaction& db, const std::string& id, const Consent& c) {
  return changed_one(db.execute(
      "UPDATE flows SET status = 'consented', request = $2, state_hash = $3, key_for_state = $4, "
      "sealed_secrets = $5, browser_hash = $6 WHERE id = $1 AND status IN ('started', 'consented') "
      "AND request = $7",
      Blob{id}, c.request, Blob{c.state_hash}, Blob{c.key_for_state}, Blob{c.sealed_secrets},
      Blob{c.browser_hash}, c.former_request));
}

Result<bool> move_flow(sql::Transaction& db, const std::string& id, std::string_view from,
                       std::string_view to, const std::optional<std::string>& error) {
  return changed_one(
      db.execute("UPDATE flows SET status = $3, error = $4 WHERE id = $1 AND status = $2", Blob{id},
                 from, to, error));
}

Result<bool> finish_flow(sql::Transaction& db, const std::string& id, const std::string& mytoken_id,
                         const std::optional<std::string>& sealed_jwt,
                         const std::optional<std::string>& key_for_purge) {
  return changed_one(db.execute(
      "UPDATE flows SET status = 'done', mytoken_id = $2, sealed_jwt = $3, key_for_purge = $4, "
      "sealed_secrets = NULL WHERE id = $1 AND status = 'exchanging'",
      Blob{id}, Blob{mytoken_id}, blob(sealed_jwt), blob(key_for_purge)));
}

Result<bool> take_flow(sql::Transaction& db, const std::string& id, std::string_view status) {
  return changed_one(
      db.execute("DELETE FROM flows WHERE id = $1 AND status = $2", Blob{id}, status));
}

}  // namespace mytoken::store
