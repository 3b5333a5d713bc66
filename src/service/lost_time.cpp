// The words for what a restore took away; see lost_time.h.
#include "service/lost_time.h"

#include <fmt/format.h>

#include "base/encoding.h"
#include "service/presence.h"
#include "store/restore.h"

namespace mytoken::service {
namespace {

// For how long unknown short tokens, of which not even the age is known, are told of a restore.
constexpr Seconds mentioned_for{30 * 86400};

std::string period(const store::Restore& restore) {
  return fmt::format("what happened between {} and {}", utc(restore.state_time),
                     utc(restore.restored));
}

std::string short_id(const Authenticated& token) {
  return base64(token.state.id.empty() ? token.token->id : token.state.id).substr(0, 8);
}

Task<std::optional<store::Restore>> restore_of(Context& context, std::optional<Time> moment) {
  auto work = [moment](sql::Connection& db) {
    return moment ? store::restore_around(db, *moment) : store::last_restore(db);
  };
  auto restore = co_await context.database.read(work);
  co_return restore ? *restore : std::nullopt;
}

}  // namespace

bool is_lost(const Authenticated& token) {
  return token.state.is_lost(static_cast<std::int64_t>(token.claims().seq_no));
}

Task<Error> refuse_lost(Context& context, const Authenticated& token) {
  bool is_news = false;
  if (!token.state.superseded) {
    auto work = [id = token.state.id](sql::Transaction& db) { return store::supersede(db, id); };
    auto marked = co_await context.database.write(work);
    if (!marked) co_return marked.error();
    is_news = *marked;
  }
  const std::optional<store::Restore> restore = co_await restore_of(context, std::nullopt);
  if (is_news) {
    context.log.warning(
        "a token was refused that was rotated after the state the database went back to; the "
        "older copy of it is refused from now on",
        {{"mom_id", short_id(token)},
         {"hint", restore ? "" : "was an older database brought back without `restore`?"}});
  }
  co_return invalid_token(
      restore ? "this token was rotated in the time that the service lost (" + period(*restore) +
                    "); please log in again"
              : "this token is newer than what the service knows of it; please log in again");
}

Task<Error> unknown_token(Context& context, const Authenticated& token) {
  const std::optional<store::Restore> restore = co_await restore_of(context, token.claims().iat);
  if (!restore) co_return not_current();
  context.log.warning("a token was refused that was made in the time lost by a restore",
                      {{"mom_id", short_id(token)}});
  co_return invalid_token("this token was made in the time that the service lost (" +
                          period(*restore) + "); please log in again");
}

Task<Error> unknown_short_token(Context& context) {
  const std::optional<store::Restore> restore = co_await restore_of(context, std::nullopt);
  if (!restore || restore->restored + mentioned_for < context.clock.now())
    co_return invalid_token("token not valid");
  co_return invalid_token("token not valid; the service lost " + period(*restore) +
                          ": if the token is of that time, please log in again");
}

Error uses_are_unknown(const Context& context, const Authenticated& token) {
  context.log.warning(
      "a limited token was refused: how often it was used before the restore is unknown",
      {{"mom_id", short_id(token)}});
  Error error = usage_restricted();
  error.description =
      "how often this token was used is unknown since the service went back to an older state, so "
      "what is limited is refused; please log in again";
  return error;
}

}  // namespace mytoken::service
