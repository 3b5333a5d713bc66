// From a presented string to a mytoken that may be acted for: classification, signature, claims,
// stored state (spec tokens.md §1.3, 2.1, 7.3; api.md §2.4 checks 2–4), and the checks that follow:
// capability and issuer. The clause is in charge.h.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "service/context.h"
#include "store/usages.h"
#include "token/verification.h"

namespace mytoken::service {

// A request's mytoken as it came in, with who sent it.
struct Presentation {
  Secret text;
  ClientInfo client;
  PreciseTime arrival{};
};

struct Authenticated {
  std::shared_ptr<const VerifiedToken> token;
  token::Presented representation = token::Presented::jwt;  // jwt or short_token
  Secret presented;
  store::TokenState state;
  std::vector<store::ClauseRow> clauses;
  store::ClauseLinks ancestors;  // of the clauses; read where round trips count

  const token::Claims& claims() const { return token->claims; }
};

// The signature and claims of a JWT or short token without looking at its state. Times are checked
// on demand. Error invalid_token.
Task<Result<Authenticated>> verify_presented(Context& context, Presentation presentation,
                                             bool check_times);

// Checks 2–4. A reused predecessor with auto_revoke revokes the token and its subtree before the
// error is returned. `request_hash` (SHA-256 of what was asked, "" = not repeatable): if this very
// request rotated the token within the grace and is sent again with the predecessor,
// `earlier_answer` is what was answered then.
struct Admission {
  Authenticated token;
  std::optional<std::string> earlier_answer;  // JSON text: answer with this and do nothing else
};
Task<Result<Admission>> admit(Context& context, Presentation presentation,
                              std::string request_hash);

// Check 6. Error insufficient_capabilities.
Result<void> require_capability(const Authenticated& token, std::string_view capability);
// The first half of check 8. `issuer` empty: not given. Error invalid_request.
Result<void> require_same_issuer(const Authenticated& token, std::string_view issuer);
// Check 8. `issuer` empty: not given. Error invalid_request.
Result<std::shared_ptr<oidc::Provider>> require_issuer(const Context& context,
                                                       const Authenticated& token,
                                                       std::string_view issuer);

// The answer to a repeated request, for a client in a place from which the token may be used: a
// retry comes from where the request came from, and nobody else gets it. `rotated`: the successor
// in it. Error usage_restricted.
struct EarlierAnswer {
  json::object body;
  Secret rotated;
};
Task<Result<EarlierAnswer>> earlier_answer(Context& context, const Admission& admission,
                                           std::string client_address);

// For a request that came to its turn and found its token rotated away: if that was done by this
// very request, sent before and still under way, the answer to that one. Error not_current().
Task<Result<EarlierAnswer>> answer_of_overtaker(Context& context, const Authenticated& token,
                                                ClientInfo client, std::string request_hash);
bool is_not_current(const Error& error);

// True if the token may have been rotated after the request came in, by a parallel one: its use is
// no theft then. Clocks of several servers are not compared more closely than they agree.
bool was_overtaken(const Context& context, const store::TokenState& state, PreciseTime arrival);

// How the use of a rotated-away token ends: error not_current(). With auto_revoke it is a theft,
// and the family is revoked, unless the token was overtaken since `arrival`.
Task<Error> refuse_outdated(Context& context, Authenticated token, PreciseTime arrival);

// True if the stored state still admits this token; for use inside a transaction (spec tokens.md
// §7.3).
Result<void> require_current(sql::Connection& db, const Authenticated& token);

// One text for all causes (api.md §2.4).
Error not_current();

}  // namespace mytoken::service
