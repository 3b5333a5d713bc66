// Which files an agent keeps: --out, a list in a YAML file, or the place where other programs look.
//
//   outputs:
//     - file: $XDG_RUNTIME_DIR/bt_storage     # also ~/…, or absolute
//       scope: storage.read:/ openid          # text or list; may be left out
//       audience: [https://se.example.org]    # text or list; may be left out
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/token_keeper.h"

namespace mytoken::cli {

// `text` of the YAML file `name`. Errors (usage) name the file and the entry: bad YAML, unknown
// keys, no `file`, a path that is not absolute, the same file twice, more than 100 outputs.
client::Outcome<std::vector<TokenFile>> parse_outputs(const Context& context,
                                                      const std::string& text,
                                                      const std::string& name);

// $BEARER_TOKEN_FILE, $XDG_RUNTIME_DIR/bt_uUID, /tmp/bt_uUID (WLCG bearer token discovery).
std::filesystem::path default_output(const Context& context);

// The file itself if `path` is a link of the user's own. Error usage: a link that others could have
// laid, or a directory.
client::Outcome<std::filesystem::path> resolved_output(const std::filesystem::path& path);

}  // namespace mytoken::cli
