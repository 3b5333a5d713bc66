// mytoken MT: a mytoken by transfer code, from another mytoken, or by a login at a provider (spec
// cli.md §1.8).
#include <algorithm>

#include "cli/commands.h"
#include "cli/discovery.h"
#include "cli/login.h"
#include "cli/mytoken_flags.h"
#include "cli/parent_clause.h"
#include "cli/profile_flag.h"
#include "cli/restriction_flags.h"
#include "cli/transfer_code.h"
#include "token/capability.h"

namespace mytoken::cli {
namespace {

using client::failure;

struct Flags {
  TokenFlags token;
  MytokenFlags mytoken;
  RestrictionFlags restrictions;
  LoginFlags login;
  std::optional<std::string> transfer_code;
  std::optional<std::string> out;
  std::optional<std::string> store;
  std::optional<std::string> storage;
  bool oidc = false;
};

json::object to_json(const client::Mytoken& token) {
  json::object object;
  if (!token.mytoken.empty()) object["mytoken"] = token.mytoken.reveal();
  if (!token.transfer_code.empty()) object["transfer_code"] = token.transfer_code.reveal();
  object["mytoken_type"] = token.mytoken_type;
  if (!token.mom_id.empty()) object["mom_id"] = token.mom_id;
  if (token.expires_in) object["expires_in"] = token.expires_in->count();
  if (!token.restrictions.empty()) object["restrictions"] = json_of(token.restrictions);
  json::array capabilities;
  for (const std::string& name : token.capabilities)
    capabilities.emplace_back(name);
  if (!capabilities.empty()) object["capabilities"] = std::move(capabilities);
  if (!token.rotation.empty()) object["rotation"] = json_of(token.rotation);
  return object;
}

// Everything but the provider.
client::Outcome<client::MytokenRequest> build_request(const Context& context, const Config& config,
                                                      const Flags& flags) {
  client::MytokenRequest request;
  auto profile = build_profile(context, flags.mytoken.profile);
  if (!profile) return failure(std::move(profile.error()));
  auto restrictions = build_restrictions(context, flags.restrictions);
  if (!restrictions) return failure(std::move(restrictions.error()));
  if (!restrictions->empty()) request.restrictions = json::serialize(*restrictions);
  // An explicit empty list would be refused; nothing said is the server's default.
  if (profile->empty() && !config.default_token_capabilities.empty())
    request.capabilities = config.default_token_capabilities;
  if (flags.mytoken.capabilities) {
    auto capabilities = parse_capabilities(*flags.mytoken.capabilities);
    if (!capabilities) return failure(std::move(capabilities.error()));
    for (const std::string& name : *capabilities) {
      if (!name.starts_with('@') && !token::is_known_capability(name))
        context.console.warning("'" + name + "' is no capability that this command knows");
    }
    request.capabilities = std::move(*capabilities);
  }
  auto rotation = build_rotation(context, flags.mytoken);
  if (!rotation) return failure(std::move(rotation.error()));
  if (*rotation) request.rotation = json::serialize(**rotation);
  if (flags.mytoken.token_type) {
    auto type = parse_token_type(*flags.mytoken.token_type);
    if (!type) return failure(std::move(type.error()));
    request.response_type = std::move(*type);
  }
  if (flags.mytoken.max_token_len) {
    if (*flags.mytoken.max_token_len > 1'000'000) {
      return failure(client::ErrorKind::usage, "--max-token-len: the number is too large");
    }
    request.max_token_len = static_cast<int>(*flags.mytoken.max_token_len);
  }
  const std::string name =
      flags.mytoken.name.value_or(std::string(string_member(*profile, "name")));
  request.name = prefixed_name(config, context.host_name, name);
  if (!profile->contains("application_name"))
    request.application_name = "mytoken client on " + context.host_name;
  request.tags = flags.mytoken.tags;
  std::sort(request.tags.begin(), request.tags.end());
  request.tags_include_children = flags.mytoken.tags_include_children;
  if (request.tags.empty() && request.tags_include_children)
    return failure(client::ErrorKind::usage, "--include-children belongs to --tags");
  // The provider is chosen later, when the server's providers are known.
  request.oidc_issuer = string_member(*profile, "oidc_issuer");
  for (const char* decided : {"name", "oidc_issuer"})
    profile->erase(decided);
  if (!profile->empty()) request.other_members = json::serialize(*profile);
  return request;
}

client::Outcome<client::Mytoken> by_login(Context& context, const Config& config,
                                          const Flags& flags, Session& session,
                                          client::MytokenRequest request, std::string& resumable) {
  const auto metadata = session.client->metadata(session.call);
  if (!metadata) return failure(metadata.error());
  auto provider =
      choose_provider(context, config, flags.mytoken.provider, request.oidc_issuer, **metadata);
  if (!provider) return failure(std::move(provider.error()));
  request.oidc_issuer = std::move(*provider);
  const auto& supported = (**metadata).providers_supported;
  if (request.oidc_issuer.empty() && supported.size() == 1)
    request.oidc_issuer = supported.front().issuer;
  // A profile of the server may name one.
  if (request.oidc_issuer.empty() && request.other_members.empty()) {
    std::string text = "no provider given; choose one with --provider";
    for (std::size_t i = 0; i < supported.size() && i < 10; ++i)
      text += (i == 0 ? ": " : ", ") + supported[i].issuer;
    return failure(client::ErrorKind::usage, text);
  }
  return log_in(context, session, request, flags.login, resumable);
}

client::Outcome<client::Mytoken> create(Context& context, const Config& config, const Flags& flags,
                                        Session& session, client::MytokenRequest request,
                                        std::string& resumable) {
  if (!session.lease)
    return by_login(context, config, flags, session, std::move(request), resumable);
  if (flags.mytoken.provider) {
    // Of the user's default nothing follows for the provider of an existing mytoken, of an explicit
    // flag it does.
    const auto metadata = session.client->metadata(session.call);
    if (!metadata) return failure(metadata.error());
    auto provider = choose_provider(context, config, flags.mytoken.provider, "", **metadata);
    if (!provider) return failure(std::move(provider.error()));
    request.oidc_issuer = std::move(*provider);
  }
  const auto parent = only_clause(session.lease->token());
  if (parent && !request.restrictions.empty())
    request.restrictions = completed(request.restrictions, *parent);
  auto made = session.client->sub_token(*session.lease, request, session.call);
  if (!made && parent && made.error().description.find("not subset") != std::string::npos)
    made.error().description += "; the mytoken it is made from allows " + json::serialize(*parent);
  return made;
}

void hint_at_resuming(Context& context, const std::string& code) {
  if (!code.empty()) context.console.hint("to go on waiting: mytoken MT --resume " + code);
}

// The code to redeem: "-" asks for it, so that it need not be an argument.
client::Outcome<Secret> transfer_code(Context& context, const std::string& given) {
  if (given != "-") return Secret(given);
  const auto stop = context.interruption();
  auto typed = context.console.prompt("transfer code: ", stop);
  if (stop.stop_requested()) return failure(client::ErrorKind::cancelled, "interrupted");
  return typed ? trimmed(typed->reveal()) : Secret();
}

// What can go wrong with --out and --store before there is a token that would be lost.
client::Outcome<void> check_place(Context& context, const Config& config, const Flags& flags) {
  if (!flags.store && flags.storage)
    return failure(client::ErrorKind::usage, "--storage belongs to --store");
  if (flags.out && !flags.store) return check_result_file(context, *flags.out);
  if (!flags.store) return {};
  if (flags.out) return failure(client::ErrorKind::usage, "--store and --out exclude each other");
  if (auto storage = choose_storage(config, flags.storage); !storage)
    return failure(std::move(storage.error()));
  return token_store(context).require_free(*flags.store);
}

// A token that cannot be stored is printed instead, so that it is not lost.
ExitCode store(Context& context, const Config& config, const Flags& flags,
               const client::Client& server, const client::Mytoken& token) {
  client::Call call;
  call.stop = context.interruption();
  const auto storage = choose_storage(config, flags.storage);
  auto stored = token_store(context).add(*flags.store, token.mytoken, server.server_url(), *storage,
                                         false, call);
  if (stored) {
    if (context.json) {
      return print_json(context, json::object{{"name", stored->name},
                                              {"server", stored->server},
                                              {"storage", to_string(stored->storage)},
                                              {"default", stored->is_default}});
    }
    context.console.notice("stored as '" + stored->name + "' in " +
                           (stored->storage == Storage::keyring ? "the keyring" : "a file"));
    return done;
  }
  report(context, stored.error());
  const Secret line(std::string(token.mytoken.reveal()) + "\n");
  print(context, line.reveal());
  return not_stored;
}

ExitCode print(Context& context, const Config& config, const Flags& flags,
               const client::Client& server, const client::Mytoken& token) {
  if (flags.store && !token.mytoken.empty()) return store(context, config, flags, server, token);
  if (context.json) return print_json(context, to_json(token), flags.out);
  const Secret& result = token.mytoken.empty() ? token.transfer_code : token.mytoken;
  const Secret line(std::string(result.reveal()) + "\n");
  return print(context, line.reveal(), flags.out);
}

int redeem(Context& context, const Config& config, const Flags& flags, const std::string& given) {
  const auto code = transfer_code(context, given);
  if (!code) return report(context, code.error());
  if (code->empty())
    return report(context, failure(client::ErrorKind::usage, "--TC is empty").error);
  auto session = open_session(context, config, {});
  if (!session) return report(context, session.error());
  const auto token = session->client->redeem_transfer_code(*code, session->call);
  return token ? print(context, config, flags, *session->client, *token)
               : report(context, token.error());
}

int resume(Context& context, const Config& config, const Flags& flags) {
  std::string resumable;
  auto session = session_to_resume(context, config, flags.login);
  if (!session) return report(context, session.error());
  const auto token = resume_login(context, *session, flags.login, resumable);
  if (token) return print(context, config, flags, *session->session.client, *token);
  const ExitCode code = report(context, token.error());
  hint_at_resuming(context, resumable);
  return code;
}

int run(Context& context, const Flags& flags) {
  const auto config = load_config(context);
  if (!config) return report(context, config.error());
  if (auto checked = check_place(context, *config, flags); !checked)
    return report(context, checked.error());
  const std::string code =
      flags.transfer_code ? *flags.transfer_code : context.variable("MYTOKEN_TC");
  if (flags.token.ssh &&
      (flags.login.resume || flags.oidc || flags.transfer_code || !code.empty())) {
    return report(context, failure(client::ErrorKind::usage,
                                   "logins and transfer codes are not available over ssh")
                               .error);
  }
  if (flags.login.resume) return resume(context, *config, flags);
  if (flags.transfer_code || !code.empty()) return redeem(context, *config, flags, code);

  auto request = build_request(context, *config, flags);
  if (!request) return report(context, request.error());
  FoundToken found;
  if (!flags.oidc) {
    auto token = find_access(context, *config, flags.token, true);
    if (!token) return report(context, token.error());
    found = std::move(*token);
  }
  if (is_file_of(context, found, flags.out)) {
    return report(context,
                  failure(client::ErrorKind::usage,
                          "--out names the file of the mytoken itself, which would be lost")
                      .error);
  }
  auto session = open_session(context, *config, std::move(found));
  if (!session) return report(context, session.error());
  std::string resumable;
  const auto token = create(context, *config, flags, *session, std::move(*request), resumable);
  if (!token) {
    const ExitCode status = report(context, token.error(), session->lease ? "create_mytoken" : "");
    hint_at_resuming(context, resumable);
    return status;
  }
  const ExitCode printed = print(context, *config, flags, *session->client, *token);
  if (!token->transfer_code.empty() && !flags.token.ssh)
    explain_transfer_code(context, *session, *token);
  return finish(context, printed, token->token_update);
}

}  // namespace

void add_mytoken(Command root, Context& context) {
  auto flags = std::make_shared<Flags>();
  Command command = root.command(
      "MT,mt,mytoken", "get a mytoken: by a login, from another mytoken, or by a transfer code");
  flags->mytoken.declare(command);
  flags->restrictions.declare(command);
  flags->token.declare(command);
  flags->login.declare(command);
  command.toggle("--oidc", flags->oidc, "log in even if there is a mytoken");
  command.text("--TC", flags->transfer_code, "redeem a transfer code ('-': ask for it)");
  command.text("-o,--out", flags->out, "file for the mytoken instead of standard output");
  command.text("--store", flags->store, "keep it under this name instead, see 'mytoken store'");
  command.text("--storage", flags->storage, "keyring or file; else the keyring if there is one");
  command.runs([flags, &context] { return run(context, *flags); });
  const std::shared_ptr<const TokenFlags> token(flags, &flags->token);
  add_mytoken_tags(command, token, context);
  add_list_mytokens(command, token, context);
}

}  // namespace mytoken::cli
