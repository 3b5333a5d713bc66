// mytoken config: the configuration document of the server (spec cli.md §1.8, api.md §3.1).
#include "cli/commands.h"
#include "cli/session.h"

namespace mytoken::cli {

void add_config(Command root, Context& context) {
  root.command("config", "the configuration document of the server").runs([&context]() -> int {
    const auto config = load_config(context);
    if (!config) return report(context, config.error());
    auto session = open_session(context, *config, {});
    if (!session) return report(context, session.error());
    const auto metadata = session->client->metadata(session->call);
    if (!metadata) return report(context, metadata.error());
    return print_json(context, json_of((*metadata)->document));
  });
}

}  // namespace mytoken::cli
