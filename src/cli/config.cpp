// yaml-cpp throws; nothing of that leaves this file.
#include "cli/config.h"

#include <yaml-cpp/yaml.h>

#include "client/durable_file.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

constexpr std::size_t longest_file = 1 << 20;

template <class T>
void read(const YAML::Node& document, const char* key, T& target) {
  if (const YAML::Node node = document[key]; node && !node.IsNull()) target = node.as<T>();
}

std::optional<std::string> named_file(const Context& context) {
  if (context.config_file) return context.expand(*context.config_file).string();
  for (const char* name : {"MYTOKEN_CONFIG", "MYTOKEN_CONF"}) {
    if (const std::string file = context.variable(name); !file.empty())
      return context.expand(file).string();
  }
  return std::nullopt;
}

}  // namespace

client::Outcome<Config> parse_config(const std::string& text, const std::string& file) {
  const auto bad = [&file](const YAML::Exception& problem) {
    return failure(ErrorKind::usage,
                   file + ", line " + std::to_string(problem.mark.line + 1) + ": " + problem.msg);
  };
  try {
    Config config;
    const YAML::Node document = YAML::Load(text);
    if (document.IsNull()) return config;
    if (!document.IsMap())
      return failure(ErrorKind::usage, file + " is not a list of 'key: value'");
    read(document, "instance", config.instance);
    config.names_instance = document["instance"] && !document["instance"].IsNull();
    read(document, "default_provider", config.default_provider);
    read(document, "default_token_capabilities", config.default_token_capabilities);
    read(document, "token_name_prefix", config.token_name_prefix);
    read(document, "use_wlcg_token_discovery", config.use_wlcg_token_discovery);
    read(document, "use_environment_tokens", config.use_environment_tokens);
    read(document, "token_storage", config.token_storage);
    read(document, "providers", config.providers);
    return config;
  } catch (const YAML::Exception& problem) {
    return bad(problem);
  }
}

client::Outcome<Config> load_config(const Context& context) {
  std::vector<std::filesystem::path> candidates;
  const auto named = named_file(context);
  if (named) {
    candidates.emplace_back(*named);
  } else {
    const std::string xdg = context.variable("XDG_CONFIG_HOME");
    const std::string home = context.variable("HOME");
    if (xdg.starts_with('/'))
      candidates.push_back(std::filesystem::path(xdg) / "mytoken/config.yaml");
    if (!home.empty()) {
      candidates.push_back(std::filesystem::path(home) / ".config/mytoken/config.yaml");
      candidates.push_back(std::filesystem::path(home) / ".mytoken/config.yaml");
    }
  }
  for (const auto& candidate : candidates) {
    std::error_code problem;
    if (!named && !std::filesystem::exists(candidate, problem)) continue;
    std::string why;
    const auto text = client::read_file(candidate, longest_file, why);
    if (!text) return failure(ErrorKind::usage, "cannot read the configuration: " + why);
    return parse_config(std::string(text->reveal()), candidate.string());
  }
  return Config{};
}

std::string explicit_url(const Context& context) {
  return context.url && !context.url->empty() ? *context.url : context.variable("MYTOKEN_URL");
}

std::string configured_server(const Context& context, const Config& config) {
  const std::string wanted = explicit_url(context);
  return wanted.empty() ? config.instance : wanted;
}

std::string prefixed_name(const Config& config, const std::string& host_name,
                          const std::string& name) {
  if (name.empty()) return "";
  std::string prefix = config.token_name_prefix;
  constexpr std::string_view mark = "<hostname>";
  for (std::size_t at = prefix.find(mark); at != std::string::npos;
       at = prefix.find(mark, at + host_name.size())) {
    prefix.replace(at, mark.size(), host_name);
  }
  return prefix.empty() ? name : prefix + ":" + name;
}

}  // namespace mytoken::cli
