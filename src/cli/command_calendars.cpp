// mytoken calendars: feeds with the expirations of mytokens (spec cli.md §1.8, notifications.md
// §7).
#include <mytoken/notifications.h>

#include <algorithm>

#include "cli/command_settings.h"
#include "cli/commands.h"
#include "cli/form.h"
#include "cli/notification_changes.h"
#include "cli/notification_tables.h"
#include "client/reading.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

struct Flags {
  TokenFlags token;
  std::optional<std::string> id;
  std::optional<std::string> description;
  std::vector<std::string> tags;
  std::vector<std::string> added_tags;
  std::vector<std::string> removed_tags;
  std::optional<std::string> mom_id;
  std::optional<std::string> comment;
  bool asks = false;
  bool is_forced = false;
};

int list(Context& context, const Flags& flags) {
  auto session = open_session_with_token(context, flags.token);
  if (!session) return report(context, session.error());
  const auto list = client::list_calendars(*session->client, *session->lease, session->call);
  if (!list) return report(context, list.error(), reading_notifications);
  const json::value answer = json_of(list->json);
  if (context.json) return finish(context, print_json(context, answer), list->token_update);
  const auto* found = client::member(answer.get_object(), "calendars");
  const Table table =
      calendar_table(found && found->is_array() ? found->get_array() : json::array());
  return finish(context, print(context, table.text(uses_colour(context))), list->token_update);
}

// One calendar as the server answered it.
ExitCode print_calendar(Context& context, const client::CalendarAnswer& answer) {
  json::value calendar = json_of(answer.json);
  if (context.json) return print_json(context, calendar);
  return print(context, calendar_table({std::move(calendar)}).text(uses_colour(context)));
}

// Asks for what the flags do not say. False: it was not wanted after all.
client::Outcome<bool> ask(Context& context, const Flags& flags, std::string& description,
                          std::vector<std::string>& tags) {
  Form form(context);
  if (!flags.description) {
    auto text = form.text("Description");
    if (!text) return failure(std::move(text.error()));
    description = std::move(*text);
  }
  if (tags.empty()) {
    auto words = form.list("Tags, separated by commas");
    if (!words) return failure(std::move(words.error()));
    tags = std::move(*words);
  }
  std::string all;
  for (const std::string& tag : tags)
    all += (all.empty() ? "" : ", ") + tag;
  form.show("Description: " + (description.empty() ? "none" : description) +
            "\nTags:        " + (all.empty() ? "none" : all) + "\n");
  return form.confirmed("Create it?");
}

int create(Context& context, const Flags& flags) {
  std::string description = flags.description.value_or("");
  std::vector<std::string> tags = tidy(flags.tags);
  if (flags.asks) {
    const auto wanted = ask(context, flags, description, tags);
    if (!wanted) return report(context, wanted.error());
    if (!*wanted) {
      context.console.notice("cancelled");
      return done;
    }
  }
  auto session = open_session_with_token(context, flags.token);
  if (!session) return report(context, session.error());
  Conversation talk{std::move(*session)};
  if (const auto created = create_missing_tags(talk, tags); !created)
    return talk.failed(context, created.error(), "settings:tags");
  auto created = client::create_calendar(*talk.session.client, *talk.session.lease, description,
                                         tags, talk.session.call);
  if (!created) return talk.failed(context, created.error(), managing_notifications);
  talk.note(*created);
  return finish(context, print_calendar(context, *created), talk.update);
}

int update(Context& context, const Flags& flags) {
  const auto id = required(flags.id, "the id of the calendar");
  if (!id) return report(context, id.error());
  const auto added = tidy(flags.added_tags);
  const auto removed = tidy(flags.removed_tags);
  if (!flags.description && added.empty() && removed.empty()) {
    return report(context,
                  failure(ErrorKind::usage,
                          "nothing to change: give --description, --add-tags or --remove-tags")
                      .error);
  }
  auto session = open_session_with_token(context, flags.token);
  if (!session) return report(context, session.error());
  Conversation talk{std::move(*session)};
  auto& client = *talk.session.client;
  auto list = client::list_calendars(client, *talk.session.lease, talk.session.call);
  if (!list) return talk.failed(context, list.error(), reading_notifications);
  talk.note(*list);
  const auto found = std::find_if(list->calendars.begin(), list->calendars.end(),
                                  [&](const auto& one) { return one.id == *id; });
  if (found == list->calendars.end()) {
    return talk.failed(
        context, failure(ErrorKind::server, "no calendar has this id", "not_found").error, "");
  }
  client::CalendarChange change;
  change.description = flags.description;
  change.tags = merged(names_of(found->tags), added, removed);
  if (const auto created = create_missing_tags(talk, added); !created)
    return talk.failed(context, created.error(), "settings:tags");
  auto updated =
      client::update_calendar(client, *talk.session.lease, *id, change, talk.session.call);
  if (!updated) return talk.failed(context, updated.error(), managing_notifications);
  talk.note(*updated);
  return finish(context, print_calendar(context, *updated), talk.update);
}

