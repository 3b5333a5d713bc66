// mytoken info: what a mytoken says about itself, and what the server knows about it (spec cli.md
// §1.8, api.md §6).
#include <mytoken/inspect.h>
#include "cli/commands.h"
#include "cli/session.h"

namespace mytoken::cli {
namespace {

// Looks into the token only; no server is asked and nothing is locked or verified.
int decode(Context& context, const TokenFlags& flags) {
  const auto config = load_config(context);
  if (!config) return report(context, config.error());
  auto found = find_token(context, *config, flags, false);
  if (!found) return report(context, found.error());
  if (!found->source) return report(context, no_token());
  const auto lease = found->source->acquire({context.interruption(), {}});
  if (!lease) return report(context, lease.error());
  const auto jwt = client::decode_jwt((*lease)->token().reveal());
  if (!jwt) {
    const ExitCode code = report(
        context, {client::ErrorKind::token_source, "", "the mytoken is not a JWT", 0, Seconds(0)});
    context.console.hint("'mytoken info introspect' asks the server about it");
    return code;
  }
  return print_json(context, json::parse(jwt->payload));
}

struct Action {
  const char* names;
  const char* action;
  const char* capability;
  const char* help;
};

int ask(Context& context, const TokenFlags& flags, const Action& action,
        const std::vector<std::string>& mom_ids) {
  auto session = open_session_with_token(context, flags);
  if (!session) return report(context, session.error());
  const auto answer =
      session->client->tokeninfo(*session->lease, action.action, mom_ids, session->call);
  if (!answer) return report(context, answer.error(), action.capability);
  return finish(context, print_json(context, json::parse(answer->json)), answer->token_update);
}

constexpr Action introspect{"introspect", "introspect", "tokeninfo:introspect",
                            "ask the server about the mytoken"};
constexpr Action history{"history", "event_history", "tokeninfo:history",
                         "what happened to the mytoken"};
constexpr Action subtokens{"subtokens,token-tree,tree", "subtokens", "tokeninfo:subtokens",
                           "the mytokens made from it"};
constexpr Action listing{"list-mytokens,list", "list_mytokens", "manage_mytokens:list",
                         "all mytokens of the user"};

}  // namespace

void add_tokeninfo(Command root, Context& context) {
  struct Flags {
    TokenFlags token;
    std::vector<std::string> mom_ids;
  };
  auto flags = std::make_shared<Flags>();
  Command command = root.command("info,tokeninfo", "show the content of a mytoken");
  flags->token.declare(command);
  command.runs([flags, &context] { return decode(context, flags->token); });
  for (const Action* action : {&introspect, &history, &subtokens, &listing}) {
    Command sub = command.command(action->names, action->help);
    if (action == &history)
      sub.list("--mom-id", flags->mom_ids, "other mytokens: their ids, 'this', 'children'");
    sub.runs(
        [flags, action, &context] { return ask(context, flags->token, *action, flags->mom_ids); });
  }
}

}  // namespace mytoken::cli
