// mytoken info: what a mytoken says about itself, and what the server knows about it (spec cli.md
// §1.8, api.md §6).
#include <mytoken/inspect.h>

#include <map>

#include "cli/commands.h"
#include "cli/notification_tables.h"
#include "cli/restriction_flags.h"
#include "cli/session.h"
#include "client/durable_file.h"
#include "client/reading.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

struct Flags {
  TokenFlags token;
  bool verifies = false;
  std::vector<std::string> mom_ids;
  std::optional<std::string> use;
  std::vector<std::string> scope;
  std::vector<std::string> audience;
  std::optional<std::string> ip;
  std::optional<std::string> time;
  std::optional<std::string> kind;
};

// Looks into the token only; no server is asked and nothing is locked or verified.
int decode(Context& context, const Flags& flags) {
  const auto config = load_config(context);
  if (!config) return report(context, config.error());
  auto found = find_token(context, *config, flags.token, false);
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
  return print_json(context, json_of(jwt->payload));
}

// What the token says, if the server's key signed it. A server that was named explicitly is the one
// that must have; else it is the one that the token names.
client::Outcome<std::string> verified_payload(Context& context, const TokenFlags& flags) {
  auto session = open_session_with_token(context, flags);
  if (!session) return failure(std::move(session.error()));
  const std::string_view token = session->lease->token().reveal();
  const std::string issuer = client::issuer_of(token);
  if (issuer.empty())
    return failure(ErrorKind::usage, "only a mytoken that is a JWT can be verified");
  const std::string wanted = explicit_url(context);
  if (!wanted.empty() && !client::same_issuer(issuer, wanted)) {
    return failure(
        ErrorKind::server,
        "the mytoken is of " + client::sanitised(issuer) + ", not of " + client::sanitised(wanted),
        "invalid_token");
  }
  const auto jwks = session->client->jwks(session->call);
  if (!jwks) return failure(jwks.error());
  return client::verify_mytoken(token, *jwks, issuer, context.clock->now());
}

int verify(Context& context, const TokenFlags& flags, bool shows_content) {
  const auto payload = verified_payload(context, flags);
  if (!payload) return report(context, payload.error());
  const json::value content = json_of({*payload, std::nullopt});
  if (shows_content) return print_json(context, content);
  const std::string issuer(string_member(content.as_object(), "iss"));
  return print_done(context, "Valid: signed by " + harmless(issuer),
                    {{"valid", true}, {"token", content}});
}

int ask(Context& context, const TokenFlags& flags, const char* action, const char* capability,
        const std::vector<std::string>& mom_ids,
        const std::function<ExitCode(const json::object&)>& show) {
  auto session = open_session_with_token(context, flags);
  if (!session) return report(context, session.error());
  const auto answer = session->client->tokeninfo(*session->lease, action, mom_ids, session->call);
  if (!answer) return report(context, answer.error(), capability);
  const json::value content = json_of(*answer);
  const json::object& object = content.get_object();  // the client takes nothing else
  return finish(context, show(object), answer->token_update);
}

// The described use (api.md §6) of the --for flags, "" if there is none.
client::Outcome<std::string> described_use(const Context& context, const Flags& flags) {
  json::object use;
  if (!flags.scope.empty()) use["scope"] = client::array_of(flags.scope);
  if (!flags.audience.empty()) use["audience"] = client::array_of(flags.audience);
  if (flags.ip) use["ip"] = *flags.ip;
  if (flags.kind) {
    if (*flags.kind != "AT" && *flags.kind != "other")
      return failure(ErrorKind::usage, "--for-kind must be AT or other");
    use["kind"] = *flags.kind;
  }
  if (flags.time) {
    const auto time = parse_local_time(*flags.time, context.clock->now());
    if (!time) return failure(ErrorKind::usage, "--for-time is not a valid time");
    use["time"] = *time;
  }
  if (!flags.use) return use.empty() ? std::string() : json::serialize(use);
  if (!use.empty())
    return failure(ErrorKind::usage, "--use cannot be combined with the --for flags");
  const auto value = parse_json(*flags.use);
  if (!value || !value->is_object())
    return failure(ErrorKind::usage, "--use is not a valid JSON object");
  return *flags.use;
}

int introspect(Context& context, const Flags& flags) {
  const auto use = described_use(context, flags);
  if (!use) return report(context, use.error());
  auto session = open_session_with_token(context, flags.token);
  if (!session) return report(context, session.error());
  const auto answer =
      use->empty() ? session->client->tokeninfo(*session->lease, "introspect", {}, session->call)
                   : session->client->introspect(*session->lease, *use, session->call);
  if (!answer) return report(context, answer.error(), "tokeninfo:introspect");
  return finish(context, print_json(context, json_of(*answer)), answer->token_update);
}

const json::array& array_in(const json::object& answer, std::string_view name) {
  static const json::array none;
  const auto* value = client::member(answer, name);
  return value && value->is_array() ? value->get_array() : none;
}

