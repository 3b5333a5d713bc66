// Random parents, requests, uses and clients, and a small world of DNS around them: few enough
// values that they meet often. Seeded, so a failure repeats; MYTOKEN_TEST_SEED=<number> tries other
// cases, and a failure names it.
#pragma once
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "token/tightening.h"
#include "token/verification.h"

namespace mytoken::token {

class Generator {
 public:
  explicit Generator(unsigned test)
      : random_(test + 1000 * seed()),
        trace_(__FILE__, __LINE__, "MYTOKEN_TEST_SEED=" + std::to_string(seed())) {}

  int below(int bound) { return static_cast<int>(random_() % static_cast<unsigned>(bound)); }
  bool chance(int percent) { return below(100) < percent; }

  template <std::size_t N>
  std::string one_of(const std::array<const char*, N>& list) {
    return list[static_cast<std::size_t>(below(static_cast<int>(N)))];
  }

  template <std::size_t N>
  std::vector<std::string> some_of(const std::array<const char*, N>& list, int most) {
    std::vector<std::string> result;
    for (int i = below(most + 1); i > 0; --i)
      result.push_back(one_of(list));
    return result;
  }

  Clause clause() {
    Clause clause;
    if (chance(30)) clause.nbf = from_unix(1 + below(20));
    if (chance(40)) clause.exp = from_unix(1 + below(20));
    if (chance(50)) clause.scope = some_of(scopes, 3);
    if (chance(40)) clause.audience = some_of(audiences, 2);
    if (chance(50)) clause.hosts = some_of(hosts, 3);
    if (chance(30)) clause.geoip_allow = some_of(countries, 2);
    if (chance(30)) clause.geoip_disallow = some_of(countries, 2);
    if (chance(40)) clause.usages_at = below(4);
    if (chance(40)) clause.usages_other = below(4);
    return clause;
  }

  // Often only slightly different from `from`, so that tightening succeeds often enough to matter.
  Clause variation(const Clause& from) {
    Clause clause = from;
    const Clause other = this->clause();
    if (chance(15)) clause.nbf = other.nbf;
    if (chance(15)) clause.exp = other.exp;
    if (chance(15)) clause.scope = other.scope;
    if (chance(15)) clause.audience = other.audience;
    if (chance(30)) clause.hosts = other.hosts;
    if (chance(15)) clause.geoip_allow = other.geoip_allow;
    if (chance(15)) clause.geoip_disallow = other.geoip_disallow;
    if (chance(15)) clause.usages_at = other.usages_at;
    if (chance(15)) clause.usages_other = other.usages_other;
    return clause;
  }

  Restrictions restrictions(int most) {
    Restrictions restrictions;
    for (int i = below(most + 1); i > 0; --i)
      restrictions.push_back(clause());
    return restrictions;
  }

  Restrictions request(const Restrictions& parent) {
    Restrictions requested;
    for (int i = 1 + below(4); i > 0; --i) {
      requested.push_back(
          parent.empty() || chance(20)
              ? clause()
              : variation(
                    parent[static_cast<std::size_t>(below(static_cast<int>(parent.size())))]));
    }
    std::erase_if(requested, [](const Clause& clause) { return clause.empty(); });
    return requested;
  }

  UseRequest use() {
    UseRequest request;
    request.use = chance(60) ? Use::access_token : Use::other;
    request.scopes = some_of(scopes, 2);
    request.audiences = some_of(audiences, 2);
    return request;
  }

  ClientFacts client() {
    ClientFacts client;
    client.address = one_of(addresses);
    client.names = names_of(client.address);
    if (chance(90)) client.country = one_of(countries);
    if (chance(10)) client.country = "-";
    return client;
  }

  // Any text of up to 12 characters, worst ones first.
  std::string text() {
    static constexpr std::array<const char*, 16> pieces{"\"",
                                                        "\\",
                                                        "<",
                                                        "&",
                                                        "\xE2\x80\xA8",
                                                        "\n",
                                                        "\x01",
                                                        "\xF0\x9F\x98\x80",
                                                        "\xC3\xBC",
                                                        "\x7f",
                                                        "/",
                                                        "a",
                                                        "b",
                                                        "c",
                                                        " ",
                                                        "0"};
    std::string text;
    for (int i = below(12); i >= 0; --i)
      text += one_of(pieces);
    return text;
  }
  std::vector<std::string> texts(int most) {
    std::vector<std::string> list;
    for (int i = below(most + 1); i > 0; --i)
      list.push_back(text());
    return list;
  }
  std::int64_t number() { return static_cast<std::int64_t>(random_() >> (2 + below(40))) + 1; }

  Clause odd_clause() {
    Clause clause;
    if (chance(50)) clause.nbf = from_unix(number());
    if (chance(50)) clause.exp = from_unix(number());
    if (chance(50)) clause.scope = words(text() + " x");
    if (chance(50)) clause.audience = texts(3);
    if (chance(50)) clause.hosts = texts(3);
    if (chance(50)) clause.geoip_allow = texts(2);
    if (chance(50)) clause.geoip_disallow = texts(2);
    if (chance(50)) clause.usages_at = number() - 1;
    if (chance(50)) clause.usages_other = number() - 1;
    return clause;
  }

  // A small world of DNS.
  static std::vector<std::string> names_of(const std::string& address) {
    static const std::map<std::string, std::vector<std::string>> names{
        {"10.1.0.1", {"a.example.com.", "x.org."}},
        {"10.2.0.1", {"B.Example.com"}},
        {"2001:db8::1", {"evilexample.com"}}};
    const auto found = names.find(address);
    return found == names.end() ? std::vector<std::string>() : found->second;
  }

  static constexpr std::array<const char*, 5> scopes{"a", "b", "c", "A", ""};
  static constexpr std::array<const char*, 3> audiences{"x", "y", "z"};
  static constexpr std::array<const char*, 4> countries{"DE", "de", "US", "fr"};
  static constexpr std::array<const char*, 6> addresses{"10.1.0.1",    "10.2.0.1", "10.1.0.2",
                                                        "2001:db8::1", "::1",      ""};
  static constexpr std::array<const char*, 20> hosts{"10.0.0.0/8",
                                                     "10.1.0.0/16",
                                                     "10.1.0.1",
                                                     "10.1.0.1/32",
                                                     "10.1.0.1/16",
                                                     "10.2.0.1",
                                                     "::ffff:10.2.0.1",
                                                     "0.0.0.0/0",
                                                     "::/0",
                                                     "2001:db8::/32",
                                                     "2001:DB8::1",
                                                     "*",
                                                     "*.example.com",
                                                     "*example.com",
                                                     "a.example.com",
                                                     "A.example.com.",
                                                     "b.example.com",
                                                     "x.org",
                                                     "this",
                                                     "10.2.0.0/15"};

 private:
  static std::uint64_t seed() {
    const char* text = std::getenv("MYTOKEN_TEST_SEED");
    return text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
  }

  std::mt19937_64 random_;
  ::testing::ScopedTrace trace_;
};

inline const std::function<Counters(std::size_t)> unused = [](std::size_t) { return Counters{}; };

}  // namespace mytoken::token
