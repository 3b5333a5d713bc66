// mytoken revoke: ends a mytoken, its own or by id another one (spec cli.md §1.8, api.md §7).
#include "cli/commands.h"
#include "cli/session.h"

namespace mytoken::cli {
namespace {

struct Flags {
  TokenFlags token;
  std::optional<std::string> mom_id;
  bool recursive = false;
};

int run(Context& context, const Flags& flags) {
  client::Revocation revocation;
  // An empty id must not revoke the token that should only authorise.
  if (flags.mom_id && flags.mom_id->empty()) {
    return report(context, {client::ErrorKind::usage, "", "--mom-id is empty", 0, Seconds(0)});
  }
  revocation.mom_id = flags.mom_id ? *flags.mom_id : context.variable("MOM_ID");
  revocation.recursive = flags.recursive;
  auto session = open_session_with_token(context, flags.token);
  if (!session) return report(context, session.error());
  const auto revoked = session->client->revoke(*session->lease, revocation, session->call);
  if (!revoked)
    return report(context, revoked.error(),
                  revocation.mom_id.empty() ? "" : "manage_mytokens:revoke");
  ExitCode printed = done;
  if (context.json) {
    json::object object;
    object["revoked"] = true;
    printed = print_json(context, object);
  } else {
    printed = print(context, "Token revoked\n");
  }
  return finish(context, printed, revoked->token_update);
}

}  // namespace

void add_revoke(Command root, Context& context) {
  auto flags = std::make_shared<Flags>();
  Command command = root.command("revoke", "revoke a mytoken");
  flags->token.declare(command);
  command.toggle("-r,--recursive", flags->recursive, "also all mytokens made from it");
  command.text("--mom-id,--MOM-ID,--mom,--MOM", flags->mom_id,
               "id of another mytoken to revoke (MOM_ID)");
  command.runs([flags, &context] { return run(context, *flags); });
}

}  // namespace mytoken::cli
