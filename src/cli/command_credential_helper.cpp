// mytoken credential-helper: access tokens in the form in which other programs ask for them (spec
// cli.md §4.10). All of them may be called for every request of the other program, so the cache is
// used, and stderr is silent unless something fails.
#include <algorithm>

#include "base/json.h"
#include "cli/access_tokens.h"
#include "cli/commands.h"
#include "cli/git_credential.h"
#include "cli/security_token_service.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

struct Flags {
  AccessTokenFlags token;
  // git
  std::vector<std::string> hosts;
  std::optional<std::string> username;
  std::optional<std::string> operation;
  // aws
  std::optional<std::string> endpoint;
  std::optional<std::string> role;
  std::optional<std::string> session;
  std::optional<std::int64_t> duration;
};

client::ClientError usage(const std::string& text) {
  return {ErrorKind::usage, "", text, 0, Seconds(0)};
}

client::Outcome<Wish> wish_of(const Flags& flags) {
  const auto min_valid = flags.token.least_rest();
  if (!min_valid) return failure(min_valid.error());
  Wish wish;
  wish.scope = flags.token.scope;
  wish.audience = flags.token.audience;
  wish.uses_cache = !flags.token.no_cache;
  wish.min_valid = *min_valid;
  return wish;
}

client::Outcome<FreshToken> fresh_token(Context& context, const Flags& flags) {
  const auto wish = wish_of(flags);
  if (!wish) return failure(wish.error());
  auto tokens = AccessTokens::open(context, flags.token.token);
  if (!tokens) return failure(std::move(tokens.error()));
  return tokens->get(*wish);
}

// Fetches and prints what `form` makes of the token.
template <class Form>
int answer(Context& context, const Flags& flags, Form form) {
  const auto token = fresh_token(context, flags);
  if (!token) return report(context, token.error(), "AT");
  const Secret text = form(*token);
  return finish(context, print(context, text.reveal()), token->token.token_update);
}

int forget(Context& context, const Flags& flags) {
  const auto wish = wish_of(flags);
  if (!wish) return report(context, wish.error());
  auto tokens = AccessTokens::open(context, flags.token.token);
  if (!tokens) return report(context, tokens.error());
  const auto forgotten = tokens->forget(*wish);
  return forgotten ? done : report(context, forgotten.error());
}

int git(Context& context, const Flags& flags) {
  if (flags.hosts.empty()) {
    return report(context,
                  usage("--host is needed: the host that may get the access token, such as "
                        "git.example.org"));
  }
  const std::string operation = flags.operation.value_or("");
  if (operation.empty()) return report(context, usage("one of get, store, erase is needed"));
  const auto question = read_git_question(context.console, context.interruption());
  if (!question) return report(context, question.error());
  // What git asks about others, and operations of later versions, are none of our business.
  if (!is_answered(*question, flags.hosts)) return done;
  if (operation == "erase") return forget(context, flags);
  if (operation != "get") return done;
  const std::string username = flags.username.value_or("oauth2");
  return answer(context, flags,
                [&](const FreshToken& token) { return git_answer(*question, username, token); });
}

// The version that kubectl speaks, and whether somebody can be asked.
struct KubernetesInfo {
  std::string version = "client.authentication.k8s.io/v1";
  bool is_interactive = true;
};

client::Outcome<KubernetesInfo> kubernetes_info(const Context& context) {
  KubernetesInfo info;
  const std::string text = context.variable("KUBERNETES_EXEC_INFO");
  if (text.empty()) return info;
  const auto value = parse_json(text);
  const auto* object = value ? value->if_object() : nullptr;
  if (!object) return failure(ErrorKind::usage, "$KUBERNETES_EXEC_INFO is not a JSON object");
  info.version = string_member(*object, "apiVersion");
  if (info.version != "client.authentication.k8s.io/v1" &&
      info.version != "client.authentication.k8s.io/v1beta1") {
    return failure(ErrorKind::usage,
                   "$KUBERNETES_EXEC_INFO asks for a version other than "
                   "client.authentication.k8s.io/v1 and v1beta1");
  }
  const auto* spec = object->if_contains("spec");
  const auto* details = spec ? spec->if_object() : nullptr;
  const auto* interactive = details ? details->if_contains("interactive") : nullptr;
  if (interactive && interactive->is_bool()) info.is_interactive = interactive->get_bool();
  return info;
}

