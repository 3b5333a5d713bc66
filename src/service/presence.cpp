// The row in `servers`; see presence.h.
#include "service/presence.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <string>

#include "service/context.h"
#include "store/installation.h"

namespace mytoken::service {
namespace {

constexpr Seconds every{10};
constexpr Seconds every_alone{60};

}  // namespace

std::string utc(Time time) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

Task<void> presence_round(Context& context) {
  const Time now = context.clock.now();
  const Seconds pause = context.settings.several_servers ? every : every_alone;
  const Time next = context.next_presence.load();
  if (now < next && next <= now + pause) co_return;  // further off: the clock was set back
  context.next_presence.store(now + pause);
  // Only an update: one that is still under way when the server ends does not list it again.
  auto report = [&](sql::Transaction& db) { return store::report_server(db, context.owner, now); };
  auto listed = co_await context.database.write(report);
  if (listed && !*listed) {  // others took this server for ended
    store::RunningServer self{context.owner, context.signing_key.thumbprint(), {}, now};
    for (const crypto::Key& key : context.verification_keys.keys())
      self.known_keys.push_back(key.thumbprint());
    auto add = [&](sql::Transaction& db) { return store::add_server(db, self); };
    if (auto added = co_await context.database.write(add); !added) listed = fail(added.error());
  }
  auto look = [](sql::Connection& db) { return store::newest_time(db); };
  auto newest = co_await context.database.read(look);
  if (!listed || !newest) {
    context.log.warning("the sign of life could not be stored",
                        {{"problem", listed ? newest.error().cause : listed.error().cause}});
    co_return;
  }
  const bool ahead = *newest > now + clock_tolerance;
  if (ahead && !context.others_are_ahead.exchange(true)) {
    context.log.error("another server's clock is ahead of this one's; one of them is wrong",
                      {{"this_clock", utc(now)}, {"database", utc(*newest)}});
  }
  if (!ahead) context.others_are_ahead.store(false);
}

}  // namespace mytoken::service
