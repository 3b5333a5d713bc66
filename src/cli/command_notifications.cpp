// mytoken notifications: mails about what happens to mytokens (spec cli.md §1.8, notifications.md
// §3).
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

constexpr const char* mail = "mail";
constexpr const char* invite = "ics_invite";

struct Flags {
  TokenFlags token;
  std::optional<std::string> code;
  std::optional<std::string> type;
  std::vector<std::string> classes;
  std::vector<std::string> tags;
  std::vector<std::string> added_classes;
  std::vector<std::string> removed_classes;
  std::vector<std::string> added_tags;
  std::vector<std::string> removed_tags;
  std::optional<std::string> comment;
  std::optional<std::string> mom_id;
  bool user_wide = false;
  bool include_children = false;
  bool asks = false;
  bool is_forced = false;
};

int list(Context& context, const Flags& flags) {
  auto session = open_session_with_token(context, flags.token);
  if (!session) return report(context, session.error());
  const auto list = client::list_notifications(*session->client, *session->lease, session->call);
  if (!list) return report(context, list.error(), reading_notifications);
  const json::value answer = json_of(list->json);
  if (context.json) return finish(context, print_json(context, answer), list->token_update);
  const auto* found = client::member(answer.get_object(), "notifications");
  const Table table =
      notification_table(found && found->is_array() ? found->get_array() : json::array());
  return finish(context, print(context, table.text(uses_colour(context))), list->token_update);
}

// A misspelt class would never tell anybody anything.
client::Outcome<void> check_classes(const std::vector<std::string>& classes) {
  const auto& known = client::notification_classes();
  for (const std::string& name : classes) {
    if (std::any_of(known.begin(), known.end(), [&](const auto& one) { return one.name == name; }))
      continue;
    std::string all;
    for (const auto& one : known)
      all.append(all.empty() ? "" : ", ").append(one.name);
    return failure(ErrorKind::usage,
                   "'" + name + "' is not a class of notifications; there are " + all);
  }
  return {};
}

std::string class_tree() {
  std::string text = "Classes:\n";
  for (const auto& one : client::notification_classes()) {
    const std::string name = one.name;
    const auto depth = static_cast<std::size_t>(std::count(name.begin(), name.end(), ':'));
    std::string line = std::string(2 * depth + 2, ' ') + name;
    line.resize(std::max<std::size_t>(line.size() + 2, 44), ' ');
    text += line + one.description + "\n";
  }
  return text;
}

std::string summary(const client::NotificationRequest& request) {
  const auto words = [](const std::vector<std::string>& entries) {
    std::string text;
    for (const std::string& entry : entries)
      text += (text.empty() ? "" : ", ") + entry;
    return text.empty() ? "none" : text;
  };
  std::string text = "Type:      " + request.type + "\n";
  if (request.type == mail) {
    text += "Classes:   " + words(request.classes) + "\n";
    text += std::string("User wide: ") + (request.user_wide ? "yes" : "no") + "\n";
    text += "Tags:      " + words(request.tags) + "\n";
  } else {
    text += "Comment:   " + (request.comment.empty() ? "none" : request.comment) + "\n";
  }
  return text;
}

// Asks for what the flags do not say. False: it was not wanted after all.
client::Outcome<bool> ask(Context& context, const Flags& flags,
                          client::NotificationRequest& request) {
  Form form(context);
  if (request.type.empty()) {
    auto type = form.choice("Type", {mail, invite});
    if (!type) return failure(std::move(type.error()));
    request.type = std::move(*type);
  }
  if (request.type == invite) {
    if (!flags.comment) {
      auto comment = form.text("Comment");
      if (!comment) return failure(std::move(comment.error()));
      request.comment = std::move(*comment);
    }
  } else {
    if (request.classes.empty()) {
      form.show(class_tree());
      auto classes = form.list("Classes, separated by commas");
      if (!classes) return failure(std::move(classes.error()));
      request.classes = std::move(*classes);
    }
    if (!flags.user_wide) {
      auto all = form.confirmed("About all your mytokens?");
      if (!all) return failure(std::move(all.error()));
      request.user_wide = *all;
    }
    if (request.tags.empty() && !request.user_wide) {
      auto tags = form.list("Tags, separated by commas");
      if (!tags) return failure(std::move(tags.error()));
      request.tags = std::move(*tags);
    }
  }
  form.show(summary(request));
  return form.confirmed("Create it?");
}

