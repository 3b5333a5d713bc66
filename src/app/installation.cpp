// The order matters: everything that can be refused is looked at before the first change, and the
// row of the installation is locked before its keys are, so that two first servers with different
// keys cannot both make a secret.
#include "app/installation.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "base/random.h"
#include "crypto/envelope.h"
#include "crypto/hash.h"
#include "service/context.h"
#include "service/presence.h"
#include "store/condition.h"
#include "store/installation.h"
#include "store/refresh_tokens.h"

namespace mytoken::app {
namespace {

using store::InstallationRecord;

// Without a sign of life for this long a server has ended.
constexpr Seconds lifetime = service::server_lifetime;

Secret sealing_key(const crypto::Key& key) {
  const Secret der = key.private_der();
  return crypto::hkdf_sha512(der.reveal(), "", "mytoken installation seal v1", 32);
}

std::string seal_context(const std::string& id, const crypto::Key& key) {
  return "installation:" + id + ":" + key.thumbprint();
}

std::string names(const std::vector<std::string>& list) {
  return fmt::format("{}", fmt::join(list, ", "));
}

std::vector<std::string> thumbprints(const crypto::KeySet& keys) {
  std::vector<std::string> list;
  for (const crypto::Key& key : keys.keys())
    list.push_back(key.thumbprint());
  return list;
}

bool has(const std::vector<std::string>& list, const std::string& one) {
  return std::find(list.begin(), list.end(), one) != list.end();
}

// Servers that run beside this one.
std::vector<store::RunningServer> others(const InstallationRecord& record,
                                         const Newcomer& newcomer) {
  std::vector<store::RunningServer> list;
  for (const store::RunningServer& server : record.servers) {
    const bool ended = newcomer.alone || server.time + lifetime < newcomer.clock.now();
    if (!ended && server.owner != newcomer.owner) list.push_back(server);
  }
  return list;
}

// The secret by the first key that is registered; nullopt if none is.
Result<std::optional<Secret>> open_secret(const InstallationRecord& record, const Keys& keys) {
  for (const crypto::Key& key : keys.verification.keys()) {
    for (const store::InstallationKey& registered : record.keys) {
      if (registered.thumbprint != key.thumbprint()) continue;
      auto secret =
          crypto::open(registered.sealed_secret, sealing_key(key), seal_context(record.id, key));
      if (secret) return *secret;
      return fail(internal_error(
          "the database's record of signing key " + key.thumbprint() +
          " is damaged (table installation_keys): restore a backup of the database"));
    }
  }
  return std::nullopt;
}

Result<void> check_keys(const InstallationRecord& record, const Newcomer& newcomer) {
  const std::vector<std::string> own = thumbprints(newcomer.keys.verification);
  std::vector<std::string> registered;
  for (const store::InstallationKey& key : record.keys)
    registered.push_back(key.thumbprint);
  const auto is_own = [&own](const std::string& key) { return has(own, key); };
  if (!registered.empty() && std::none_of(registered.begin(), registered.end(), is_own)) {
    return fail(internal_error(fmt::format(
        "the signing key of this server ({}) is not one of its database's ({}): give it a copy of "
        "the other servers' key file, or name the former key in signing.mytoken.keys (state: "
        "verify)",
        names(own), names(registered))));
  }
  for (const store::RunningServer& server : others(record, newcomer)) {
    if (is_own(server.signing_key)) continue;
    return fail(internal_error(fmt::format(
        "the running server {} signs with key {}, which this one does not have ({}): name its file "
        "in signing.mytoken.keys (state: verify), or tokens of that server would be refused here",
        server.owner, server.signing_key, names(own))));
  }
  return {};
}

Result<void> check_clock(const InstallationRecord& record, const Newcomer& newcomer) {
  const Time now = newcomer.clock.now();
  if (newcomer.accept_clock || record.newest <= now + service::clock_tolerance) return {};
  return fail(internal_error(
      fmt::format("the clock of this server shows {}, but the database was written at {}: set the "
                  "clock; or, if "
                  "it is right and a server with a wrong one wrote that, start with --accept-clock",
                  service::utc(now), service::utc(record.newest))));
}

// A file without a name is from an earlier version: the ids of refresh tokens are random, so one
// that is known here says whose it is.
Result<bool> knows_an_entry(sql::Connection& db, const service::Journal& journal) {
  for (const service::Journal::Entry& entry : journal.all()) {
    auto row = store::refresh_token(db, entry.refresh_token_id);
    if (!row) return tl::unexpected(row.error());
    if (*row) return true;
  }
  return false;
}

// `id` "": the database has no installation yet.
Result<void> check_journal(sql::Connection& db, const std::string& id,
                           const service::Journal& journal) {
  if (!journal.installation().empty()) return journal.check_owner(id);
  if (journal.all().empty()) return {};
  auto known = knows_an_entry(db, journal);
  if (!known) return tl::unexpected(known.error());
  return *known ? Result<void>() : fail(journal.of_another());
}

Result<void> check(sql::Connection& db, const service::Journal& journal,
                   const InstallationRecord& record, const Newcomer& newcomer) {
  if (auto fine = check_keys(record, newcomer); !fine) return fine;
  if (auto fine = check_clock(record, newcomer); !fine) return fine;
  return check_journal(db, record.id, journal);
}

}  // namespace

Result<void> check_installation(sql::Database& database, const service::Journal& journal,
                                const Newcomer& newcomer) {
  Result<void> objection;
  const std::function<Result<void>(sql::Connection&)> look =
      [&](sql::Connection& db) -> Result<void> {
    auto record = store::find_installation(db);
    if (!record) {  // no tables at all, or a broken database: migrate() tells which
      objection = journal.is_empty() ? Result<void>() : fail(journal.of_another());
      return tl::unexpected(record.error());
    }
    objection = *record ? check(db, journal, **record, newcomer) : check_journal(db, "", journal);
    return {};
  };
  (void)database.read_now(look);
  return objection;
}

Result<Membership> join_installation(sql::Database& database, service::Journal& journal,
                                     const Newcomer& newcomer, Log& log) {
  const Keys& keys = newcomer.keys;
  const Time now = newcomer.clock.now();
  const std::string proposed_id = random_uuid();
  store::RunningServer self{newcomer.owner, keys.signing.thumbprint(),
                            thumbprints(keys.verification), now};
  std::optional<Membership> membership;
  std::vector<store::RunningServer> beside;
  const std::function<Result<void>(sql::Transaction&)> join =
      [&](sql::Transaction& db) -> Result<void> {
    auto id = store::lock_installation(db, proposed_id, now);
    if (!id) return tl::unexpected(id.error());
    // Again, with others locked out: a restore may have begun since.
    if (auto usable = store::require_usable(db); !usable) return usable;
    auto record = store::find_installation(db);
    if (!record) return tl::unexpected(record.error());
    if (!*record) return fail(internal_error("the installation's record is missing"));
    if (auto fine = check(db, journal, **record, newcomer); !fine) return fine;
    auto secret = open_secret(**record, keys);
    if (!secret) return tl::unexpected(secret.error());
    // What the first key derives is what databases from before this record were used with.
    if (!*secret) *secret = service::derive_installation_secret(keys.signing);
    for (const crypto::Key& key : keys.verification.keys()) {
      auto sealed = crypto::seal((*secret)->reveal(), sealing_key(key), seal_context(*id, key));
      if (auto r = store::register_key(db, {key.thumbprint(), std::move(sealed)}, now); !r)
        return r;
    }
    auto swept = store::remove_servers_before(db, newcomer.alone ? Time::max() : now - lifetime);
    if (!swept) return swept;
    if (auto r = store::add_server(db, self, newcomer.accept_clock); !r) return r;
    membership = Membership{*id, **secret, (*record)->newest};
    beside = others(**record, newcomer);
    return {};
  };
  if (auto joined = database.write_now(join); !joined) return fail(joined.error());
  if (auto bound = journal.bind(membership->id); !bound) return fail(bound.error());
  for (const store::RunningServer& server : beside) {
    if (has(server.known_keys, self.signing_key)) continue;
    log.error("a running server does not know this one's signing key and refuses its tokens",
              {{"server", server.owner},
               {"key", self.signing_key},
               {"hint", "name the key in signing.mytoken.keys of that server (state: verify)"}});
  }
  return std::move(*membership);
}

void leave_installation(sql::Database& database, const std::string& owner) {
  database.write_later([owner](sql::Transaction& db) { return store::remove_server(db, owner); });
}

}  // namespace mytoken::app
