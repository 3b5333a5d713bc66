// mytoken transfer, mytoken transfer create: a short code with which the mytoken can be fetched
// once on another machine (api.md §8).
#include <array>
#include <cstdio>

#include "cli/commands.h"
#include "cli/session.h"
#include "cli/transfer_code.h"

namespace mytoken::cli {
namespace {

struct Flags {
  TokenFlags token;
};

int run(Context& context, const Flags& flags) {
  auto session = open_session_with_token(context, flags.token);
  if (!session) return report(context, session.error());
  const auto code = session->client->create_transfer_code(*session->lease, session->call);
  if (!code) return report(context, code.error());
  if (context.json) {
    json::object object;
    object["transfer_code"] = code->transfer_code.reveal();
    if (code->expires_in) object["expires_in"] = code->expires_in->count();
    return finish(context, print_json(context, object), code->token_update);
  }
  const Secret line(std::string(code->transfer_code.reveal()) + "\n");
  const ExitCode printed = print(context, line.reveal());
  explain_transfer_code(context, *session, *code);
  return finish(context, printed, code->token_update);
}

}  // namespace

void explain_transfer_code(Context& context, const Session& session, const client::Mytoken& code) {
  if (!context.console.is_interactive()) return;
  std::string lifetime;
  if (code.expires_in) {
    const long long left = code.expires_in->count();
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), " within %lld:%02lld", left / 60, left % 60);
    lifetime = text.data();
  }
  context.console.notice("the code can be redeemed once" + lifetime +
                         "; on the other machine: mytoken MT --TC CODE --url " +
                         session.client->server_url());
}

void add_transfer(Command root, Context& context) {
  auto flags = std::make_shared<Flags>();
  Command command =
      root.command("transfer", "get a short code that moves a mytoken to another machine");
  flags->token.declare(command);
  command.runs([flags, &context] { return run(context, *flags); });
  Command create = command.command("create", "a code to redeem once with 'mytoken MT --TC'");
  create.runs([flags, &context] { return run(context, *flags); });
}

}  // namespace mytoken::cli
