// Restrictions of a request: whatever is accepted must come back from its canonical text, fit into
// itself or say no, and never be lost. Seeds: tests/fuzz/corpus/restrictions_fuzz.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/json.h"
#include "token/tightening.h"
#include "token/verification.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mytoken;
  using namespace mytoken::token;
  const auto value = parse_json(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!value) return 0;
  const Time now = from_unix(1'700'000'000);

  const auto requested = parse_restrictions(&*value, now);
  if (requested) {
    for (const Clause& clause : *requested) {
      require(!clause.empty());
      const json::value back = json::parse('[' + canonical(clause) + ']');
      const auto claimed = parse_restrictions_claim(back);
      require(claimed && claimed->size() == 1 && claimed->front() == clause);
    }
    const NamesOf no_names = [](const std::string&) { return std::vector<std::string>(); };
    const Tightened same = tighten(*requested, *requested, no_names);
    require(requested->empty() == same.restrictions.empty());
    addresses_needing_names(*requested, *requested);
    expiry(with_maximum_lifetime(*requested, now, Seconds(3600)));
  }

  const auto claimed = parse_restrictions_claim(*value);
  if (claimed) {
    const auto unused = [](std::size_t) { return Counters{}; };
    const ClientFacts client{"192.0.2.1", {"node.example.com"}, "DE"};
    const auto choice =
        choose_clause(*claimed, {Use::access_token, {"a"}, {"x"}}, client, now, unused);
    require(!choice || choice->clause.has_value() != claimed->empty());
    Restrictions replaced = *claimed;
    require(replace_this(replaced, client.address).has_value());
  }
  return 0;
}