client::Outcome<void> check(const client::NotificationRequest& request) {
  if (request.type.empty())
    return failure(ErrorKind::usage, "--type is needed: mail or ics_invite");
  if (request.type != mail && request.type != invite)
    return failure(ErrorKind::usage, "--type must be mail or ics_invite");
  if (request.type == mail && request.classes.empty())
    return failure(ErrorKind::usage, "--classes is needed, e.g. --classes expiration");
  return check_classes(request.classes);
}

int create(Context& context, const Flags& flags) {
  client::NotificationRequest request;
  request.type = flags.type.value_or("");
  request.classes = tidy(flags.classes);
  request.tags = tidy(flags.tags);
  request.user_wide = flags.user_wide;
  request.comment = flags.comment.value_or("");
  if (flags.asks) {
    const auto wanted = ask(context, flags, request);
    if (!wanted) return report(context, wanted.error());
    if (!*wanted) {
      context.console.notice("cancelled");
      return done;
    }
  }
  if (const auto checked = check(request); !checked) return report(context, checked.error());
  auto session = open_session_with_token(context, flags.token);
  if (!session) return report(context, session.error());
  Conversation talk{std::move(*session)};
  if (const auto created = create_missing_tags(talk, request.tags); !created)
    return talk.failed(context, created.error(), "settings:tags");
  auto created = client::create_notification(*talk.session.client, *talk.session.lease, request,
                                             talk.session.call);
  if (!created) {
    return talk.failed(context, created.error(),
                       request.user_wide ? managing_notifications : "tokeninfo:notify");
  }
  talk.note(*created);
  const std::string& code = created->management_code;
  const ExitCode printed =
      code.empty()
          ? print_done(context, "Calendar invite sent", {{"sent", true}})
          : print_done(context, "Management code: " + harmless(code), {{"management_code", code}});
  return finish(context, printed, talk.update);
}

int update(Context& context, const Flags& flags) {
  const auto code = required(flags.code, "the management code");
  if (!code) return report(context, code.error());
  const auto added_classes = tidy(flags.added_classes);
  const auto removed_classes = tidy(flags.removed_classes);
  const auto added_tags = tidy(flags.added_tags);
  const auto removed_tags = tidy(flags.removed_tags);
  if (added_classes.empty() && removed_classes.empty() && added_tags.empty() &&
      removed_tags.empty()) {
    return report(context, failure(ErrorKind::usage,
                                   "nothing to change: give --add-classes, --remove-classes, "
                                   "--add-tags or --remove-tags")
                               .error);
  }
  if (const auto checked = check_classes(added_classes); !checked)
    return report(context, checked.error());
  auto session = open_session_with_token(context, flags.token);
  if (!session) return report(context, session.error());
  Conversation talk{std::move(*session)};
  auto& client = *talk.session.client;
  auto list = client::list_notifications(client, *talk.session.lease, talk.session.call);
  if (!list) return talk.failed(context, list.error(), reading_notifications);
  talk.note(*list);
  const auto found = std::find_if(list->notifications.begin(), list->notifications.end(),
                                  [&](const auto& one) { return one.management_code == *code; });
  if (found == list->notifications.end()) {
    return talk.failed(
        context,
        failure(ErrorKind::server, "no notification has this management code", "not_found").error,
        "");
  }
  client::NotificationChange change;
  change.classes = merged(found->classes, added_classes, removed_classes);
  change.tags = merged(names_of(found->tags), added_tags, removed_tags);
  if (change.classes->empty()) {
    return talk.failed(
        context,
        failure(ErrorKind::usage, "a notification needs at least one class; delete it instead")
            .error,
        "");
  }
  if (const auto created = create_missing_tags(talk, added_tags); !created)
    return talk.failed(context, created.error(), "settings:tags");
  auto updated = client::update_notification(client, talk.session.lease.get(), *code, change,
                                             talk.session.call);
  if (!updated) return talk.failed(context, updated.error(), managing_notifications);
  talk.note(*updated);
  json::object object{{"management_code", *code},
                      {"notification_classes", client::array_of(*change.classes)},
                      {"tags", client::array_of(*change.tags)}};
  return finish(context, print_done(context, "Notification updated", object), talk.update);
}

