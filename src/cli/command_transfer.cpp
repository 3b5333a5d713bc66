// mytoken transfer create: a short code with which the mytoken can be fetched once on another
// machine (api.md §8).
#include "cli/commands.h"
#include "cli/session.h"

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
  return finish(context, print(context, line.reveal()), code->token_update);
}

}  // namespace

void add_transfer(Command root, Context& context) {
  auto flags = std::make_shared<Flags>();
  Command command = root.command("transfer", "move a mytoken to another machine");
  flags->token.declare(command);
  Command create = command.command("create", "a code to redeem once with 'mytoken MT --TC'");
  create.runs([flags, &context] { return run(context, *flags); });
}

}  // namespace mytoken::cli
