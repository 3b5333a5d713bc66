// Restrictions, times and names of templates as people write them on a command line (spec cli.md
// §1.7). Mistakes that would lose protection are errors: unknown members, flags beside
// --restrictions (W1, W4, W6).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/command_line.h"
#include "cli/context.h"
#include "client/restrictions.h"

namespace mytoken::cli {

struct RestrictionFlags {
  std::optional<std::string> restrictions;
  std::vector<std::string> scope;
  std::vector<std::string> audience;
  std::vector<std::string> hosts;
  std::vector<std::string> geoip_allow;
  std::vector<std::string> geoip_disallow;
  std::optional<std::string> exp;
  std::optional<std::string> nbf;
  std::optional<std::int64_t> usages_at;
  std::optional<std::int64_t> usages_other;

  void declare(Command& command);
};

// The clauses to send; empty = unrestricted. Reads $MYTOKEN_RESTRICTIONS and $MYTOKEN_RESTRICTION
// if neither --restrictions nor a single flag is given. Errors: usage.
client::Outcome<json::array> build_restrictions(const Context& context,
                                                const RestrictionFlags& flags);

// Times in words become numbers (W4).
using client::checked_restrictions;
using client::parse_local_time;

// `value` is JSON, or (starting with ./ ../ / ~/ or @) a file with JSON: the text of it; nullopt:
// neither, i.e. names.
client::Outcome<std::optional<std::string>> json_argument(const Context& context,
                                                          const std::string& value,
                                                          const std::string& what);
// Words separated by blanks.
std::vector<std::string> words(const std::string& text);

}  // namespace mytoken::cli