int history(Context& context, const Flags& flags) {
  const auto& ids = flags.mom_ids;
  const char* capability = ids.empty() ? "tokeninfo:history" : "manage_mytokens:history";
  const auto show = [&](const json::object& answer) {
    if (context.json) return print_json(context, answer);
    std::vector<std::string> header{"Event", "Comment", "Time", "IP", "User Agent"};
    if (!ids.empty()) header.insert(header.begin(), "MOM-ID");
    Table table(std::move(header));
    for (const json::value& entry : array_in(answer, "events")) {
      const auto* event = entry.if_object();
      if (!event) continue;
      const auto time = client::integer_member(*event, "time");
      std::vector<Cell> cells;
      if (!ids.empty()) cells.emplace_back(string_member(*event, "mom_id"));
      for (const char* name : {"event", "comment"})
        cells.emplace_back(string_member(*event, name));
      cells.emplace_back(time ? local_time(*time) : "");
      for (const char* name : {"ip", "user_agent"})
        cells.emplace_back(string_member(*event, name));
      table.row(std::move(cells));
    }
    return print(context, table.text(uses_colour(context)));
  };
  return ask(context, flags.token, "event_history", capability, ids, show);
}

int subtokens(Context& context, const Flags& flags) {
  return ask(context, flags.token, "subtokens", "tokeninfo:subtokens", {},
             [&](const json::object& answer) {
               const auto* tree = client::member(answer, "mytokens");
               return print_json(context, tree ? *tree : json::value(json::object()));
             });
}

std::string notifications_text(const Context& context, const json::object& answer) {
  const bool colours = uses_colour(context);
  std::string text;
  const std::string first = notification_table(array_in(answer, "notifications")).text(colours);
  const std::string second = calendar_table(array_in(answer, "calendars")).text(colours);
  if (!first.empty()) text += "Notifications:\n" + first;
  if (!second.empty()) text += (text.empty() ? "" : "\n") + ("Calendars:\n" + second);
  return text.empty() ? "There are no notifications and no calendars for this mytoken.\n" : text;
}

int notifications(Context& context, const Flags& flags) {
  const char* capability =
      flags.mom_ids.empty() ? "tokeninfo:notify" : "read@manage_mytokens:notify";
  const auto show = [&](const json::object& answer) {
    if (context.json) return print_json(context, answer);
    // Several ids: an object for each of them.
    const auto* mapping = client::member(answer, "mom_id_mapping");
    if (!mapping || !mapping->is_object())
      return print(context, notifications_text(context, answer));
    std::map<std::string, std::string> texts;
    for (const auto& entry : mapping->get_object()) {
      const auto* object = entry.value().if_object();
      texts[harmless(entry.key())] = notifications_text(context, object ? *object : json::object());
    }
    std::string text;
    for (const auto& [id, part] : texts)
      text += (text.empty() ? "" : "\n") + id + "\n" + part;
    return print(context, text);
  };
  return ask(context, flags.token, "notifications", capability, flags.mom_ids, show);
}

}  // namespace

void add_tokeninfo(Command root, Context& context) {
  auto flags = std::make_shared<Flags>();
  const std::shared_ptr<const TokenFlags> token(flags, &flags->token);
  Command command = root.command("info,tokeninfo", "show the content of a mytoken");
  flags->token.declare(command);
  command.toggle("--verify", flags->verifies, "check the signature with the keys of its server");
  command.runs([flags, &context] {
    return flags->verifies ? verify(context, flags->token, true) : decode(context, *flags);
  });
  const auto add = [&](const char* names, const char* help, int (*action)(Context&, const Flags&)) {
    Command sub = command.command(names, help);
    sub.runs([flags, action, &context] { return action(context, *flags); });
    return sub;
  };
  Command question = add("introspect", "ask the server about the mytoken", introspect);
  question.list("--for-scope", flags->scope, "would an access token with these scopes be given");
  question.list("--for-aud,--for-audience", flags->audience,
                "would an access token for these audiences be given");
  question.text("--for-ip", flags->ip, "would a use from this address be permitted");
  question.text("--for-time", flags->time, "would a use at this time be permitted");
  question.text("--for-kind", flags->kind, "the kind of use: AT or other");
  question.text("--use", flags->use, "the use as a JSON object");
  constexpr const char* ids = "mytokens to ask about: their ids, 'this', 'children'";
  add("history", "show what happened to the mytoken", history)
      .list("--mom-id,--mom-ids", flags->mom_ids, ids);
  add("subtokens,token-tree,tree", "show the mytokens made from it", subtokens);
  add("notifications", "show what notifies about the mytoken", notifications)
      .list("--mom-id,--mom-ids", flags->mom_ids, ids);
  add_list_mytokens(command, token, context);
}

void add_verify(Command root, Context& context) {
  auto flags = std::make_shared<TokenFlags>();
  Command command = root.command("verify", "check that a mytoken was signed by its server");
  flags->declare(command);
  command.runs([flags, &context] { return verify(context, *flags, false); });
}

}  // namespace mytoken::cli
