// The places of a command, for the client library.
#include "cli/discovery.h"

#include "client/reading.h"

namespace mytoken::cli {

Secret trimmed(std::string_view text) {
  return Secret(std::string(client::trimmed(text)));
}

client::Outcome<std::optional<Discovery>> discover_token(Context& context) {
  client::DiscoveryPlaces places;
  places.variable = [&context](const char* name) { return context.variable(name); };
  places.temporary_directory = context.temporary_directory;
  places.on_warning = [&context](std::string_view text) {
    context.console.warning(std::string(text));
  };
  return client::discover_token(places);
}

}  // namespace mytoken::cli
