// Making mytokens and handing them out: claims to signed JWT, the family key wrapped for it, the
// representation the client asked for, and the answer object (spec tokens.md §§1.5, 2.2, 7.2, 10;
// api.md §4.7).
#pragma once
#include <optional>
#include <string>

#include "base/json.h"
#include "service/authenticate.h"
#include "store/tokens.h"

namespace mytoken::service {

// A signed token that is not stored yet.
struct Minted {
  token::Claims claims;
  std::string id;
  Secret jwt;
  std::string sealed_key;     // the family key under the JWT
  std::string key_for_purge;  // and under the installation's secret
  std::optional<Time> stored_expires_at;
};

struct MintRequest {
  std::string oidc_sub;
  std::string oidc_iss;
  std::string name;
  token::Capabilities capabilities;
  token::Restrictions restrictions;  // final
  std::optional<token::Rotation> rotation;
  std::optional<Time> auth_time;
};
Result<Minted> mint(const Context& context, const MintRequest& request, const Secret& family_key);

// The representation to hand out. Codes and short tokens come with the row that must be stored in
// the same transaction. `key_for_purge` stays with a code, for nobody else can open the token until
// it is redeemed.
struct Delivery {
  token::ResponseType type = token::ResponseType::token;
  Secret text;
  std::optional<store::ProxyRow> proxy;
};
Delivery deliver(const Context& context, const std::string& token_id, const Secret& jwt,
                 token::ResponseType requested, std::int64_t max_token_len,
                 const std::optional<std::string>& key_for_purge);
// The family key of a token that nobody has collected.
Result<Secret> open_key_for_purge(const Context& context, const std::string& token_id,
                                  const std::string& sealed);
// The digest under which a transfer code is stored, and the secret its JWT is sealed with: both
// need the installation's secret, because eight letters alone could be guessed from a copy of the
// database (tokens.md W 2).
std::string code_digest(const Context& context, const Secret& code);
Secret code_secret(const Context& context, const Secret& code);

// The answer object of api.md §4.7.
json::object mytoken_answer(const Context& context, const token::Claims& claims,
                            const std::string& id, const Delivery& delivery);

// The successor of a rotating token, ready to be stored.
struct Successor {
  Minted token;
  Delivery delivery;
  json::object update;  // member token_update
};
// nullopt: this use does not rotate the token. `family_key`: opened with the presented token.
Result<std::optional<Successor>> successor(const Context& context, const Authenticated& token,
                                           token::Use use, const Secret& family_key);
// Stores it: sequence number by compare-and-set, wrapped key, proxies, event, and the sealed answer
// for a retry. On the condition (sql::Connection::must) that the token was not rotated meanwhile.
Result<void> store_successor(sql::Transaction& db, const Context& context,
                             const Authenticated& token, const Successor& successor,
                             const std::string& request_hash, const std::string& answer,
                             const ClientInfo& client);

// The family key, opened with the token. Error not_current(): it is not the token's very text.
Result<Secret> family_key(const Authenticated& token);
std::string seal_family_key(const Secret& family_key, const std::string& token_id,
                            const Secret& jwt);

// Rows of a new token: token, clauses (charged to `parents`), event `created`.
struct Parentage {
  std::string id;  // parent's id
  std::vector<std::string>
      clause_hashes;  // per clause of the new token: the parent's clause, "" = none
};
Result<void> store_minted(sql::Transaction& db, const Context& context, const Minted& minted,
                          store::UserId user, std::optional<store::RefreshTokenId> refresh_token,
                          const std::optional<Parentage>& parent, std::string_view comment,
                          const ClientInfo& client);

}  // namespace mytoken::service