int remove(Context& context, const Flags& flags) {
  const auto id = required(flags.id, "the id of the calendar");
  if (!id) return report(context, id.error());
  if (const auto refused = refusal_of(context, flags.is_forced,
                                      "Delete the whole calendar " + *id + " and end its feed?"))
    return *refused;
  return change_settings(context, flags.token, managing_notifications,
                         [&](Session& session) {
                           return client::delete_calendar(*session.client, *session.lease, *id,
                                                          session.call);
                         },
                         "Calendar deleted", {{"id", *id}, {"deleted", true}});
}

int subscribe(Context& context, const Flags& flags) {
  const auto id = required(flags.id, "the id of the calendar");
  if (!id) return report(context, id.error());
  const std::string mom_id = flags.mom_id.value_or("");
  auto session = open_session_with_token(context, flags.token);
  if (!session) return report(context, session.error());
  const auto answer = client::add_calendar_token(*session->client, *session->lease, *id, mom_id,
                                                 flags.comment.value_or(""), session->call);
  if (!answer)
    return report(context, answer.error(),
                  mom_id.empty() ? "tokeninfo:notify" : managing_notifications);
  return finish(context, print_calendar(context, *answer), answer->token_update);
}

int unsubscribe(Context& context, const Flags& flags) {
  const auto id = required(flags.id, "the id of the calendar");
  if (!id) return report(context, id.error());
  const std::string mom_id = flags.mom_id.value_or("");
  json::object object{{"id", *id}, {"removed", true}};
  if (!mom_id.empty()) object["mom_id"] = mom_id;
  return change_settings(
      context, flags.token, mom_id.empty() ? "tokeninfo:notify" : managing_notifications,
      [&](Session& session) {
        return client::remove_calendar_token(*session.client, *session.lease, *id, mom_id,
                                             session.call);
      },
      "Mytoken removed from the calendar", object);
}

}  // namespace

void add_calendars(Command root, Context& context) {
  auto flags = std::make_shared<Flags>();
  Command group = root.command("calendars,calendar", "calendars of the ends of mytokens");
  flags->token.declare(group);
  const auto add = [&](const char* names, const char* help, int (*action)(Context&, const Flags&)) {
    Command command = group.command(names, help);
    command.runs([flags, action, &context] { return action(context, *flags); });
    return command;
  };
  const auto add_with_id = [&](const char* names, const char* help,
                               int (*action)(Context&, const Flags&)) {
    Command command = add(names, help, action);
    command.argument("ID", flags->id, "id of the calendar");
    return command;
  };
  add("list", "all calendars of the user", list);

  Command creation = add("create,new", "create a calendar", create);
  creation.text("--description", flags->description, "what the calendar is for");
  creation.list("--tags", flags->tags, "all mytokens with one of these tags are in it");
  creation.toggle("-i,--interactive", flags->asks, "ask for everything on the terminal");

  Command change = add_with_id("update", "change description and tags of a calendar", update);
  change.text("--description", flags->description, "the new description; empty: none");
  change.list("--add-tags", flags->added_tags, "tags to add");
  change.list("--remove-tags", flags->removed_tags, "tags to remove");

  add_with_id("delete,rm,remove", "delete a whole calendar", remove)
      .toggle("-f,--force", flags->is_forced, "do not ask");

  Command addition = add_with_id("subscribe,add", "put a mytoken into a calendar", subscribe);
  addition.text("--mom-id", flags->mom_id, "id of another mytoken");
  addition.text("--comment", flags->comment, "shown with the entry");
  add_with_id("unsubscribe", "take a mytoken out of a calendar; the calendar stays", unsubscribe)
      .text("--mom-id", flags->mom_id, "id of another mytoken");
}

}  // namespace mytoken::cli
