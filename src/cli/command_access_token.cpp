// mytoken AT: an access token from a mytoken (spec cli.md §1.8, api.md §5).
#include "cli/access_tokens.h"
#include "cli/commands.h"

namespace mytoken::cli {
namespace {

struct Flags {
  AccessTokenFlags token;
  bool header = false;
  std::optional<std::string> out;
  std::optional<std::string> comment;
};

int run(Context& context, const Flags& flags) {
  const auto min_valid = flags.token.least_rest();
  if (!min_valid) return report(context, min_valid.error());
  if (flags.header && context.json) {
    return report(context, {client::ErrorKind::usage, "", "--header and --json exclude each other",
                            0, Seconds(0)});
  }
  auto tokens = AccessTokens::open(context, flags.token.token);
  if (!tokens) return report(context, tokens.error());
  Wish wish;
  wish.scope = flags.token.scope;
  wish.audience = flags.token.audience;
  wish.comment = flags.comment.value_or("");
  wish.uses_cache = flags.token.cache && !flags.token.no_cache;
  wish.min_valid = *min_valid;
  if (is_file_of(context, tokens->found(), flags.out)) {
    return report(context,
                  client::failure(client::ErrorKind::usage,
                                  "--out names the file of the mytoken, which would be lost")
                      .error);
  }
  const auto token = tokens->get(wish);
  if (!token) return report(context, token.error(), "AT");
  ExitCode printed = done;
  if (context.json) {
    printed = print_json(context, to_json(*token, context.clock->now()), flags.out);
  } else {
    const Secret line((flags.header ? "Authorization: Bearer " : "") +
                      std::string(token->token.access_token.reveal()) + "\n");
    printed = print(context, line.reveal(), flags.out);
  }
  return finish(context, printed, token->token.token_update);
}

}  // namespace

void add_access_token(Command root, Context& context) {
  auto flags = std::make_shared<Flags>();
  Command command = root.command("AT,at,access-token", "get an access token");
  flags->token.declare(command, AccessTokenFlags::Cache::on_request);
  command.toggle("--header", flags->header, "print it as a header line for curl -H @-");
  command.text("-o,--out", flags->out, "file for the access token instead of standard output");
  command.argument("comment", flags->comment, "kept with the access token at the server");
  command.runs([flags, &context] { return run(context, *flags); });
}

}  // namespace mytoken::cli
