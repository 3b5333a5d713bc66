// Will a mytoken do what a job needs? Pure judgement over what the mytoken says about itself, and
// what the server says about it, without clock and network. Source: docs/jobs.md.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"

namespace mytoken::cli {

// Access tokens at `start`, each `every` after it, and at the end of `length`.
struct JobNeeds {
  Time start{};
  Seconds length{0};
  std::optional<Seconds> every{};
  std::vector<std::string> scope{};
  std::vector<std::string> audience{};
};

struct JobFacts {
  // Payload of the mytoken with its counters (member `token` of an introspection), or the decoded
  // JWT; nullopt: it is opaque and nobody tells.
  std::optional<json::object> token{};
  // Member `use` of the introspection: a dry run by a server that has it.
  std::optional<json::object> dry_run{};
  bool is_confirmed = false;       // the server says that the mytoken is valid
  bool has_counters = false;       // `token` is from the server
  std::string why_not_asked{};     // if !is_confirmed
  std::string origin{};            // of the mytoken, for messages
  bool is_stored = false;          // a successor goes back to a file
  std::string why_not_writable{};  // "" = it can
};

struct Finding {
  enum class Level { good, doubtful, bad };
  Level level;
  std::string about;  // token, capability, expiry, use, usages, rotation, hosts
  std::string text;
};

std::vector<Finding> judge_job(const JobNeeds& needs, const JobFacts& facts);

// "3 d 2 h", "90 s"; for people.
std::string spoken(Seconds duration);

}  // namespace mytoken::cli
