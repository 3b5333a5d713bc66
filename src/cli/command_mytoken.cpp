// mytoken MT: a mytoken by transfer code, from another mytoken, or by a login at a provider (spec
// cli.md §1.8).
#include "cli/commands.h"
#include "cli/login.h"
#include "cli/mytoken_flags.h"
#include "cli/restriction_flags.h"

namespace mytoken::cli {
namespace {

using client::failure;

struct Flags {
  TokenFlags token;
  MytokenFlags mytoken;
  RestrictionFlags restrictions;
  std::optional<std::string> transfer_code;
  std::optional<std::string> out;
  bool oidc = false;
};

json::object to_json(const client::Mytoken& token) {
  json::object object;
  if (!token.mytoken.empty()) object["mytoken"] = token.mytoken.reveal();
  if (!token.transfer_code.empty()) object["transfer_code"] = token.transfer_code.reveal();
  object["mytoken_type"] = token.mytoken_type;
  if (!token.mom_id.empty()) object["mom_id"] = token.mom_id;
  if (token.expires_in) object["expires_in"] = token.expires_in->count();
  if (!token.restrictions.empty()) object["restrictions"] = json::parse(token.restrictions);
  json::array capabilities;
  for (const std::string& name : token.capabilities)
    capabilities.emplace_back(name);
  if (!capabilities.empty()) object["capabilities"] = std::move(capabilities);
  if (!token.rotation.empty()) object["rotation"] = json::parse(token.rotation);
  return object;
}

// Everything but the provider.
client::Outcome<client::MytokenRequest> build_request(const Context& context, const Config& config,
                                                      const Flags& flags) {
  client::MytokenRequest request;
  auto restrictions = build_restrictions(context, flags.restrictions);
  if (!restrictions) return failure(std::move(restrictions.error()));
  if (!restrictions->empty()) request.restrictions = json::serialize(*restrictions);
  // An explicit empty list would be refused; nothing said is the server's default.
  if (!config.default_token_capabilities.empty())
    request.capabilities = config.default_token_capabilities;
  if (flags.mytoken.capabilities) {
    auto capabilities = parse_capabilities(*flags.mytoken.capabilities);
    if (!capabilities) return failure(std::move(capabilities.error()));
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
  request.name = prefixed_name(config, context.host_name, flags.mytoken.name.value_or(""));
  request.application_name = "mytoken client on " + context.host_name;
  return request;
}

client::Outcome<client::Mytoken> by_login(Context& context, const Config& config,
                                          const Flags& flags, Session& session,
                                          client::MytokenRequest request) {
  const auto metadata = session.client->metadata(session.call);
  if (!metadata) return failure(metadata.error());
  auto provider = choose_provider(context, config, flags.mytoken.provider, **metadata);
  if (!provider) return failure(std::move(provider.error()));
  request.oidc_issuer = std::move(*provider);
  const auto& supported = (**metadata).providers_supported;
  if (request.oidc_issuer.empty() && supported.size() == 1)
    request.oidc_issuer = supported.front().issuer;
  if (request.oidc_issuer.empty()) {
    std::string text = "no provider given; choose one with --provider";
    for (std::size_t i = 0; i < supported.size() && i < 10; ++i)
      text += (i == 0 ? ": " : ", ") + supported[i].issuer;
    return failure(client::ErrorKind::usage, text);
  }
  return log_in(context, session, request);
}

client::Outcome<client::Mytoken> create(Context& context, const Config& config, const Flags& flags,
                                        Session& session, client::MytokenRequest request) {
  if (!session.lease) return by_login(context, config, flags, session, std::move(request));
  if (flags.mytoken.provider) {
    // Of the user's default nothing follows for the provider of an existing mytoken, of an explicit
    // flag it does.
    const auto metadata = session.client->metadata(session.call);
    if (!metadata) return failure(metadata.error());
    auto provider = choose_provider(context, config, flags.mytoken.provider, **metadata);
    if (!provider) return failure(std::move(provider.error()));
    request.oidc_issuer = std::move(*provider);
  }
  return session.client->sub_token(*session.lease, request, session.call);
}

int run(Context& context, const Flags& flags) {
  const auto config = load_config(context);
  if (!config) return report(context, config.error());
  const std::string code =
      flags.transfer_code ? *flags.transfer_code : context.variable("MYTOKEN_TC");
  const bool is_redemption = flags.transfer_code || !code.empty();
  if (is_redemption && code.empty())
    return report(context, {client::ErrorKind::usage, "", "--TC is empty", 0, Seconds(0)});

  client::MytokenRequest request;
  FoundToken found;
  if (!is_redemption) {
    auto built = build_request(context, *config, flags);
    if (!built) return report(context, built.error());
    request = std::move(*built);
    if (!flags.oidc) {
      auto token = find_token(context, *config, flags.token, true);
      if (!token) return report(context, token.error());
      found = std::move(*token);
    }
  }
  auto session = open_session(context, *config, std::move(found));
  if (!session) return report(context, session.error());
  const auto token = is_redemption
                         ? session->client->redeem_transfer_code(Secret(code), session->call)
                         : create(context, *config, flags, *session, std::move(request));
  if (!token) return report(context, token.error(), session->lease ? "create_mytoken" : "");
  ExitCode printed = done;
  if (context.json) {
    printed = print_json(context, to_json(*token), flags.out);
  } else {
    const Secret& result = token->mytoken.empty() ? token->transfer_code : token->mytoken;
    const Secret line(std::string(result.reveal()) + "\n");
    printed = print(context, line.reveal(), flags.out);
  }
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
  command.toggle("--oidc", flags->oidc, "log in even if there is a mytoken");
  command.text("--TC", flags->transfer_code, "redeem a transfer code");
  command.text("-o,--out", flags->out, "file for the mytoken instead of standard output");
  command.runs([flags, &context] { return run(context, *flags); });
}

}  // namespace mytoken::cli
