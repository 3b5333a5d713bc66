// The lease is taken again with every portion: a server that lost it, because it was stopped for a
// minute, removes nothing beside the one that has it now.
#include "service/purge.h"

#include "store/outbox.h"
#include "store/purge.h"

namespace mytoken::service {
namespace {

constexpr Seconds purge_every{60};

}  // namespace

Task<void> purge_round(Context& context) {
  const Time start = context.clock.now();
  const Time next = context.next_purge.load();
  if (start < next && next <= start + purge_every)
    co_return;  // further off: the clock was set back
  context.next_purge.store(start + purge_every);
  store::Purged sum;
  for (int i = 0; i < portions_per_round; ++i) {
    const Time now = context.clock.now();
    auto work = [&](sql::Transaction& db) -> Result<store::Purged> {
      auto mine = store::take_named_lease(db, "purge", context.owner, now, purge_every);
      if (!mine) return tl::unexpected(mine.error());
      if (!*mine) return store::Purged{};
      return store::purge_expired(db, now, context.settings.retention);
    };
    auto purged = co_await context.database.write(work);
    if (!purged) {
      context.log.warning("expired rows could not be removed", {{"problem", purged.error().cause}});
      break;
    }
    sum.rows += purged->rows;
    sum.orphans += purged->orphans;
    sum.more = purged->more;
    if (!sum.more) break;
  }
  if (sum.more) context.next_purge.store(start);
  if (sum.rows > 0) context.log.debug("what is over was removed", {{"rows", sum.rows}});
  if (sum.orphans > 0) {
    context.log.info(
        "refresh tokens whose mytokens expired long ago were removed; nobody could "
        "open them, so they were not revoked at their provider",
        {{"count", sum.orphans}});
  }
}

}  // namespace mytoken::service
