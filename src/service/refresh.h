// One refresh of a refresh token, safe against loss (spec oidc.md §21.10): whose turn it is, what
// the provider's answer means for the stored token, and where a successor is kept if the database
// is away.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "service/authenticate.h"

namespace mytoken::service {

// The right to use a refresh token: the turn in this process and, unless the provider is known to
// tolerate parallel use, the lease between servers. Released by finish_refresh, or by time.
struct RefreshTurn {
  std::optional<oidc::RefreshQueue::Turn> turn;
  bool leased = false;
  LeaseBook::Entry entry{};  // ends before the turn
};

// Waits for the turn in this process. Error unavailable after the longest wait, or if the server
// ends.
Task<Result<RefreshTurn>> wait_for_turn(Context& context, store::RefreshTokenId id,
                                        const oidc::Provider& provider);

// Inside the reserving transaction: takes the lease. Error code `lease_taken` if another server has
// it.
Result<void> take_lease(sql::Transaction& db, const Context& context, store::RefreshTokenId id,
                        RefreshTurn& turn);

// The same as a condition of the transaction (sql::Connection::must); nothing to do without
// several servers.
Result<void> require_lease(sql::Transaction& db, const Context& context, store::RefreshTokenId id);

// The newest sealed refresh token: the row's, or a successor that waits in the journal. Inside a
// transaction.
Result<store::RefreshTokenRow> newest_refresh_token(sql::Connection& db, const Context& context,
                                                    store::RefreshTokenId id);

// Ends this server's lease. A successor that waits in the journal is stored with it, because the
// next holder may be a server that does not know this one's journal.
Result<void> release_lease(sql::Transaction& db, const Context& context, store::RefreshTokenId id);

// A refresh token that the provider has just issued in place of the one in `row`.
struct NewRefreshToken {
  Journal::Entry entry;  // sealed, with the version it succeeds
  std::string issuer;
  Secret text;
};
// Asks the provider with the row's token. The caller stores a new refresh token with the very next
// write, by settle_new_refresh_token, and with keep_new_refresh_token if that fails; one that came
// with an error is kept before this returns.
struct Refreshed {
  oidc::TokenAnswer answer;
  std::optional<NewRefreshToken> successor;
};
Task<tl::expected<Refreshed, oidc::ProviderError>> refresh(
    Context& context, oidc::Provider& provider, store::RefreshTokenRow row, Secret family_key,
    std::vector<std::string> scopes, std::vector<std::string> audiences);

// As a condition of the transaction (sql::Connection::must): stores it, unless something newer is
// stored, and ends this server's lease.
Result<void> settle_new_refresh_token(sql::Transaction& db, const Context& context,
                                      const NewRefreshToken& successor);
// Stored, alone, or in the journal when it returns; tried for some seconds. Ends the lease if it is
// stored. `may_be_stored`: an earlier try had no clear end, so what is newer by now may be its own
// successor and stays.
Task<void> keep_new_refresh_token(Context& context, NewRefreshToken successor, bool may_be_stored);

// What the provider's refusal or silence means for the stored token; for the transaction that gives
// the usage back.
Result<void> note_failure(sql::Transaction& db, const Context& context,
                          const oidc::Provider& provider, const store::RefreshTokenRow& row,
                          const oidc::ProviderError& error);

std::string seal_refresh_token(const Secret& refresh_token, store::RefreshTokenId id,
                               const Secret& family_key);
Result<Secret> open_refresh_token(const store::RefreshTokenRow& row, const Secret& family_key);

// Tries to bring journal entries into the database. True: nothing is left.
Task<bool> replay_journal(Context& context);

}  // namespace mytoken::service
