// The flags and the order of the sources. Discovery itself is in discovery.cpp.
#include "cli/token_flags.h"

#include <mytoken/inspect.h>
#include "cli/discovery.h"
#include "client/durable_file.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;
using client::TokenKind;

constexpr std::size_t longest_file = 1 << 16;

Secret first_line(const Secret& text) {
  const std::string_view view = text.reveal();
  return trimmed(view.substr(0, view.find('\n')));
}

// A token that has no place to go back to: its successor is shown.
FoundToken held_in_memory(Context& context, Secret token, std::string origin) {
  Console& console = context.console;
  auto show = [&console, origin](const Secret& successor) -> client::Outcome<void> {
    console.notice("the mytoken from " + origin +
                   " was replaced by the server; from now on only this one is valid:");
    console.note(std::string(successor.reveal()) + "\n");
    return {};
  };
  return {std::make_unique<client::MemoryTokenSource>(std::move(token), std::move(show)),
          std::move(origin),
          {}};
}

std::vector<std::filesystem::path> rescue_directories(const Context& context) {
  std::vector<std::filesystem::path> directories;
  for (const char* name : {"XDG_RUNTIME_DIR", "HOME"}) {
    if (const std::string directory = context.variable(name); directory.starts_with('/')) {
      directories.emplace_back(directory);
    }
  }
  directories.push_back(context.temporary_directory);
  return directories;
}

client::Outcome<FoundToken> checked_in_memory(Context& context, const Secret& text,
                                              const std::string& origin) {
  Secret token = trimmed(text.reveal());
  if (auto checked = require_mytoken(token, origin); !checked)
    return failure(std::move(checked.error()));
  return held_in_memory(context, std::move(token), origin);
}

client::Outcome<FoundToken> from_file(Context& context, const std::string& name,
                                      const std::string& origin) {
  if (name == "-") {
    const auto line = context.console.read_line(context.interruption());
    if (!line) return failure(ErrorKind::token_source, "no mytoken on standard input");
    return checked_in_memory(context, *line, "standard input");
  }
  const auto path = context.expand(name);
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored)) {
    std::string problem;  // e.g. <(command) of a shell
    const auto text = client::read_file(path, longest_file, problem);
    if (!text) return failure(ErrorKind::token_source, "cannot read the mytoken: " + problem);
    return checked_in_memory(context, first_line(*text), origin);
  }
  auto source = std::make_unique<client::FileTokenSource>(path, rescue_directories(context));
  auto token = source->peek();
  if (!token) return failure(std::move(token.error()));
  if (auto checked = require_mytoken(*token, origin); !checked)
    return failure(std::move(checked.error()));
  return FoundToken{std::move(source), origin, true, "", "", path};
}

// The token is checked when its lease is taken: looking at it may mean to unlock a keyring.
client::Outcome<FoundToken> from_store(Context& context, const std::string& name) {
  const TokenStore store = token_store(context);
  auto stored = store.find(name);
  if (!stored) return failure(std::move(stored.error()));
  return FoundToken{store.open(*stored), "the stored token '" + name + "'", true, "",
                    stored->server};
}

}  // namespace

client::Outcome<void> require_mytoken(const Secret& token, const std::string& origin) {
  switch (client::classify(token.reveal())) {
    case TokenKind::mytoken_jwt:
    case TokenKind::short_token:
      return {};
    case TokenKind::foreign_jwt:
      return failure(ErrorKind::token_source,
                     "the token from " + origin + " is not a mytoken (an access token?)");
    case TokenKind::code:
      return failure(
          ErrorKind::token_source,
          "the token from " + origin +
              " is too short for a mytoken; redeem a transfer code with 'mytoken MT --TC'");
    case TokenKind::malformed:
      break;
  }
  return failure(ErrorKind::token_source, "the token from " + origin + " is empty or malformed");
}

TokenStore token_store(const Context& context) {
  return TokenStore(context, rescue_directories(context));
}

bool is_file_of(const Context& context, const FoundToken& found,
                const std::optional<std::string>& out) {
  std::error_code ignored;
  return out && !found.file.empty() &&
         std::filesystem::equivalent(found.file, context.expand(*out), ignored);
}

