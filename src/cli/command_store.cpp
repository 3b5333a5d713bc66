// mytoken store: mytokens by name, in the keyring or in files (spec cli.md §4.5).
#include <mytoken/inspect.h>

#include "cli/commands.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/token_store.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

struct Flags {
  TokenFlags token;
  std::optional<std::string> name;
  std::optional<std::string> storage;
  bool is_default = false;
  bool force = false;
  bool reveal = false;
};

json::object to_json(const StoredToken& token) {
  return {{"name", token.name},
          {"server", token.server},
          {"storage", to_string(token.storage)},
          {"default", token.is_default}};
}

// One line for people, or what the command is about as JSON.
ExitCode confirm(Context& context, const StoredToken& token, const std::string& line) {
  return context.json ? print_json(context, to_json(token)) : print(context, line + "\n");
}

std::string place(Storage storage) {
  return storage == Storage::keyring ? "in the keyring" : "in a file";
}

client::Outcome<std::string> named(const Flags& flags) {
  if (flags.name && !flags.name->empty()) return *flags.name;
  return failure(ErrorKind::usage, "the name of the token is missing");
}

// The named token, for those commands that need one.
client::Outcome<StoredToken> chosen(Context& context, const Flags& flags) {
  auto name = named(flags);
  if (!name) return failure(std::move(name.error()));
  return token_store(context).find(*name);
}

// The token to be stored is one that is named; nothing is guessed, without a flag it is asked for.
client::Outcome<Secret> given_token(Context& context, Config config, TokenFlags flags) {
  if (flags.name) return failure(ErrorKind::usage, "a stored token cannot be stored twice");
  config.use_environment_tokens = false;
  config.use_wlcg_token_discovery = false;
  if (!flags.token && !flags.variable && !flags.file) flags.prompt = true;
  auto found = find_token(context, config, flags, true);
  if (!found) return failure(std::move(found.error()));
  if (!found->source) return failure(no_token());
  client::Call call;
  call.stop = context.interruption();
  const auto lease = found->source->acquire(call);
  if (!lease) return failure(lease.error());
  return (*lease)->token();
}

int add(Context& context, const Flags& flags) {
  const auto config = load_config(context);
  if (!config) return report(context, config.error());
  const auto name = named(flags);
  if (!name) return report(context, name.error());
  const auto storage = choose_storage(*config, flags.storage);
  if (!storage) return report(context, storage.error());
  TokenStore store = token_store(context);
  if (!flags.force) {
    if (auto is_free = store.require_free(*name); !is_free) {
      const ExitCode code = report(context, is_free.error());
      context.console.hint("--force replaces it");
      return code;
    }
  }
  const auto token = given_token(context, *config, flags.token);
  if (!token) return report(context, token.error());
  std::string server = client::issuer_of(token->reveal());
  if (server.empty()) server = configured_server(context, *config);
  // What the token says of its server is asked, shown and completed later.
  if (auto address = client::parse_server_url(server); !address)
    return report(context, address.error());
  client::Call call;
  call.stop = context.interruption();
  auto stored = store.add(*name, *token, server, *storage, flags.force, call);
  if (!stored) return report(context, stored.error());
  if (flags.is_default && !stored->is_default) {
    if (auto made = store.make_default(*stored); !made) return report(context, made.error());
    stored->is_default = true;
  }
  return confirm(context, *stored, "'" + *name + "' is stored " + place(stored->storage));
}

int list(Context& context) {
  const auto tokens = token_store(context).list();
  if (context.json) {
    json::array array;
    for (const StoredToken& token : tokens)
      array.push_back(to_json(token));
    return print_json(context, array);
  }
  Table table({"Name", "Server", "Storage", "Default"});
  for (const StoredToken& token : tokens) {
    table.row({token.name, token.server, std::string(to_string(token.storage)),
               token.is_default ? "yes" : ""});
  }
  return print(context, table.text(uses_colour(context)));
}

int show(Context& context, const Flags& flags) {
  const auto stored = chosen(context, flags);
  if (!stored) return report(context, stored.error());
  const auto source = token_store(context).open(*stored);
  client::Call call;
  call.stop = context.interruption();
  const auto lease = source->acquire(call);
  if (!lease) return report(context, lease.error());
  const std::string_view token = (*lease)->token().reveal();
  const auto claims = client::claims_of(token);
  if (context.json) {
    json::object object = to_json(*stored);
    if (const auto jwt = client::decode_jwt(token)) {
      if (auto payload = parse_json(jwt->payload)) object["token"] = std::move(*payload);
    }
    if (flags.reveal) object["mytoken"] = token;
    return print_json(context, object);
  }
  if (flags.reveal) {
    const Secret line(std::string(token) + "\n");
    return print(context, line.reveal());
  }
  std::string text = "name:     " + stored->name + "\nserver:   " + harmless(stored->server) +
                     "\nstorage:  " + std::string(to_string(stored->storage)) +
                     "\ndefault:  " + (stored->is_default ? "yes" : "no") + "\n";
  if (claims) {
    const auto time = [](const auto& moment) {
      return local_time(moment.time_since_epoch().count());
    };
    if (!claims->name.empty()) text += "token:    " + harmless(claims->name) + "\n";
    if (claims->issued) text += "created:  " + time(*claims->issued) + "\n";
    text += "expires:  " + (claims->expires ? time(*claims->expires) : "never") + "\n";
  }
  return print(context, text);
}

int remove(Context& context, const Flags& flags) {
  const auto stored = chosen(context, flags);
  if (!stored) return report(context, stored.error());
  client::Call call;
  call.stop = context.interruption();
  if (auto removed = token_store(context).remove(*stored, call); !removed)
    return report(context, removed.error());
  return confirm(context, *stored, "'" + stored->name + "' is removed");
}

int make_default(Context& context, const Flags& flags) {
  auto stored = chosen(context, flags);
  if (!stored) return report(context, stored.error());
  if (auto made = token_store(context).make_default(*stored); !made)
    return report(context, made.error());
  stored->is_default = true;
  return confirm(context, *stored, "'" + stored->name + "' is the default for " + stored->server);
}

}  // namespace

void add_store(Command root, Context& context) {
  auto flags = std::make_shared<Flags>();
  Command store = root.command("store", "keep mytokens under names");

  Command adding =
      store.command("add", "store a mytoken under a name; without a flag it is asked for");
  adding.argument("name", flags->name, "name of the token");
  flags->token.declare(adding);
  adding.text("--storage", flags->storage, "keyring or file; else the keyring if there is one");
  adding.toggle("--default", flags->is_default, "make it the default for its server");
  adding.toggle("-f,--force", flags->force, "replace the token of that name");
  adding.runs([flags, &context] { return add(context, *flags); });

  store.command("list,ls", "list the stored tokens").runs([&context] { return list(context); });

  Command showing = store.command("show", "tell what is known about a stored token");
  showing.argument("name", flags->name, "name of the token");
  showing.toggle("--reveal", flags->reveal, "print the mytoken itself");
  showing.runs([flags, &context] { return show(context, *flags); });

  Command removing =
      store.command("rm,remove,delete", "remove a token from the store; it is not revoked");
  removing.argument("name", flags->name, "name of the token");
  removing.runs([flags, &context] { return remove(context, *flags); });

  Command choosing = store.command("default", "use a token for its server when no other is named");
  choosing.argument("name", flags->name, "name of the token");
  choosing.runs([flags, &context] { return make_default(context, *flags); });
}

}  // namespace mytoken::cli
