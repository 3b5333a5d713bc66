// mytoken capabilities: what mytokens can be allowed to do, as the server describes it (spec cli.md
// §1.8, api.md §3.4).
#include <algorithm>

#include "cli/commands.h"
#include "cli/session.h"
#include "cli/table.h"

namespace mytoken::cli {
namespace {

constexpr int deepest = 16;

struct Line {
  std::string name;  // indented
  std::string description;
};

void add_line(std::vector<Line>& lines, const json::object& node, const char* member, int depth) {
  const auto* found = node.if_contains(member);
  const auto* capability = found ? found->if_object() : nullptr;
  if (!capability) return;
  const std::string indent(static_cast<std::size_t>(2 * depth), ' ');
  lines.push_back({indent + harmless(string_member(*capability, "name")),
                   harmless(string_member(*capability, "description"))});
}

void add_nodes(std::vector<Line>& lines, const json::value& nodes, int depth) {
  const auto* array = nodes.if_array();
  if (!array || depth == deepest) return;
  for (const auto& value : *array) {
    const auto* node = value.if_object();
    if (!node) continue;
    add_line(lines, *node, "read_write_capability", depth);
    add_line(lines, *node, "read_only_capability", depth);
    if (const auto* children = node->if_contains("children"))
      add_nodes(lines, *children, depth + 1);
  }
}

int run(Context& context) {
  const auto config = load_config(context);
  if (!config) return report(context, config.error());
  auto session = open_session(context, *config, {});
  if (!session) return report(context, session.error());
  const auto tree = session->client->capabilities(session->call);
  if (!tree) return report(context, tree.error());
  const json::value nodes = json_of(*tree);
  if (context.json) return print_json(context, json::object{{"capabilities", nodes}});
  std::vector<Line> lines;
  add_nodes(lines, nodes, 0);
  std::size_t width = 0;
  for (const Line& line : lines)
    width = std::max(width, line.name.size());
  std::string text;
  for (const Line& line : lines) {
    text += line.name;
    if (!line.description.empty())
      text += std::string(width - line.name.size() + 2, ' ') + line.description;
    text += '\n';
  }
  return print(context, text);
}

}  // namespace

void add_capabilities(Command root, Context& context) {
  root.command("capabilities", "what mytokens can be allowed to do").runs([&context] {
    return run(context);
  });
}

}  // namespace mytoken::cli
