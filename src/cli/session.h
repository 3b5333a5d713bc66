// A command's conversation with one server: the lease on the token it presents, the client of the
// right server, and the printing of what came back.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include <mytoken/client.h>
#include "base/json.h"
#include "cli/config.h"
#include "cli/token_flags.h"

namespace mytoken::cli {

struct Session {
  FoundToken token;                           // outlives the lease
  std::unique_ptr<client::TokenLease> lease;  // null without a token
  std::unique_ptr<client::Client> client;
  client::Call call;
};

// How the command talks to servers: proxies, certificates and the cache of the environment.
client::Options client_options(const Context& context);

// The server of a mytoken JWT is its issuer; else --url, $MYTOKEN_URL, `instance` of the file (spec
// cli.md §1.13).
client::Outcome<Session> open_session(Context& context, const Config& config, FoundToken token);

// Configuration, token and session in one step, for commands that need a mytoken.
client::Outcome<Session> open_session_with_token(Context& context, const TokenFlags& flags);

// Writes a result: to `file` (0600, replaced as a whole) if given, else to stdout. `done`, or
// `not_stored` with a message.
ExitCode print(Context& context, std::string_view text,
               const std::optional<std::string>& file = {});
ExitCode print_json(Context& context, const json::value& value,
                    const std::optional<std::string>& file = {});

// Error usage: a result could not be written to `file`. For commands that get what they cannot get
// again.
client::Outcome<void> check_result_file(const Context& context, const std::string& file);

// The content of an answer, or a part of one; `text` is JSON that the library gave out, as deep as
// an answer may be.
json::value json_of(std::string_view text);
json::value json_of(const client::Document& answer);

// For commands whose result is that something was done: `line`, or `object` with --json.
ExitCode print_done(Context& context, const std::string& line, const json::object& object);

// The exit code of a command whose result was printed as `printed`: says so if a rotated token is
// not safe.
ExitCode finish(Context& context, ExitCode printed,
                const std::optional<client::TokenUpdate>& update);

}  // namespace mytoken::cli
