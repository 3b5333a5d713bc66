// Making, delivering and rotating mytokens; see mint.h.
#include "service/mint.h"

#include "base/random.h"
#include "crypto/envelope.h"
#include "crypto/hash.h"
#include "store/history.h"
#include "store/ids.h"
#include "store/proxies.h"

namespace mytoken::service {
namespace {

// A successor's number may have more digits than its predecessor's.
constexpr std::size_t growth_by_rotation = 64;
// How long a rotated-away short token of a chain with auto_revoke is remembered.
constexpr Seconds reuse_is_recognised_for{30 * 86400};
// Any other: longer than the grace for retries, which an outage may extend.
constexpr Seconds retry_is_remembered_for{86400};

Result<Secret> sign(const Context& context, const token::Claims& claims) {
  json::object header;
  header["alg"] = crypto::name(context.signing_key.algorithm());
  header["typ"] = "MT+JWT";
  auto jwt = context.signing_key.sign(header, token::serialize(claims));
  if (!jwt) return tl::unexpected(jwt.error());
  return Secret(std::move(*jwt));
}

store::ProxyRow short_token_row(const Context& context, const std::string& token_id,
                                const Secret& jwt, const Secret& short_token) {
  store::ProxyRow row;
  row.id = crypto::sha512(short_token.reveal());
  row.kind = "short_token";
  row.mytoken_id = token_id;
  row.sealed_jwt = crypto::seal(jwt.reveal(), short_token, "proxy:" + row.id);
  row.created = context.clock.now();
  return row;
}

}  // namespace

std::string code_digest(const Context& context, const Secret& code) {
  return crypto::hmac_sha256(context.installation_secret.reveal(),
                             "code:" + std::string(code.reveal()));
}

Secret code_secret(const Context& context, const Secret& code) {
  return Secret(std::string(code.reveal()) + std::string(context.installation_secret.reveal()));
}

std::string seal_family_key(const Secret& family_key, const std::string& token_id,
                            const Secret& jwt) {
  return crypto::seal(family_key.reveal(), jwt, "family_key:" + token_id);
}

namespace {

std::string purge_context(const std::string& token_id) {
  return "purge:" + token_id;
}

}  // namespace

Result<Secret> open_key_for_purge(const Context& context, const std::string& token_id,
                                  const std::string& sealed) {
  return crypto::open(sealed, context.installation_secret, purge_context(token_id));
}

Result<Secret> family_key(const Authenticated& token) {
  auto key = crypto::open(token.state.sealed_key, token.token->jwt, "family_key:" + token.state.id);
  if (key) return key;
  // Validly signed, but not the text that was handed out (an ECDSA signature has a mirror image).
  Error error = not_current();
  error.cause = key.error().cause;
  return fail(std::move(error));
}

Result<Minted> mint(const Context& context, const MintRequest& request, const Secret& family_key) {
  if (request.oidc_sub.empty() || request.oidc_iss.empty()) {
    return fail(internal_error("a token without subject or issuer was to be made"));
  }
  const Time now = context.clock.now();
  const token::Validity validity =
      token::validity_at_creation(request.restrictions, request.rotation, now);
  Minted minted;
  token::Claims& claims = minted.claims;
  claims.iss = context.settings.issuer;
  claims.aud = context.settings.issuer;
  claims.sub = token::subject(request.oidc_sub, request.oidc_iss);
  claims.oidc_sub = request.oidc_sub;
  claims.oidc_iss = request.oidc_iss;
  claims.name = request.name;
  claims.capabilities = request.capabilities;
  claims.restrictions = request.restrictions;
  if (context.settings.token_rotation) claims.rotation = request.rotation;
  claims.auth_time = request.auth_time;
  claims.jti = random_uuid();
  claims.exp = validity.exp;
  claims.nbf = validity.nbf;
  claims.iat = validity.iat;
  minted.stored_expires_at = validity.stored_expires_at;
  minted.id = *token::mytoken_id(claims.jti);
  auto jwt = sign(context, claims);
  if (!jwt) return tl::unexpected(jwt.error());
  minted.jwt = std::move(*jwt);
  if (minted.jwt.size() > token::longest_token - growth_by_rotation) {
    return fail(
        invalid_request("the token would be too long: fewer or shorter restrictions are needed"));
  }
  minted.sealed_key = seal_family_key(family_key, minted.id, minted.jwt);
  minted.key_for_purge =
      crypto::seal(family_key.reveal(), context.installation_secret, purge_context(minted.id));
  return minted;
}

Delivery deliver(const Context& context, const std::string& token_id, const Secret& jwt,
                 token::ResponseType requested, std::int64_t max_token_len,
                 const std::optional<std::string>& key_for_purge) {
  Delivery delivery;
  delivery.type = token::choose_representation(requested, max_token_len, jwt.size(),
                                               context.settings.representations);
  switch (delivery.type) {
    case token::ResponseType::token:
      delivery.text = jwt;
      break;
    case token::ResponseType::short_token:
      delivery.text = Secret(random_text(context.settings.representations.short_token_length));
      delivery.proxy = short_token_row(context, token_id, jwt, delivery.text);
      break;
    case token::ResponseType::transfer_code: {
      delivery.text = Secret(random_text(context.settings.transfer_code_length));
      store::ProxyRow row;
      row.id = code_digest(context, delivery.text);
      row.kind = "transfer_code";
      row.mytoken_id = token_id;
      row.sealed_jwt =
          crypto::seal(jwt.reveal(), code_secret(context, delivery.text), "proxy:" + row.id);
      row.created = context.clock.now();
      row.expires_at = row.created + context.settings.transfer_code_lifetime;
      row.response_type = "token";
      row.revokes_token = true;
      row.key_for_purge = key_for_purge;
      delivery.proxy = std::move(row);
      break;
    }
  }
  return delivery;
}

json::object mytoken_answer(const Context& context, const token::Claims& claims,
                            const std::string& id, const Delivery& delivery) {
  json::object answer;
  const bool is_code = delivery.type == token::ResponseType::transfer_code;
  answer[is_code ? "transfer_code" : "mytoken"] = delivery.text.reveal();
  answer["mytoken_type"] = token::name(delivery.type);
  answer["mom_id"] = token::mom_id(id);
  if (is_code) {
    answer["expires_in"] = context.settings.transfer_code_lifetime.count();
  } else if (claims.exp) {
    answer["expires_in"] = std::max<std::int64_t>((*claims.exp - context.clock.now()).count(), 0);
  }
  if (!claims.restrictions.empty()) answer["restrictions"] = token::to_json(claims.restrictions);
  answer["capabilities"] = json::value_from(claims.capabilities);
  if (claims.rotation) answer["rotation"] = token::to_json(*claims.rotation);
  return answer;
}

Result<std::optional<Successor>> successor(const Context& context, const Authenticated& token,
                                           token::Use use, const Secret& family_key) {
  const auto& rotation = token.claims().rotation;
  const bool rotates = context.settings.token_rotation && rotation &&
                       (use == token::Use::access_token ? rotation->on_at : rotation->on_other);
  if (!rotates) return std::optional<Successor>();
  Successor next;
  next.token.claims = token::rotated(token.claims(), context.clock.now());
  next.token.claims.seq_no = static_cast<std::uint64_t>(token.state.next_seq_no());
  next.token.id = token.state.id;
  auto jwt = sign(context, next.token.claims);
  if (!jwt) return tl::unexpected(jwt.error());
  next.token.jwt = std::move(*jwt);
  next.token.sealed_key = seal_family_key(family_key, next.token.id, next.token.jwt);
  // The same representation as presented, even where short tokens were switched off since.
  if (token.representation == token::Presented::short_token) {
    next.delivery.type = token::ResponseType::short_token;
    next.delivery.text = Secret(random_text(context.settings.representations.short_token_length));
    next.delivery.proxy =
        short_token_row(context, next.token.id, next.token.jwt, next.delivery.text);
  } else {
    next.delivery.text = next.token.jwt;
  }
  next.update = mytoken_answer(context, next.token.claims, next.token.id, next.delivery);
  return std::optional<Successor>(std::move(next));
}

Result<void> store_successor(sql::Transaction& db, const Context& context,
                             const Authenticated& token, const Successor& next,
                             const std::string& request_hash, const std::string& answer,
                             const ClientInfo& client) {
  const Time now = context.clock.now();
  if (auto r = store::rotate_token(db, token.state.id, token.state.seq_no, next.token.sealed_key,
                                   context.clock.precise());
      !r)
    return r;
  // Codes and short tokens of the old JWT end here. The presented short token is remembered: for a
  // retry within the grace, and where reuse is to be punished, to recognise it.
  if (auto r = store::delete_proxies_of(db, token.state.id); !r) return r;
  if (token.representation == token::Presented::short_token) {
    store::ProxyRow old =
        short_token_row(context, token.state.id, token.token->jwt, token.presented);
    const bool punished = token.claims().rotation && token.claims().rotation->auto_revoke;
    old.expires_at = now + (punished ? reuse_is_recognised_for : retry_is_remembered_for);
    if (auto r = store::add_proxy(db, old); !r) return r;
  }
  if (next.delivery.proxy) {
    if (auto r = store::add_proxy(db, *next.delivery.proxy); !r) return r;
  }
  if (auto r = store::add_event(db, context.clock, token.state.id, "token_rotated", "", client); !r)
    return r;
  store::RotationRecord record;
  record.predecessor_seq_no = token.state.seq_no;
  record.request_hash = request_hash;
  record.sealed_answer = crypto::seal(answer, token.presented, "rotation:" + token.state.id);
  record.expires_at = now + context.settings.rotation_grace;
  return store::set_rotation_record(db, token.state.id, record);
}

Result<void> store_minted(sql::Transaction& db, const Context& context, const Minted& minted,
                          store::UserId user, std::optional<store::RefreshTokenId> refresh_token,
                          const std::optional<Parentage>& parent, std::string_view comment,
                          const ClientInfo& client) {
  const token::Claims& claims = minted.claims;
  store::NewToken row;
  row.id = minted.id;
  if (parent) row.parent_id = parent->id;
  row.user_id = user;
  row.refresh_token_id = refresh_token;
  row.sealed_key = minted.sealed_key;
  row.name = claims.name;
  row.created = claims.iat;
  row.number = store::ordered_id(context.clock);
  row.created_ip = client.address;
  row.expires_at = minted.stored_expires_at;
  row.capabilities = json::serialize(json::value_from(claims.capabilities));
  row.restrictions = json::serialize(token::to_json(claims.restrictions));
  if (claims.rotation) row.rotation = json::serialize(token::to_json(*claims.rotation));
  if (auto r = store::add_token(db, row); !r) return r;
  std::vector<store::ClauseRow> clauses;
  for (std::size_t i = 0; i < claims.restrictions.size(); ++i) {
    const token::Clause& clause = claims.restrictions[i];
    store::ClauseRow clause_row;
    clause_row.hash = token::clause_hash(clause);
    clause_row.limit_at = clause.usages_at;
    clause_row.limit_other = clause.usages_other;
    if (parent && i < parent->clause_hashes.size() && !parent->clause_hashes[i].empty()) {
      clause_row.parent_mytoken_id = parent->id;
      clause_row.parent_hash = parent->clause_hashes[i];
    }
    clauses.push_back(std::move(clause_row));
  }
  if (auto r = store::add_clauses(db, minted.id, clauses); !r) return r;
  return store::add_event(db, context.clock, minted.id, "created", comment, client);
}

}  // namespace mytoken::service
