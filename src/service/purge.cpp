// The lease is taken again with every portion: a server that lost it, because it was stopped for a
// minute, removes nothing beside the one that has it now.
#include "service/purge.h"

#include "service/guests.h"
#include "service/mint.h"
#include "service/outbox.h"
#include "service/revoke.h"
#include "store/outbox.h"
#include "store/purge.h"

namespace mytoken::service {
namespace {

constexpr Seconds purge_every{60};

// One portion, and the revocation of the refresh tokens behind what nobody collected.
Result<store::Purged> remove_portion(sql::Transaction& db, const Context& context, Time now,
                                     const std::string& guests) {
  auto purged = store::purge_expired(db, now, context.settings.retention, guests);
  if (!purged) return purged;
  for (const auto& left : purged->uncollected) {
    auto key = open_key_for_purge(context, left.mytoken_id, left.key_for_purge);
    Result<bool> queued = false;
    if (key) queued = queue_orphan(db, context, left.refresh_token, *key);
    if (!queued) return tl::unexpected(queued.error());
    if (!*queued) ++purged->orphans;
  }
  return purged;
}

}  // namespace

Task<void> purge_round(Context& context) {
  const Time start = context.clock.now();
  const Time next = context.next_purge.load();
  if (start < next && next <= start + purge_every)
    co_return;  // further off: the clock was set back
  context.next_purge.store(start + purge_every);
  const std::string guests = guest_issuer(context.settings);
  store::Purged sum;
  for (int i = 0; i < portions_per_round; ++i) {
    const Time now = context.clock.now();
    auto work = [&](sql::Transaction& db) -> Result<store::Purged> {
      auto mine = store::take_named_lease(db, "purge", context.owner, now, purge_every);
      if (!mine) return tl::unexpected(mine.error());
      if (!*mine) return store::Purged{};
      return remove_portion(db, context, now, guests);
    };
    auto purged = co_await context.database.write(work);
    if (!purged) {
      context.log.warning("expired rows could not be removed", {{"problem", purged.error().cause}});
      break;
    }
    sum.rows += purged->rows;
    sum.orphans += purged->orphans;
    if (!purged->uncollected.empty()) wake_outbox(context);
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
