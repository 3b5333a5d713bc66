// mytoken settings tags: the tags of a user, their names and colours (spec cli.md §1.8, settings.md
// §5).
#include <mytoken/settings.h>
#include "cli/command_settings.h"
#include "cli/table.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

constexpr const char* reading = "read@settings:tags";
constexpr const char* changing = "settings:tags";

struct Flags {
  std::optional<std::string> tag;
  std::optional<std::string> new_name;
  std::optional<std::string> color;
};

int list(Context& context, const TokenFlags& token) {
  auto session = open_session_with_token(context, token);
  if (!session) return report(context, session.error());
  const auto found = client::list_tags(*session->client, *session->lease, session->call);
  if (!found) return report(context, found.error(), reading);
  if (context.json) {
    json::array tags;
    for (const client::Tag& tag : found->tags)
      tags.push_back({{"tag", tag.name}, {"color", tag.color}});
    return finish(context, print_json(context, json::object{{"tags", std::move(tags)}}),
                  found->token_update);
  }
  Table table({"Color Block", "Tag", "Color (Hex)"});
  for (const client::Tag& tag : found->tags) {
    const auto colour = parse_hex_colour(tag.color);
    table.row({Cell().add("  ", {.background = colour}),
               Cell().add(tag.name, {.foreground = colour}),
               colour ? "#" + hex_digits(*colour) : tag.color});
  }
  return finish(context, print(context, table.text(uses_colour(context))), found->token_update);
}

// The digits to send; "" if no colour is given.
client::Outcome<std::string> colour_of(const Flags& flags) {
  if (!flags.color) return std::string();
  auto colour = parse_colour(*flags.color);
  if (!colour) return failure(std::move(colour.error()));
  return hex_digits(*colour);
}

int create(Context& context, const TokenFlags& token, const Flags& flags) {
  const auto name = required(flags.tag, "the name of the tag");
  if (!name) return report(context, name.error());
  const auto colour = colour_of(flags);
  if (!colour) return report(context, colour.error());
  return change_settings(context, token, changing,
                         [&](Session& session) {
                           return client::create_tag(*session.client, *session.lease, *name,
                                                     *colour, session.call);
                         },
                         "Tag '" + *name + "' created", {{"tag", *name}, {"created", true}});
}

int update(Context& context, const TokenFlags& token, const Flags& flags) {
  const auto name = required(flags.tag, "the name of the tag");
  if (!name) return report(context, name.error());
  if (flags.new_name && flags.new_name->empty())
    return report(context, failure(ErrorKind::usage, "--new-name is empty").error);
  const auto colour = colour_of(flags);
  if (!colour) return report(context, colour.error());
  client::TagChange change{flags.new_name.value_or(""), *colour};
  if (change.name.empty() && change.color.empty()) {
    return report(context,
                  failure(ErrorKind::usage, "nothing to change: give --new-name or --color").error);
  }
  json::object object{{"tag", change.name.empty() ? *name : change.name}, {"updated", true}};
  return change_settings(
      context, token, changing,
      [&](Session& session) {
        return client::update_tag(*session.client, *session.lease, *name, change, session.call);
      },
      "Tag '" + *name + "' updated", object);
}

int remove(Context& context, const TokenFlags& token, const Flags& flags) {
  const auto name = required(flags.tag, "the name of the tag");
  if (!name) return report(context, name.error());
  return change_settings(context, token, changing,
                         [&](Session& session) {
                           return client::delete_tag(*session.client, *session.lease, *name,
                                                     session.call);
                         },
                         "Tag '" + *name + "' deleted", {{"tag", *name}, {"deleted", true}});
}

}  // namespace

void add_settings_tags(Command settings, const SharedTokenFlags& token, Context& context) {
  auto flags = std::make_shared<Flags>();
  Command tags = settings.command("tags", "your tags and their colours");
  const auto add = [&](const char* names, const char* help,
                       int (*action)(Context&, const TokenFlags&, const Flags&)) {
    Command command = tags.command(names, help);
    command.argument("NAME", flags->tag, "the tag");
    command.runs([token, flags, action, &context] { return action(context, *token, *flags); });
    return command;
  };
  constexpr const char* color = "a name such as orange, RRGGBB or RGB";
  tags.command("list", "show your tags").runs([token, &context] { return list(context, *token); });
  add("create", "make a tag", create).text("--color", flags->color, color);
  Command change = add("update", "rename a tag or change its colour", update);
  change.text("--new-name", flags->new_name, "the new name");
  change.text("--color", flags->color, color);
  add("delete,rm,remove", "delete a tag, also from all mytokens that carry it", remove);
}

}  // namespace mytoken::cli