void TokenFlags::declare(Command& command) {
  command.toggle("--MT-prompt", prompt, "ask for the mytoken on the terminal");
  command.text("--MT", token, "the mytoken itself; other users of this machine can see it");
  command.text("--MT-env", variable, "name of an environment variable with the mytoken");
  command.text(
      "--MT-file", file,
      "file whose first line is the mytoken ('-': standard input); a rotated one is stored there");
  command.text("--MT-name", name, "name of a stored mytoken, see 'mytoken store'");
  command.text("--ssh", ssh,
               "do it over ssh at this host, with the mytoken of the ssh key used there");
}

client::Outcome<FoundToken> find_access(Context& context, const Config& config,
                                        const TokenFlags& flags, bool may_be_absent) {
  if (!flags.ssh) return find_token(context, config, flags, may_be_absent);
  if (flags.ssh->empty()) return failure(ErrorKind::usage, "--ssh is empty");
  if (flags.prompt || flags.token || flags.variable || flags.file || flags.name)
    return failure(ErrorKind::usage, "--ssh uses the mytoken of the ssh key; give no other one");
  // A lease on nothing: the server holds the token.
  return FoundToken{std::make_shared<client::MemoryTokenSource>(Secret()), "--ssh " + *flags.ssh,
                    true, *flags.ssh};
}

client::ClientError no_token() {
  return {ErrorKind::token_source, "",
          "no mytoken provided; use --MT-name, --MT-file, --MT-env or --MT-prompt, or store one "
          "with 'mytoken MT --store NAME'",
          0, Seconds(0)};
}

client::Outcome<FoundToken> find_token(Context& context, const Config& config,
                                       const TokenFlags& flags, bool may_be_absent) {
  if (flags.ssh) return failure(ErrorKind::usage, "this is not available over ssh");
  if (flags.prompt) {
    const auto stop = context.interruption();
    const auto answer = context.console.prompt("mytoken: ", stop);
    if (stop.stop_requested()) return failure(ErrorKind::cancelled, "interrupted");
    if (!answer) return failure(ErrorKind::token_source, "no mytoken was entered");
    return checked_in_memory(context, *answer, "the prompt");
  }
  if (flags.token) {
    if (context.console.is_interactive()) {
      context.console.warning(
          "a mytoken on the command line can be seen by other users of this machine");
    }
    return checked_in_memory(context, Secret(*flags.token), "--MT");
  }
  if (flags.variable) {
    const auto value = context.environment(flags.variable->c_str());
    if (value && !value->empty())
      return checked_in_memory(context, Secret(*value), "$" + *flags.variable);
  }
  if (flags.file) return from_file(context, *flags.file, *flags.file);
  if (flags.name) return from_store(context, *flags.name);
  if (config.use_environment_tokens) {
    if (const std::string value = context.variable("MYTOKEN"); !value.empty()) {
      return checked_in_memory(context, Secret(value), "$MYTOKEN");
    }
    if (const std::string name = context.variable("MYTOKEN_FILE"); !name.empty()) {
      return from_file(context, name, "$MYTOKEN_FILE");
    }
    if (const std::string name = context.variable("MYTOKEN_NAME"); !name.empty())
      return from_store(context, name);
  }
  if (!may_be_absent) {
    const std::string name = token_store(context).default_of(configured_server(context, config));
    if (!name.empty()) return from_store(context, name);
  }
  if (!config.use_wlcg_token_discovery) return FoundToken{};
  auto discovered = discover_token(context);
  if (!discovered) return failure(std::move(discovered.error()));
  if (!*discovered) return FoundToken{};
  Discovery& found = **discovered;
  if (may_be_absent && client::classify(found.token.reveal()) == TokenKind::foreign_jwt) {
    context.console.warning(found.origin + " holds an access token, not a mytoken; it is not used");
    return FoundToken{};
  }
  if (auto checked = require_mytoken(found.token, found.origin); !checked)
    return failure(std::move(checked.error()));
  if (found.may_be_replaced) return from_file(context, found.origin, found.origin);
  return held_in_memory(context, std::move(found.token), found.origin);
}

}  // namespace mytoken::cli
