// mytoken MT list and mytoken info list: all mytokens of the user as a tree in a table (spec cli.md
// §1.8 and §1.11).
#include "cli/commands.h"
#include "cli/notification_tables.h"
#include "cli/session.h"
#include "cli/table.h"
#include "client/reading.h"

namespace mytoken::cli {
namespace {

struct Listing {
  Table table;
  bool has_ids;
  std::int64_t now;
};

Cell name_cell(const json::object& token, std::size_t generation) {
  Cell cell;
  if (generation > 0) cell.add(std::string(2 * generation, ' ') + "└─ ");
  const std::string_view name = string_member(token, "name");
  return name.empty() ? cell.add("unnamed token", {.is_italic = true}) : cell.add(name);
}

// A tree {"token": …, "children": […]} and, below it, its children. The depth is that of the JSON,
// which the client limits.
void add_tree(Listing& listing, const json::value& value, std::size_t generation) {
  const auto* tree = value.if_object();
  const auto* member = tree ? client::member(*tree, "token") : nullptr;
  const auto* token = member ? member->if_object() : nullptr;
  if (!token) return;
  const auto created = client::integer_member(*token, "created");
  const auto expires = client::integer_member(*token, "expires_at").value_or(0);
  std::vector<Cell> cells;
  if (listing.has_ids) cells.emplace_back(string_member(*token, "mom_id"));
  cells.push_back(name_cell(*token, generation));
  cells.emplace_back(created ? local_time(*created) : "");
  cells.push_back(expires > 0 ? Cell(local_time(expires))
                              : Cell().add("does not expire", {.is_italic = true}));
  cells.push_back(tags_cell(*token));
  cells.emplace_back(string_member(*token, "ip"));
  listing.table.row(std::move(cells), expires > 0 && expires <= listing.now);
  const auto* children = client::member(*tree, "children");
  if (const auto* array = children ? children->if_array() : nullptr) {
    for (const json::value& child : *array)
      add_tree(listing, child, generation + 1);
  }
}

int list(Context& context, const TokenFlags& token, bool has_ids) {
  auto session = open_session_with_token(context, token);
  if (!session) return report(context, session.error());
  const auto answer =
      session->client->tokeninfo(*session->lease, "list_mytokens", {}, session->call);
  if (!answer) return report(context, answer.error(), "manage_mytokens:list");
  const json::value document = json_of(*answer);
  if (context.json) return finish(context, print_json(context, document), answer->token_update);
  std::vector<std::string> header{"Name", "Created", "Expires", "Tags", "IP"};
  if (has_ids) header.insert(header.begin(), "MOM-ID");
  Listing listing{Table(std::move(header)), has_ids, to_unix(context.clock->now())};
  const auto* object = document.if_object();
  const auto* value = object ? client::member(*object, "mytokens") : nullptr;
  if (const auto* trees = value ? value->if_array() : nullptr) {
    for (const json::value& tree : *trees)
      add_tree(listing, tree, 0);
  }
  return finish(context, print(context, listing.table.text(uses_colour(context))),
                answer->token_update);
}

}  // namespace

void add_list_mytokens(Command parent, const std::shared_ptr<const TokenFlags>& token,
                       Context& context) {
  auto has_ids = std::make_shared<bool>(false);
  Command command = parent.command("list-mytokens,list", "show all your mytokens");
  command.toggle("--include-mom-id", *has_ids, "also the ids by which they are managed");
  command.runs([token, has_ids, &context] { return list(context, *token, *has_ids); });
}

}  // namespace mytoken::cli
