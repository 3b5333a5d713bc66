// mytoken AT: an access token from a mytoken (spec cli.md §1.8, api.md §5).
#include "cli/commands.h"
#include "cli/session.h"

namespace mytoken::cli {
namespace {

struct Flags {
  TokenFlags token;
  std::vector<std::string> scope;
  std::vector<std::string> audience;
  std::optional<std::string> out;
  std::optional<std::string> comment;
};

json::object to_json(const client::AccessToken& token, Time now) {
  json::object object;
  object["access_token"] = token.access_token.reveal();
  object["token_type"] = token.token_type.empty() ? "Bearer" : token.token_type;
  if (token.expires_in) {
    object["expires_in"] = token.expires_in->count();
    object["expires_at"] = to_unix(now + *token.expires_in);
  }
  if (!token.scope.empty()) object["scope"] = token.scope;
  if (!token.audience.empty()) {
    json::array audience;
    for (const std::string& entry : token.audience)
      audience.emplace_back(entry);
    object["audience"] = std::move(audience);
  }
  return object;
}

int run(Context& context, const Flags& flags) {
  auto session = open_session_with_token(context, flags.token);
  if (!session) return report(context, session.error());
  client::AccessTokenRequest request;
  request.scope = flags.scope;
  request.audience = flags.audience;
  request.comment = flags.comment.value_or("");
  const auto token = session->client->access_token(*session->lease, request, session->call);
  if (!token) return report(context, token.error(), "AT");
  ExitCode printed = done;
  if (context.json) {
    printed = print_json(context, to_json(*token, context.clock->now()), flags.out);
  } else {
    const Secret line(std::string(token->access_token.reveal()) + "\n");
    printed = print(context, line.reveal(), flags.out);
  }
  return finish(context, printed, token->token_update);
}

}  // namespace

void add_access_token(Command root, Context& context) {
  auto flags = std::make_shared<Flags>();
  Command command = root.command("AT,at,access-token", "get an access token");
  flags->token.declare(command);
  command.list("-s,--scope,--scopes", flags->scope, "scopes to ask for");
  command.list("--aud,--audience,--audiences", flags->audience, "audiences to ask for");
  command.text("-o,--out", flags->out, "file for the access token instead of standard output");
  command.argument("comment", flags->comment, "kept with the access token at the server");
  command.runs([flags, &context] { return run(context, *flags); });
}

}  // namespace mytoken::cli
