// Lists within a cell are sorted: servers give them in any order.
#include "cli/notification_tables.h"

#include <algorithm>

#include "client/reading.h"

namespace mytoken::cli {
namespace {

std::vector<const json::object*> objects_in(const json::object& object, std::string_view name) {
  std::vector<const json::object*> objects;
  const auto* value = client::member(object, name);
  const auto* array = value ? value->if_array() : nullptr;
  if (!array) return objects;
  for (const json::value& entry : *array) {
    if (const auto* found = entry.if_object()) objects.push_back(found);
  }
  return objects;
}

std::string joined(std::vector<std::string> words) {
  std::sort(words.begin(), words.end());
  std::string text;
  for (const std::string& word : words)
    text += (text.empty() ? "" : ", ") + word;
  return text;
}

// "all", else what the server counted (also by tags), else the tokens that are linked.
std::string subscribed(const json::object& object) {
  if (client::bool_member(object, "user_wide")) return "all";
  const auto total = client::integer_member(object, "total_subscribed_tokens").value_or(0);
  if (total > 0) return std::to_string(total);
  return std::to_string(client::text_members(object, "subscribed_tokens").size());
}

}  // namespace

Cell tags_cell(const json::object& object) {
  auto tags = objects_in(object, "tags");
  std::sort(tags.begin(), tags.end(), [](const json::object* a, const json::object* b) {
    return string_member(*a, "tag") < string_member(*b, "tag");
  });
  Cell cell;
  for (const json::object* tag : tags) {
    if (tag != tags.front()) cell.add(", ");
    cell.add(string_member(*tag, "tag"),
             {.foreground = parse_hex_colour(string_member(*tag, "color"))});
  }
  return cell;
}

Table notification_table(const json::array& notifications) {
  Table table({"Type", "Management Code", "Classes", "User Wide", "Tags", "Subscribed Tokens"});
  for (const json::value& entry : notifications) {
    const auto* object = entry.if_object();
    if (!object) continue;
    table.row({string_member(*object, "notification_type"),
               string_member(*object, "management_code"),
               joined(client::text_members(*object, "notification_classes")),
               client::bool_member(*object, "user_wide") ? "yes" : "no", tags_cell(*object),
               subscribed(*object)});
  }
  return table;
}

Table calendar_table(const json::array& calendars) {
  Table table({"ID", "Description", "Tags", "ICS Path", "Subscribed Tokens"});
  for (const json::value& entry : calendars) {
    const auto* object = entry.if_object();
    if (!object) continue;
    table.row({string_member(*object, "id"), string_member(*object, "description"),
               tags_cell(*object), string_member(*object, "ics_path"), subscribed(*object)});
  }
  return table;
}

}  // namespace mytoken::cli