int kubernetes(Context& context, const Flags& flags) {
  const auto info = kubernetes_info(context);
  if (!info) return report(context, info.error());
  if (flags.token.token.prompt && !info->is_interactive)
    return report(context, usage("kubectl says that nobody can be asked; --MT-prompt cannot work"));
  return answer(context, flags, [&](const FreshToken& token) {
    json::object status{{"token", token.token.access_token.reveal()}};
    if (token.expires) status["expirationTimestamp"] = rfc3339(*token.expires);
    const json::object credential{
        {"apiVersion", info->version}, {"kind", "ExecCredential"}, {"status", std::move(status)}};
    return Secret(json::serialize(credential) + "\n");
  });
}

int plain(Context& context, const Flags& flags) {
  if (context.json) {
    return answer(context, flags, [&](const FreshToken& token) {
      return Secret(pretty(to_json(token, context.clock->now())) + "\n");
    });
  }
  return answer(context, flags, [](const FreshToken& token) {
    return Secret(std::string(token.token.access_token.reveal()) + "\n");
  });
}

int curl(Context& context, const Flags& flags) {
  return answer(context, flags, [](const FreshToken& token) {
    return Secret("header = \"Authorization: Bearer " +
                  std::string(token.token.access_token.reveal()) + "\"\n");
  });
}

client::Outcome<StsRequest> sts_request(const Flags& flags) {
  StsRequest request;
  if (!flags.endpoint || flags.endpoint->empty()) {
    return failure(ErrorKind::usage,
                   "--endpoint is needed: the address of the security token service");
  }
  request.endpoint = *flags.endpoint;
  request.role = flags.role.value_or("");
  if (flags.session) request.session = *flags.session;
  const bool is_name = request.session.size() >= 2 && request.session.size() <= 64 &&
                       std::all_of(request.session.begin(), request.session.end(), [](char c) {
                         return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                                (c >= 'A' && c <= 'Z') ||
                                std::string_view("_=,.@-+").find(c) != std::string_view::npos;
                       });
  if (!is_name) {
    return failure(ErrorKind::usage,
                   "--session-name must have 2 to 64 letters, digits or any of _=,.@-+");
  }
  if (flags.duration) {
    if (*flags.duration < 900 || *flags.duration > 604800)
      return failure(ErrorKind::usage, "--duration must be between 900 and 604800 seconds");
    request.duration = Seconds(*flags.duration);
  }
  return request;
}

int aws(Context& context, const Flags& flags) {
  const auto request = sts_request(flags);
  if (!request) return report(context, request.error());
  const auto token = fresh_token(context, flags);
  if (!token) return report(context, token.error(), "AT");
  const auto credentials = assume_role(client_options(context), *request, token->token.access_token,
                                       {context.interruption(), {}});
  if (!credentials)
    return finish(context, report(context, credentials.error()), token->token.token_update);
  const json::object object{{"Version", 1},
                            {"AccessKeyId", credentials->access_key_id},
                            {"SecretAccessKey", credentials->secret_access_key.reveal()},
                            {"SessionToken", credentials->session_token.reveal()},
                            {"Expiration", credentials->expiration}};
  const Secret text(json::serialize(object) + "\n");
  return finish(context, print(context, text.reveal()), token->token.token_update);
}

}  // namespace

void add_credential_helper(Command root, Context& context) {
  auto flags = std::make_shared<Flags>();
  Command command =
      root.command("credential-helper", "hand access tokens to other programs in their own way");
  flags->token.declare(command, AccessTokenFlags::Cache::by_default);

  Command for_git = command.command("git", "git credential helper: get, store, erase");
  for_git.list("--host", flags->hosts,
               "hosts that may get the access token, with a port if unusual");
  for_git.text("--username", flags->username,
               "user name for servers that take the token as a password (default oauth2)");
  for_git.argument("operation", flags->operation, "get, store or erase");
  for_git.runs([flags, &context] { return git(context, *flags); });

  Command for_kubernetes = command.command("kubernetes,kube", "kubectl: an ExecCredential");
  for_kubernetes.runs([flags, &context] { return kubernetes(context, *flags); });

  Command for_rclone =
      command.command("rclone", "rclone: the token alone, for bearer_token_command");
  for_rclone.runs([flags, &context] { return plain(context, *flags); });

  Command for_curl = command.command("curl", "curl: a line for curl --config -");
  for_curl.runs([flags, &context] { return curl(context, *flags); });

  Command for_aws =
      command.command("aws", "AWS tools: credential_process, by a security token service");
  for_aws.text("--endpoint", flags->endpoint,
               "address of the service that knows AssumeRoleWithWebIdentity");
  for_aws.text("--role-arn,--role", flags->role, "role to assume, where the service needs one");
  for_aws.text("--session-name", flags->session, "name of the session (default mytoken)");
  for_aws.number("--duration", flags->duration, "life of the keys in seconds");
  for_aws.runs([flags, &context] { return aws(context, *flags); });
}

}  // namespace mytoken::cli
