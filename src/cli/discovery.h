// WLCG bearer token discovery (zenodo 3937438; spec cli.md §1.5 "right behaviour"), extended by
// files for mytokens.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "cli/context.h"

namespace mytoken::cli {

// Without white space at both ends.
Secret trimmed(std::string_view text);

struct Discovery {
  Secret token;
  std::string origin;            // variable ("$BEARER_TOKEN") or file
  bool may_be_replaced = false;  // only files named mt_u<uid>: others are for access tokens
};

// $BEARER_TOKEN, the file $BEARER_TOKEN_FILE, then mt_u<uid> and bt_u<uid> below $XDG_RUNTIME_DIR
// and below the temporary directory (effective uid). The first that holds anything decides. Missing
// and empty ones are passed over, and, with a warning, files that belong to somebody else or that
// others can read.
client::Outcome<std::optional<Discovery>> discover_token(Context& context);

}  // namespace mytoken::cli
