// Capabilities for people: descriptions, danger levels, and the tree of GET capabilities (spec
// api.md §3.4).
#include <algorithm>
#include <array>
#include <string>

#include "token/capability.h"

namespace mytoken::token {
namespace {

struct Entry {
  int depth;              // in the tree; children follow their parent
  std::string_view name;  // without "read@"
  Danger danger;
  std::string_view description;
  std::string_view read_description;  // "" if there is no read-only form
  Danger read_danger;
};

using enum Danger;

constexpr std::array<Entry, 19> tree{{
    {0, "AT", normal, "Obtain OpenID Connect access tokens.", "", normal},
    {0, "tokeninfo", normal,
     "Obtain all information about this mytoken and manage its notifications and tags.", "",
     normal},
    {1, "tokeninfo:introspect", normal,
     "See whether this mytoken is valid, what it contains and how often it was used.", "", normal},
    {1, "tokeninfo:history", normal,
     "See the events of this mytoken and of the mytokens made from it.", "", normal},
    {1, "tokeninfo:subtokens", normal, "See the tree of mytokens made from this mytoken.", "",
     normal},
    {1, "tokeninfo:notify", normal, "Manage notifications and calendar entries for this mytoken.",
     "", normal},
    {1, "tokeninfo:tags", normal, "Manage the tags of this mytoken.", "", normal},
    {0, "manage_mytokens", powerful,
     "List, inspect, tag, watch and revoke all mytokens of the user.", "", normal},
    {1, "manage_mytokens:list", powerful, "List all mytokens of the user.", "", normal},
    {1, "manage_mytokens:revoke", powerful, "Revoke any mytoken of the user.", "", normal},
    {1, "manage_mytokens:history", powerful, "See the events of any mytoken of the user.", "",
     normal},
    {1, "manage_mytokens:tags", powerful, "Manage the tags of any mytoken of the user.", "",
     normal},
    {1, "manage_mytokens:notify", powerful,
     "Manage notifications and calendars for any mytoken of the user.",
     "See the notifications and calendars for any mytoken of the user.", normal},
    {0, "create_mytoken", normal, "Make further mytokens that can do no more than this one.", "",
     normal},
    {0, "settings", very_powerful, "See and change all settings of the user.",
     "See all settings of the user.", powerful},
    {1, "settings:grants", very_powerful,
     "See, enable and disable the ways in which the user can obtain mytokens.",
     "See the ways in which the user can obtain mytokens.", normal},
    {2, "settings:grants:ssh", powerful, "See, add and remove the SSH keys of the user.",
     "See the SSH keys of the user.", normal},
    {1, "settings:email", normal, "See and change the user's e-mail settings.",
     "See the user's e-mail settings.", normal},
    {1, "settings:tags", normal, "See, create, change and delete the user's tags.",
     "See the user's tags.", normal},
}};

constexpr std::string_view read_only_prefix = "read@";

struct Found {
  std::string_view description;
  Danger danger;
};

// The entry of a full name, "read@" included; nullopt if there is none.
std::optional<Found> find(std::string_view name) {
  const bool read_only = name.starts_with(read_only_prefix);
  if (read_only) name.remove_prefix(read_only_prefix.size());
  const auto entry =
      std::find_if(tree.begin(), tree.end(), [name](const Entry& e) { return e.name == name; });
  if (entry == tree.end() || (read_only && entry->read_description.empty())) return std::nullopt;
  return read_only ? Found{entry->read_description, entry->read_danger}
                   : Found{entry->description, entry->danger};
}

json::object describe(std::string name, const Found& found, bool read_only) {
  static constexpr std::array<std::string_view, 3> levels{"normal", "powerful", "very_powerful"};
  static constexpr std::array<std::string_view, 3> colours{"text-success", "text-warning",
                                                           "text-danger"};
  const auto level = static_cast<std::size_t>(found.danger);
  json::object object;
  object["name"] = std::move(name);
  object["description"] = found.description;
  object["is_read_only"] = read_only;
  object["color_class"] = colours[level];
  object["capability_level"] = levels[level];
  return object;
}

// The nodes of one depth, starting at entry `next`, which moves behind them.
json::array nodes(std::size_t& next, int depth) {
  json::array array;
  while (next < tree.size() && tree[next].depth == depth) {
    const Entry& entry = tree[next++];
    json::object node;
    node["read_write_capability"] =
        describe(std::string(entry.name), {entry.description, entry.danger}, false);
    if (entry.read_description.empty()) {
      node["read_only_capability"] = nullptr;
    } else {
      node["read_only_capability"] = describe(std::string(read_only_prefix).append(entry.name),
                                              {entry.read_description, entry.read_danger}, true);
    }
    json::array children = nodes(next, depth + 1);
    if (children.empty()) {
      node["children"] = nullptr;
    } else {
      node["children"] = std::move(children);
    }
    array.emplace_back(std::move(node));
  }
  return array;
}

}  // namespace

json::array describe_capabilities() {
  std::size_t next = 0;
  return nodes(next, 0);
}

Danger danger(std::string_view capability) {
  const auto found = find(capability);
  // What nobody knows is not to be called harmless.
  return found ? found->danger : Danger::very_powerful;
}

std::string_view description(std::string_view capability) {
  const auto found = find(capability);
  return found ? found->description : std::string_view();
}

}  // namespace mytoken::token
