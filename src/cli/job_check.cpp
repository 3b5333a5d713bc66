// The dry run answers for scope, audience, place and spent clauses as of now; times and the number
// of uses to come are worked out here, use by use, as the server will charge them: the first clause
// that permits a use pays for it.
#include "cli/job_check.h"

#include <algorithm>
#include <limits>
#include <set>

#include "cli/access_tokens.h"
#include "client/durable_file.h"
#include "client/reading.h"
#include "token/capability.h"
#include "token/restriction.h"
#include "token/verification.h"

namespace mytoken::cli {
namespace {

using Level = Finding::Level;

constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();

class Judge {
 public:
  Judge(const JobNeeds& needs, const JobFacts& facts) : needs_(needs), facts_(facts) {}

  std::vector<Finding> run() {
    token();
    if (!facts_.token) return std::move(findings_);
    capability();
    expiry();
    clauses();
    rotation();
    return std::move(findings_);
  }

 private:
  void say(Level level, std::string about, std::string text) {
    findings_.push_back({level, std::move(about), std::move(text)});
  }
  Time end() const { return needs_.start + needs_.length; }

  void token() {
    if (facts_.is_confirmed) {
      say(Level::good, "token", "the server knows the mytoken from " + facts_.origin);
    } else {
      say(facts_.token ? Level::doubtful : Level::bad, "token", facts_.why_not_asked);
    }
    if (facts_.is_confirmed && !facts_.dry_run) {
      say(Level::doubtful, "token",
          "the server has no dry run; what follows is judged here, and places are not judged");
    }
  }

  void capability() {
    const auto held = client::text_members(*facts_.token, "capabilities");
    const bool can = facts_.dry_run ? client::bool_member(*facts_.dry_run, "capability")
                                    : token::has(held, "AT");
    if (can) {
      say(Level::good, "capability", "it may be used for access tokens");
    } else {
      say(Level::bad, "capability", "it has no capability AT and gives no access tokens");
    }
  }

  void expiry() {
    const auto exp = client::integer_member(*facts_.token, "exp");
    if (!exp || *exp == 0) return say(Level::good, "expiry", "the mytoken does not expire");
    const Seconds left = from_unix(*exp) - needs_.start;
    if (left >= needs_.length) {
      return say(Level::good, "expiry",
                 "the mytoken expires in " + spoken(left) + ", after the end of the job");
    }
    say(Level::bad, "expiry",
        left.count() <= 0 ? "the mytoken has expired"
                          : "the mytoken expires in " + spoken(left) + ", but the job takes " +
                                spoken(needs_.length));
  }

  struct Candidate {
    std::optional<Time> from;
    std::optional<Time> until;
    std::int64_t left;  // uses
  };

  // What clause i has against the use that is neither its time nor to be waited out.
  std::vector<std::string> obstacles(std::size_t i, const token::Clause& clause,
                                     std::int64_t used) const {
    std::vector<std::string> claims;
    if (facts_.dry_run) {
      const auto* list = facts_.dry_run->if_contains("clauses");
      const auto* array = list ? list->if_array() : nullptr;
      const auto* judged = array && i < array->size() ? (*array)[i].if_object() : nullptr;
      const auto* refused = judged ? judged->if_contains("refused_by") : nullptr;
      if (refused && refused->is_array()) {
        for (const auto& reason : refused->get_array()) {
          const auto* object = reason.if_object();
          const auto claim = object ? std::string(string_member(*object, "claim")) : "";
          if (claim != "nbf" && claim != "exp") claims.push_back(client::sanitised(claim));
        }
      }
      return claims;
    }
    token::Clause local = clause;
    local.nbf.reset();
    local.exp.reset();
    local.hosts.clear();
    local.geoip_allow.clear();
    local.geoip_disallow.clear();
    const token::UseRequest use{token::Use::access_token, needs_.scope, needs_.audience};
    const std::string claim = token::refusal_reason(local, use, {}, needs_.start, {used, 0});
    if (!claim.empty()) claims.push_back(claim);
    return claims;
  }

  void clauses() {
    const auto* member = client::member(*facts_.token, "restrictions");
    const auto restrictions =
        member ? token::parse_restrictions_claim(*member) : Result<token::Restrictions>();
    if (!restrictions) return say(Level::doubtful, "use", "its restrictions cannot be read");
    if (restrictions->empty()) return say(Level::good, "use", "it has no restrictions");
    const auto& array = member->get_array();
    std::vector<Candidate> candidates;
    std::set<std::string> against;
    bool has_places = false;
    for (std::size_t i = 0; i < restrictions->size(); ++i) {
      const token::Clause& clause = (*restrictions)[i];
      has_places = has_places || !clause.hosts.empty() || !clause.geoip_allow.empty() ||
                   !clause.geoip_disallow.empty();
      const auto* object = i < array.size() ? array[i].if_object() : nullptr;
      const std::int64_t used =
          object ? client::integer_member(*object, "usages_AT_done").value_or(0) : 0;
      const auto claims = obstacles(i, clause, used);
      against.insert(claims.begin(), claims.end());
      if (!claims.empty()) continue;
      candidates.push_back(
          {clause.nbf, clause.exp,
           clause.usages_at ? std::max<std::int64_t>(*clause.usages_at - used, 0) : unlimited});
    }
    if (has_places) places(against);
    if (candidates.empty()) {
      std::string list;
      for (const std::string& claim : against)
        list += (list.empty() ? "" : ", ") + claim;
      return say(Level::bad, "use",
                 "no clause of its restrictions permits this use (" + list + ")");
    }
    use_by_use(std::move(candidates));
  }