int remove(Context& context, const Flags& flags) {
  const auto code = required(flags.code, "the management code");
  if (!code) return report(context, code.error());
  if (const auto refused =
          refusal_of(context, flags.is_forced, "Delete the notification " + *code + "?"))
    return *refused;
  return change_settings(context, flags.token, managing_notifications,
                         [&](Session& session) {
                           return client::delete_notification(*session.client, session.lease.get(),
                                                              *code, session.call);
                         },
                         "Notification deleted", {{"management_code", *code}, {"deleted", true}});
}

int change_token(Context& context, const Flags& flags, bool is_added) {
  const auto code = required(flags.code, "the management code");
  if (!code) return report(context, code.error());
  if (flags.mom_id && flags.mom_id->empty())
    return report(context, failure(ErrorKind::usage, "--mom-id is empty").error);
  const std::string mom_id = flags.mom_id.value_or("");
  json::object object{{"management_code", *code}, {is_added ? "added" : "removed", true}};
  if (flags.mom_id) object["mom_id"] = mom_id;
  return change_settings(
      context, flags.token, mom_id.empty() ? "tokeninfo:notify" : managing_notifications,
      [&](Session& session) {
        auto& client = *session.client;
        auto* lease = session.lease.get();
        return is_added
                   ? client::add_notification_token(client, lease, *code, mom_id,
                                                    flags.include_children, session.call)
                   : client::remove_notification_token(client, lease, *code, mom_id, session.call);
      },
      is_added ? "Mytoken added to the notification" : "Mytoken removed from the notification",
      object);
}

}  // namespace

void add_notifications(Command root, Context& context) {
  auto flags = std::make_shared<Flags>();
  Command group = root.command("notifications,notify", "mails about what happens to mytokens");
  flags->token.declare(group);
  const auto add = [&](const char* names, const char* help, int (*action)(Context&, const Flags&)) {
    Command command = group.command(names, help);
    command.runs([flags, action, &context] { return action(context, *flags); });
    return command;
  };
  const auto add_with_code = [&](const char* names, const char* help,
                                 int (*action)(Context&, const Flags&)) {
    Command command = add(names, help, action);
    command.argument("CODE", flags->code, "management code of the notification");
    return command;
  };
  add("list", "all notifications of the user", list);

  Command creation =
      add("create,subscribe,new", "ask for mails, or for one calendar invite", create);
  creation.text("--type", flags->type, "mail, or ics_invite: one mail with a calendar entry");
  creation.list("--classes", flags->classes, "what to be told about, e.g. expiration");
  creation.toggle("--user-wide", flags->user_wide, "about all mytokens of the user");
  creation.list("--tags", flags->tags, "also about all mytokens with one of these tags");
  creation.text("--comment", flags->comment, "for a calendar invite");
  creation.toggle("-i,--interactive", flags->asks, "ask for everything on the terminal");

  Command change = add_with_code("update", "change classes and tags of a notification", update);
  change.list("--add-classes", flags->added_classes, "classes to add");
  change.list("--remove-classes", flags->removed_classes, "classes to remove");
  change.list("--add-tags", flags->added_tags, "tags to add");
  change.list("--remove-tags", flags->removed_tags, "tags to remove");

  add_with_code("delete,rm,remove", "delete a notification", remove)
      .toggle("-f,--force", flags->is_forced, "do not ask");

  Command addition = add_with_code(
      "add-token", "let a notification be about a mytoken, too",
      [](Context& where, const Flags& given) { return change_token(where, given, true); });
  addition.text("--mom-id", flags->mom_id, "id of another mytoken");
  addition.toggle("--include-children", flags->include_children, "also the mytokens made from it");
  add_with_code(
      "remove-token", "let a notification not be about a mytoken any more",
      [](Context& where, const Flags& given) { return change_token(where, given, false); })
      .text("--mom-id", flags->mom_id, "id of another mytoken");
}

}  // namespace mytoken::cli
