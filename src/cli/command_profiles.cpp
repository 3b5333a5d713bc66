// mytoken profiles: the names of the profiles and templates that the server keeps (spec cli.md
// §1.8, profiles.md §3).
#include <mytoken/profiles.h>

#include "cli/commands.h"
#include "cli/session.h"
#include "cli/table.h"

namespace mytoken::cli {
namespace {

using client::Template;
using client::TemplateType;

constexpr TemplateType all_types[] = {TemplateType::profiles, TemplateType::capabilities,
                                      TemplateType::restrictions, TemplateType::rotation};

struct Flags {
  std::vector<std::string> groups;
};

using Listing = std::vector<std::pair<std::string, std::vector<Template>>>;  // by group

struct Reader {
  Context& context;
  Session session;
  std::vector<std::string> groups;

  // A group that cannot be read is left out with a warning, unless it is the server that cannot be
  // reached.
  client::Outcome<Listing> read(TemplateType type) {
    Listing listing;
    for (const std::string& group : groups) {
      auto list = client::list_templates(*session.client, type, group, session.call);
      if (!list &&
          (list.error().is_transient() || list.error().kind == client::ErrorKind::cancelled ||
           list.error().code == client::not_supported))
        return client::failure(std::move(list.error()));
      if (!list) {
        context.console.warning("group '" + group + "' is left out: " + list.error().text());
      } else if (!list->empty()) {
        listing.emplace_back(group, std::move(*list));
      }
    }
    return listing;
  }
};

client::Outcome<Session> open_without_token(Context& context) {
  const auto config = load_config(context);
  if (!config) return client::failure(config.error());
  return open_session(context, *config, {});
}

json::object to_json(const Listing& listing) {
  json::object groups;
  for (const auto& [group, templates] : listing) {
    json::array list;
    for (const Template& entry : templates) {
      list.push_back({{"id", entry.id}, {"name", entry.name}, {"payload", json_of(entry.payload)}});
    }
    groups[group] = std::move(list);
  }
  return groups;
}

std::string to_text(const Listing& listing, const std::string& indent) {
  std::string text;
  for (const auto& [group, templates] : listing) {
    text += indent + harmless(group) + "\n";
    for (const Template& entry : templates)
      text += indent + "  " + harmless(entry.name) + "\n";
  }
  return text;
}

int list_groups(Context& context) {
  auto session = open_without_token(context);
  if (!session) return report(context, session.error());
  const auto groups = client::profile_groups(*session->client, session->call);
  if (!groups) return report(context, groups.error());
  json::array names;
  std::string text;
  for (const std::string& group : *groups) {
    names.emplace_back(group);
    text += harmless(group) + "\n";
  }
  if (context.json) return print_json(context, json::object{{"groups", std::move(names)}});
  return print(context, text);
}

int list_types(Context& context, const Flags& flags, const std::vector<TemplateType>& types) {
  auto session = open_without_token(context);
  if (!session) return report(context, session.error());
  Reader reader{context, std::move(*session), flags.groups};
  if (reader.groups.empty()) {
    auto groups = client::profile_groups(*reader.session.client, reader.session.call);
    if (!groups) return report(context, groups.error());
    reader.groups = std::move(*groups);
  }
  json::object object;
  std::string text;
  for (const TemplateType type : types) {
    const auto listing = reader.read(type);
    if (!listing) return report(context, listing.error());
    object[name_of(type)] = to_json(*listing);
    if (types.size() == 1) {
      text += to_text(*listing, "");
    } else if (!listing->empty()) {
      text += name_of(type) + std::string("\n") + to_text(*listing, "  ");
    }
  }
  return context.json ? print_json(context, object) : print(context, text);
}

}  // namespace

void add_profiles(Command root, Context& context) {
  auto flags = std::make_shared<Flags>();
  Command command = root.command("profiles", "profiles and templates of the server, by group");
  command.command("groups", "the groups that have any").runs([&context] {
    return list_groups(context);
  });
  const auto add = [&](const char* names, const char* help, std::vector<TemplateType> types) {
    Command sub = command.command(names, help);
    sub.list("--groups", flags->groups, "only these groups");
    sub.runs(
        [flags, &context, types = std::move(types)] { return list_types(context, *flags, types); });
  };
  add("list,profiles", "names for --profile", {TemplateType::profiles});
  add("capabilities", "names for --capability, there with a leading @",
      {TemplateType::capabilities});
  add("restrictions", "names for --restrictions", {TemplateType::restrictions});
  add("rotation", "names for --rotation", {TemplateType::rotation});
  add("list-all,all", "all of them", {std::begin(all_types), std::end(all_types)});
}

}  // namespace mytoken::cli