  void places(const std::set<std::string>& against) {
    if (!facts_.dry_run) {
      return say(Level::doubtful, "hosts",
                 "it is restricted to certain hosts or countries, which only the server can judge");
    }
    if (against.contains("hosts") || against.contains("geoip_allow") ||
        against.contains("geoip_disallow")) {
      return say(Level::doubtful, "hosts", "clauses of it are for other hosts or countries");
    }
    say(Level::good, "hosts", "it may be used at the address that was judged");
  }

  void use_by_use(std::vector<Candidate> candidates) {
    std::vector<Time> uses{needs_.start};
    if (needs_.every) {
      while (uses.back() + *needs_.every < end())
        uses.push_back(uses.back() + *needs_.every);
    }
    if (uses.back() < end()) uses.push_back(end());
    bool is_counted = false;
    for (std::size_t i = 0; i < uses.size(); ++i) {
      bool is_spent = false;
      const auto payer = std::find_if(candidates.begin(), candidates.end(), [&](Candidate& clause) {
        const bool is_open = (!clause.from || *clause.from <= uses[i]) &&
                             (!clause.until || uses[i] <= *clause.until);
        is_spent = is_spent || (is_open && clause.left == 0);
        return is_open && clause.left > 0;
      });
      if (payer != candidates.end()) {
        is_counted = is_counted || payer->left != unlimited;
        if (payer->left != unlimited) --payer->left;
        continue;
      }
      const std::string when =
          i == 0 ? "already at the beginning" : "after " + spoken(uses[i] - needs_.start);
      return say(Level::bad, is_spent ? "usages" : "use",
                 when + " (use " + std::to_string(i + 1) + " of " + std::to_string(uses.size()) +
                     ") no clause permits an access token any more: " +
                     (is_spent ? "the uses are spent" : "the time of the clauses is over"));
    }
    say(Level::good, "use", "a clause of its restrictions permits each use");
    if (!is_counted) return;
    const std::string count = std::to_string(uses.size());
    if (facts_.has_counters) {
      say(Level::good, "usages", "its uses last for " + count + " access tokens");
    } else {
      say(Level::doubtful, "usages",
          "its uses would last for " + count + " access tokens if none was made so far");
    }
  }

  void rotation() {
    const auto* member = client::member(*facts_.token, "rotation");
    const auto* rotation = member ? member->if_object() : nullptr;
    if (!rotation || !client::bool_member(*rotation, "on_AT"))
      return say(Level::good, "rotation", "it stays the same when it is used");
    if (!facts_.is_stored) {
      return say(Level::bad, "rotation",
                 "it is replaced at each use, and " + facts_.origin +
                     " is no place for its successor; use --MT-file");
    }
    if (!facts_.why_not_writable.empty()) {
      return say(Level::bad, "rotation",
                 "it is replaced at each use, and its file cannot be: " + facts_.why_not_writable);
    }
    const auto lifetime = client::integer_member(*rotation, "lifetime").value_or(0);
    const Seconds pause = needs_.every.value_or(needs_.length);
    if (lifetime > 0 && Seconds(lifetime) < pause) {
      return say(Level::bad, "rotation",
                 "it must be used at least every " + spoken(Seconds(lifetime)) +
                     ", or it expires; see --every");
    }
    say(Level::doubtful, "rotation",
        "it is replaced at each use; jobs must share its file, copies of it stop working");
  }

  const JobNeeds& needs_;
  const JobFacts& facts_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> judge_job(const JobNeeds& needs, const JobFacts& facts) {
  return Judge(needs, facts).run();
}

std::string spoken(Seconds duration) {
  struct Unit {
    std::int64_t seconds;
    const char* name;
  };
  std::string text;
  std::int64_t rest = duration.count();
  int shown = 0;
  for (const Unit unit : {Unit{86400, " d"}, Unit{3600, " h"}, Unit{60, " min"}, Unit{1, " s"}}) {
    const std::int64_t number = rest / unit.seconds;
    rest %= unit.seconds;
    if (number == 0 || shown == 2) continue;
    text += (text.empty() ? "" : " ") + std::to_string(number) + unit.name;
    ++shown;
  }
  return text.empty() ? "0 s" : text;
}

}  // namespace mytoken::cli
