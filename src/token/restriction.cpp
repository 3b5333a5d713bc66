// Clauses as values: canonical text and hash, the edits the service makes before a token is written
// (`this`, unsupported members, maximum lifetime), and what the clauses say about the life of the
// token.
#include "token/restriction.h"

#include <algorithm>

#include "base/encoding.h"
#include "base/ip_address.h"
#include "crypto/hash.h"
#include "token/canonical_json.h"

namespace mytoken::token {
namespace {

json::array strings(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

}  // namespace

bool Clause::empty() const {
  return *this == Clause{};
}

std::vector<std::string> restriction_claims() {
  return {"nbf",       "exp",         "scope", "audience", "hosts", "geoip_allow", "geoip_disallow",
          "usages_AT", "usages_other"};
}

json::object to_json(const Clause& clause) {
  json::object object;
  if (clause.nbf && to_unix(*clause.nbf) != 0) object["nbf"] = to_unix(*clause.nbf);
  if (clause.exp && to_unix(*clause.exp) != 0) object["exp"] = to_unix(*clause.exp);
  if (!clause.scope.empty()) object["scope"] = join(clause.scope);
  if (!clause.audience.empty()) object["audience"] = strings(clause.audience);
  if (!clause.hosts.empty()) object["hosts"] = strings(clause.hosts);
  if (!clause.geoip_allow.empty()) object["geoip_allow"] = strings(clause.geoip_allow);
  if (!clause.geoip_disallow.empty()) object["geoip_disallow"] = strings(clause.geoip_disallow);
  if (clause.usages_at) object["usages_AT"] = *clause.usages_at;
  if (clause.usages_other) object["usages_other"] = *clause.usages_other;
  return object;
}

json::array to_json(const Restrictions& restrictions) {
  json::array array;
  array.reserve(restrictions.size());
  for (const Clause& clause : restrictions)
    array.emplace_back(to_json(clause));
  return array;
}

void append_canonical(std::string& to, const Clause& clause, bool legacy) {
  ObjectWriter object(to);
  if (clause.nbf && to_unix(*clause.nbf) != 0) object.number("nbf", to_unix(*clause.nbf));
  if (clause.exp && to_unix(*clause.exp) != 0) object.number("exp", to_unix(*clause.exp));
  if (!clause.scope.empty()) object.text("scope", join(clause.scope));
  if (!clause.audience.empty()) object.texts("audience", clause.audience);
  if (!clause.hosts.empty()) object.texts(legacy ? "ip" : "hosts", clause.hosts);
  if (!clause.geoip_allow.empty()) object.texts("geoip_allow", clause.geoip_allow);
  if (!clause.geoip_disallow.empty()) object.texts("geoip_disallow", clause.geoip_disallow);
  if (clause.usages_at) object.number("usages_AT", *clause.usages_at);
  if (clause.usages_other) object.number("usages_other", *clause.usages_other);
  object.close();
}

std::string canonical(const Clause& clause, bool legacy) {
  std::string text;
  text.reserve(256);
  append_canonical(text, clause, legacy);
  return text;
}

std::string clause_hash(const Clause& clause) {
  return crypto::sha512(canonical(clause));
}

std::string legacy_clause_hash(const Clause& clause) {
  return crypto::sha512(canonical(clause, true));
}

Restrictions without_repetitions(Restrictions restrictions) {
  Restrictions once;
  for (Clause& clause : restrictions) {
    if (std::find(once.begin(), once.end(), clause) == once.end())
      once.push_back(std::move(clause));
  }
  return once;
}

Result<void> replace_this(Restrictions& restrictions, std::string_view client_address) {
  const auto address = Address::parse(client_address);
  for (Clause& clause : restrictions) {
    for (std::string& entry : clause.hosts) {
      if (!equals_ignoring_case(entry, "this")) continue;
      if (!address) {
        return fail(invalid_request(
            "hosts: the address of the client is not known, so 'this' cannot be used"));
      }
      entry = address->text();
    }
  }
  return {};
}

void remove_claims(Restrictions& restrictions, const std::vector<std::string>& names) {
  for (Clause& clause : restrictions) {
    for (const std::string& name : names) {
      if (name == "nbf") clause.nbf.reset();
      if (name == "exp") clause.exp.reset();
      if (name == "scope") clause.scope.clear();
      if (name == "audience") clause.audience.clear();
      if (name == "hosts" || name == "ip") clause.hosts.clear();
      if (name == "geoip_allow") clause.geoip_allow.clear();
      if (name == "geoip_disallow") clause.geoip_disallow.clear();
      if (name == "usages_AT") clause.usages_at.reset();
      if (name == "usages_other") clause.usages_other.reset();
    }
  }
}

Restrictions with_maximum_lifetime(Restrictions restrictions, Time now, Seconds limit) {
  if (limit <= Seconds(0)) return restrictions;
  // A limit that ends after the end of time limits nothing that has an exp.
  const Time cap = limit > Time::max() - now ? Time::max() : now + limit;
  if (restrictions.empty()) restrictions.emplace_back();
  for (Clause& clause : restrictions) {
    if (!clause.exp || *clause.exp > cap) clause.exp = cap;
  }
  return restrictions;
}

std::optional<Time> expiry(const Restrictions& restrictions) {
  std::optional<Time> latest;
  for (const Clause& clause : restrictions) {
    if (!clause.exp) return std::nullopt;
    latest = latest ? std::max(*latest, *clause.exp) : *clause.exp;
  }
  return latest;
}

std::optional<Time> not_before(const Restrictions& restrictions) {
  std::optional<Time> earliest;
  for (const Clause& clause : restrictions) {
    if (!clause.nbf) return std::nullopt;
    earliest = earliest ? std::min(*earliest, *clause.nbf) : *clause.nbf;
  }
  return earliest;
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> result;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    if (!word.empty()) result.emplace_back(word);
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  return result;
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += ' ';
    text += words[i];
  }
  return text;
}

}  // namespace mytoken::token
