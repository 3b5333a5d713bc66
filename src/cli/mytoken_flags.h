// The other properties of a mytoken to be created: capabilities, rotation, provider, name, form
// (spec cli.md §1.7, §1.8).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <mytoken/client.h>
#include "base/json.h"
#include "cli/command_line.h"
#include "cli/config.h"

namespace mytoken::cli {

struct MytokenFlags {
  std::optional<std::string> profile;
  std::optional<std::string> provider;
  std::optional<std::string> name;
  std::optional<std::string> capabilities;
  std::optional<std::string> rotation;
  bool rotation_on_at = false;
  bool rotation_on_other = false;
  bool rotation_auto_revoke = false;
  std::optional<std::int64_t> rotation_lifetime;
  std::optional<std::string> token_type;
  std::vector<std::string> tags;
  bool tags_include_children = false;
  std::optional<std::int64_t> max_token_len;

  void declare(Command& command);
};

// A JSON array of strings, or words separated by blanks or commas; outer double quotes dropped,
// duplicates removed. Errors: usage (empty list, not strings).
client::Outcome<std::vector<std::string>> parse_capabilities(const std::string& text);

// --rotation ($MYTOKEN_ROTATION) and the single flags together; nullopt if none was given. Any
// single flag makes a rotation (W5). Errors: usage (unknown member, wrong type).
client::Outcome<std::optional<json::object>> build_rotation(const Context& context,
                                                            const MytokenFlags& flags);

// Errors (usage): a member of a rotation object that is unknown or of the wrong type (W6).
client::Outcome<void> check_rotation(const json::object& rotation);

// "token", "short", "transfer" or the names of the API: the name of the API. Errors: usage.
client::Outcome<std::string> parse_token_type(const std::string& text);

// The issuer for --provider, $MYTOKEN_PROVIDER, the profile's or the configured default: an
// address, a configured name, or a name of `metadata`. "" if nothing was given. Errors: usage.
client::Outcome<std::string> choose_provider(const Context& context, const Config& config,
                                             const std::optional<std::string>& flag,
                                             const std::string& of_profile,
                                             const client::Metadata& metadata);

}  // namespace mytoken::cli
