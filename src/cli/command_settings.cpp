// mytoken settings: the group, grants and e-mail (spec cli.md §1.8, settings.md §3 and §4). Keys
// and tags have files of their own.
#include "cli/command_settings.h"

#include <mytoken/settings.h>
#include "cli/commands.h"
#include "cli/table.h"
#include "client/durable_file.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

constexpr const char* reading_grants = "read@settings:grants";
constexpr const char* changing_grants = "settings:grants";
constexpr const char* reading_email = "read@settings:email";
constexpr const char* changing_email = "settings:email";

int show_grants(Context& context, const TokenFlags& token) {
  auto session = open_session_with_token(context, token);
  if (!session) return report(context, session.error());
  const auto list = client::list_grants(*session->client, *session->lease, session->call);
  if (!list) return report(context, list.error(), reading_grants);
  if (context.json) {
    json::array grants;
    for (const client::Grant& grant : list->grants)
      grants.push_back({{"grant_type", grant.grant_type}, {"enabled", grant.is_enabled}});
    return finish(context, print_json(context, json::object{{"grant_types", std::move(grants)}}),
                  list->token_update);
  }
  Table table({"Grant Type", "Status"});
  for (const client::Grant& grant : list->grants)
    table.row({grant.grant_type, grant.is_enabled ? "Enabled" : "Disabled"});
  return finish(context, print(context, table.text(uses_colour(context))), list->token_update);
}

int switch_grant(Context& context, const TokenFlags& token,
                 const std::optional<std::string>& argument, bool is_enabled) {
  const auto grant = required(argument, "the grant, e.g. ssh");
  if (!grant) return report(context, grant.error());
  return change_settings(context, token, changing_grants,
                         [&](Session& session) {
                           const auto& change =
                               is_enabled ? client::enable_grant : client::disable_grant;
                           return change(*session.client, *session.lease, *grant, session.call);
                         },
                         "Grant '" + *grant + "' " + (is_enabled ? "enabled" : "disabled"),
                         {{"grant_type", *grant}, {"enabled", is_enabled}});
}

int show_email(Context& context, const TokenFlags& token) {
  auto session = open_session_with_token(context, token);
  if (!session) return report(context, session.error());
  const auto email = client::email_settings(*session->client, *session->lease, session->call);
  if (!email) return report(context, email.error(), reading_email);
  if (context.json) {
    const json::object object{{"email_address", email->address},
                              {"email_verified", email->is_verified},
                              {"prefer_html_mail", email->prefers_html}};
    return finish(context, print_json(context, object), email->token_update);
  }
  const auto word = [](bool is_so) { return is_so ? "yes\n" : "no\n"; };
  const std::string text =
      "Email address: " + (email->address.empty() ? "none" : harmless(email->address)) +
      "\nEmail verified: " + word(email->is_verified) +
      "Prefer HTML mail: " + word(email->prefers_html);
  return finish(context, print(context, text), email->token_update);
}

struct EmailFlags {
  std::optional<std::string> address;
  bool html = false;
  bool plain = false;
};

int change_email(Context& context, const TokenFlags& token, const EmailFlags& flags) {
  if (flags.address && flags.address->empty())
    return report(context, failure(ErrorKind::usage, "--email is empty").error);
  client::EmailChange change;
  change.address = flags.address.value_or("");
  if (flags.html || flags.plain) change.prefers_html = flags.html;
  if (change.address.empty() && !change.prefers_html) {
    return report(
        context,
        failure(ErrorKind::usage, "nothing to change: give --email, --html or --plain").error);
  }
  json::object object{{"updated", true}};
  if (!change.address.empty()) object["email_address"] = change.address;
  if (change.prefers_html) object["prefer_html_mail"] = *change.prefers_html;
  const int code = change_settings(
      context, token, changing_email,
      [&](Session& session) {
        return client::change_email_settings(*session.client, *session.lease, change, session.call);
      },
      "Email settings updated", object);
  if (code == done && !change.address.empty() && context.console.is_interactive())
    context.console.hint("open the link in the mail that is sent to the new address");
  return code;
}

}  // namespace

client::Outcome<std::string> required(const std::optional<std::string>& argument,
                                      const std::string& what) {
  if (argument && !argument->empty()) return *argument;
  return failure(ErrorKind::usage, "exactly one argument is needed: " + what);
}

int change_settings(Context& context, const TokenFlags& token, std::string_view capability,
                    const std::function<client::Outcome<client::Done>(Session& session)>& change,
                    const std::string& line, const json::object& object) {
  auto session = open_session_with_token(context, token);
  if (!session) return report(context, session.error());
  const auto changed = change(*session);
  if (!changed) return report(context, changed.error(), capability);
  return finish(context, print_done(context, client::sanitised(line, 500), object),
                changed->token_update);
}

void add_settings_grants(Command settings, const SharedTokenFlags& token, Context& context) {
  auto argument = std::make_shared<std::optional<std::string>>();
  Command grants = settings.command("grants,grant-types", "ways to use mytokens without a browser");
  Command list = grants.command("list,view", "show which grants are enabled");
  list.runs([token, &context] { return show_grants(context, *token); });
  Command enable = grants.command("enable", "enable a grant");
  enable.argument("GRANT", *argument, "the grant, e.g. ssh");
  enable.runs(
      [token, argument, &context] { return switch_grant(context, *token, *argument, true); });
  Command disable = grants.command("disable", "disable a grant");
  disable.argument("GRANT", *argument, "the grant, e.g. ssh");
  disable.runs(
      [token, argument, &context] { return switch_grant(context, *token, *argument, false); });
  add_settings_ssh(grants, token, context);
}

void add_settings_email(Command settings, const SharedTokenFlags& token, Context& context) {
  auto flags = std::make_shared<EmailFlags>();
  Command email = settings.command("email", "the address that notifications are mailed to");
  Command get = email.command("get", "show the address and how mails are written");
  get.runs([token, &context] { return show_email(context, *token); });
  Command update = email.command("update", "change the address or how mails are written");
  update.text("--email", flags->address, "the new address");
  update.toggle("--html", flags->html, "mails with HTML");
  update.toggle("--plain", flags->plain, "mails of plain text; --html wins");
  update.runs([token, flags, &context] { return change_email(context, *token, *flags); });
}

void add_settings(Command root, Context& context) {
  auto token = std::make_shared<TokenFlags>();
  Command settings = root.command("settings", "show and change your settings on the server");
  token->declare(settings);
  add_settings_grants(settings, token, context);
  add_settings_email(settings, token, context);
  add_settings_tags(settings, token, context);
}

}  // namespace mytoken::cli
