// Notifications and calendars as tables (spec cli.md §1.8), from the objects in answers
// (notifications.md §3 and §7).
#pragma once
#include "base/json.h"
#include "cli/table.h"

namespace mytoken::cli {

// Type, Management Code, Classes, User Wide, Tags, Subscribed Tokens.
Table notification_table(const json::array& notifications);

// ID, Description, Tags, ICS Path, Subscribed Tokens.
Table calendar_table(const json::array& calendars);

// Names of the objects in member `tags`, each in its colour, by name.
Cell tags_cell(const json::object& object);

}  // namespace mytoken::cli
