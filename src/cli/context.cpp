// Errors as people see them.
#include "cli/context.h"

#include <mytoken/token_source.h>

namespace mytoken::cli {
namespace {

using client::ErrorKind;

std::string hint_for(const client::ClientError& error, std::string_view capability) {
  if (error.code == "ssh_failed")
    return "its messages are above; 'ssh -v' with this host tells more";
  if (error.kind == ErrorKind::network) {
    return "check the server address (--url, MYTOKEN_URL, or 'instance' in the configuration file)";
  }
  if (error.kind == ErrorKind::polling_expired)
    return "run the command again and open the address it prints";
  if (error.kind != ErrorKind::server) return "";
  if (error.retry_after.count() > 0)
    return "try again in " + std::to_string(error.retry_after.count()) + " s";
  if (error.code == "insufficient_capabilities" && !capability.empty()) {
    return "this needs a mytoken with the capability '" + std::string(capability) + "'";
  }
  if (error.code == "usage_restricted") {
    return "see 'mytoken info' for what the restrictions of this mytoken allow";
  }
  const auto says = [&error](std::string_view words) {
    return error.description.find(words) != std::string::npos;
  };
  if (says("transfer code"))
    return "a transfer code works once and for some minutes; 'mytoken transfer' makes a new one";
  if (says("invalid_target")) {
    return "the provider does not know this audience; ask its operator for the right name before "
           "you try others, some providers end the login on it";
  }
  if (error.code == "oidc_error" && says("invalid_grant"))
    return "the login at the provider has ended; 'mytoken MT --oidc' makes a new one";
  if (says("not valid yet")) return "see 'nbf' in 'mytoken info' for when its time begins";
  if (error.code == "invalid_token")
    return "it may be expired, revoked or replaced; 'mytoken MT' gets a new one";
  return "";
}

}  // namespace

std::filesystem::path Context::expand(const std::string& path) const {
  if (!path.starts_with("~/")) return path;
  return std::filesystem::path(variable("HOME")) / path.substr(2);
}

ExitCode exit_code(const client::ClientError& error) {
  switch (error.kind) {
    case ErrorKind::usage:
      return error.code == client::not_supported ? refused : wrong_usage;
    case ErrorKind::token_source:
      return error.code == client::token_rescued || error.code == client::token_lost ||
                     error.code == not_in_store
                 ? not_stored
                 : wrong_usage;
    case ErrorKind::network:
    case ErrorKind::timeout:
    case ErrorKind::tls:
    case ErrorKind::protocol:
      return unreachable;
    case ErrorKind::server:
      return error.is_transient() ? unreachable : refused;
    case ErrorKind::consent_declined:
      return refused;
    case ErrorKind::cancelled:
    case ErrorKind::polling_expired:
      return interrupted;
  }
  return unreachable;
}

ExitCode report(Context& context, const client::ClientError& error, std::string_view capability) {
  context.console.error(error.text());
  if (const std::string hint = hint_for(error, capability); !hint.empty())
    context.console.hint(hint);
  if (error.unsaved) {
    context.console.hint("store this mytoken now, no other one is valid:");
    context.console.note(std::string(error.unsaved->reveal()) + "\n");
    return not_stored;
  }
  return exit_code(error);
}

}  // namespace mytoken::cli
