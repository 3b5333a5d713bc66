// Background work: revocations at providers that were queued with a commit, expired rows, the
// journal. Runs in every server; the database hands each piece to one.
#pragma once
#include "service/context.h"

namespace mytoken::service {

// Inside the transaction that made the refresh token useless.
Result<void> queue_revocation(sql::Transaction& db, const Context& context,
                              const std::string& issuer, const Secret& refresh_token);

// Lets a running run_background look at the outbox now. Thread-safe.
void wake_outbox(Context& context);

// One round: the journal, this server's sign of life, due revocations (side by side; retried after
// 1 min doubling to 24 h, given up after 10 days of refusals), purge once a minute.
Task<void> background_round(Context& context);

// Ends leases that nobody uses any more: of former processes of this disk, and of this one where
// the database did not answer. Part of a round.
Task<void> recover_leases(Context& context);
// Rounds every 5 s and when woken, until the io_context stops; an exception ends its round only.
Task<void> run_background(Context& context);

}  // namespace mytoken::service
