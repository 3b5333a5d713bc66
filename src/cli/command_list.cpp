// mytoken list providers: where people can log in, with the names that the configuration file gives
// them (spec cli.md §1.8).
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/table.h"

namespace mytoken::cli {
namespace {

struct Provider {
  std::string issuer;
  std::vector<std::string> names;  // in the configuration file, sorted
  bool is_default = false;
};

std::vector<Provider> providers_of(const client::Metadata& metadata, const Config& config) {
  std::vector<Provider> providers;
  for (const auto& supported : metadata.providers_supported) {
    Provider provider{supported.issuer, {}, false};
    for (const auto& [name, issuer] : config.providers) {
      if (client::same_issuer(issuer, supported.issuer)) provider.names.push_back(name);
    }
    const auto chosen = config.providers.find(config.default_provider);
    provider.is_default = client::same_issuer(
        chosen == config.providers.end() ? config.default_provider : chosen->second,
        supported.issuer);
    providers.push_back(std::move(provider));
  }
  return providers;
}

int list_providers(Context& context) {
  const auto config = load_config(context);
  if (!config) return report(context, config.error());
  auto session = open_session(context, *config, {});
  if (!session) return report(context, session.error());
  const auto metadata = session->client->metadata(session->call);
  if (!metadata) return report(context, metadata.error());
  json::array list;
  std::string text;
  for (const Provider& provider : providers_of(**metadata, *config)) {
    json::array names;
    text += harmless(provider.issuer);
    for (std::size_t i = 0; i < provider.names.size(); ++i) {
      names.emplace_back(provider.names[i]);
      text += (i == 0 ? " -> " : ", ") + harmless(provider.names[i]);
    }
    text += provider.is_default ? " (default)\n" : "\n";
    list.push_back({{"issuer", provider.issuer},
                    {"names", std::move(names)},
                    {"default", provider.is_default}});
  }
  if (context.json) return print_json(context, json::object{{"providers", std::move(list)}});
  return print(context, text);
}

}  // namespace

void add_list(Command root, Context& context) {
  Command command = root.command("list", "what the server offers");
  command.command("providers,issuers", "the providers where people can log in").runs([&context] {
    return list_providers(context);
  });
}

}  // namespace mytoken::cli
