// Choosing the server, and the order at the end: a rotated token is stored by the client library
// before anything is printed here.
#include "cli/session.h"

#include <fcntl.h>
#include <mytoken/client.h>
#include <mytoken/inspect.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "client/durable_file.h"
#include "client/reading.h"

namespace mytoken::cli {

using client::ErrorKind;
using client::failure;

client::Options client_options(const Context& context) {
  client::Options options;
  options.date = [clock = context.clock] { return clock->now(); };
  const std::string cache = context.variable("XDG_CACHE_HOME");
  const std::string home = context.variable("HOME");
  if (cache.starts_with('/')) {
    options.cache_directory = std::filesystem::path(cache) / "mytoken";
  } else if (home.starts_with('/')) {
    options.cache_directory = std::filesystem::path(home) / ".cache/mytoken";
  }
  return options;
}

client::Outcome<Session> open_session(Context& context, const Config& config, FoundToken token) {
  Session session;
  session.token = std::move(token);
  session.call.stop = context.interruption();
  const std::string wanted = explicit_url(context);
  std::string url = configured_server(context, config);
  if (session.token.source) {
    auto lease = session.token.source->acquire(session.call);
    if (!lease) return failure(std::move(lease.error()));
    session.lease = std::move(*lease);
    if (session.token.ssh_host.empty()) {
      auto checked = require_mytoken(session.lease->token(), session.token.origin);
      if (!checked) return failure(std::move(checked.error()));
    }
    std::string issuer = client::issuer_of(session.lease->token().reveal());
    if (issuer.empty()) issuer = session.token.server;
    if (!issuer.empty()) {
      if (!wanted.empty() && !client::same_issuer(issuer, wanted)) {
        context.console.warning("the mytoken is of " + issuer + ", which is asked instead of " +
                                wanted);
      }
      url = issuer;
    }
  }
  if (url == config.instance && wanted.empty() && !config.names_instance &&
      session.token.ssh_host.empty() &&
      !(session.lease &&
        client::same_issuer(client::issuer_of(session.lease->token().reveal()), url))) {
    context.console.notice("no server is named, so " + url +
                           " is asked; --url, MYTOKEN_URL or 'instance' name another one");
  }
  const std::string& host = session.token.ssh_host;
  auto opened = host.empty() ? client::Client::open(url, client_options(context))
                             : client::Client::open_over_ssh(host, client_options(context));
  if (!opened) return failure(std::move(opened.error()));
  session.client = std::move(*opened);
  return session;
}

client::Outcome<Session> open_session_with_token(Context& context, const TokenFlags& flags) {
  const auto config = load_config(context);
  if (!config) return failure(config.error());
  auto token = find_access(context, *config, flags, false);
  if (!token) return failure(std::move(token.error()));
  if (!token->source) return failure(no_token());
  return open_session(context, *config, std::move(*token));
}

namespace {

// Where a result goes.
struct Place {
  std::filesystem::path path;
  client::Link link;
  bool is_replaced;  // files are; terminals, pipes and /dev/null are written to
};

// A link is followed only where nobody else could have laid it; what is none now is not followed
// if it becomes one.
client::Outcome<Place> place_of(const std::filesystem::path& path) {
  const auto link = client::link_at(path);
  if (link == client::Link::foreign) {
    return failure(ErrorKind::usage, "will not write through the link " + path.string() +
                                         ": it, or its folder, is open to others");
  }
  std::error_code ignored;
  const auto kind = link == client::Link::own ? std::filesystem::status(path, ignored)
                                              : std::filesystem::symlink_status(path, ignored);
  if (std::filesystem::exists(kind) && !std::filesystem::is_regular_file(kind))
    return Place{path, link, false};
  if (link == client::Link::none) return Place{path, link, true};
  const auto target = std::filesystem::weakly_canonical(path, ignored);
  return Place{target.empty() ? path : target, link, true};
}

}  // namespace

ExitCode print(Context& context, std::string_view text, const std::optional<std::string>& file) {
  if (!file) {
    if (context.console.result(text)) return done;
    context.console.error("cannot write to standard output");
    return not_stored;
  }
  const auto place = place_of(context.expand(*file));
  if (!place) {
    context.console.error(place.error().description);
    return not_stored;
  }
  if (!place->is_replaced) {
    if (client::append_to(place->path, text, place->link)) return done;
    context.console.error("cannot write to " + place->path.string());
    return not_stored;
  }
  const std::string problem = client::replace_file(place->path, text, client::Durability::full);
  if (problem.empty()) return done;
  context.console.error("cannot write the result: " + problem);
  return not_stored;
}

client::Outcome<void> check_result_file(const Context& context, const std::string& file) {
  const auto place = place_of(context.expand(file));
  if (!place) return failure(place.error());
  std::error_code ignored;
  auto written = place->path;
  if (place->is_replaced) written = written.has_parent_path() ? written.parent_path() : ".";
  const int wanted = place->is_replaced ? W_OK | X_OK : W_OK;
  if (std::filesystem::is_directory(place->path, ignored)) {
    errno = EISDIR;
  } else if (::faccessat(AT_FDCWD, written.c_str(), wanted, AT_EACCESS) == 0) {
    return {};
  }
  return failure(ErrorKind::usage, "cannot write to " + place->path.string() + ": " +
                                       std::generic_category().message(errno));
}

ExitCode print_json(Context& context, const json::value& value,
                    const std::optional<std::string>& file) {
  const Secret text(pretty(value) + "\n");
  return print(context, text.reveal(), file);
}

json::value json_of(std::string_view text) {
  auto value = parse_json(text, client::deepest_answer);
  return value ? std::move(*value) : json::value(json::object());
}
json::value json_of(const client::Document& answer) {
  return json_of(answer.json);
}

ExitCode print_done(Context& context, const std::string& line, const json::object& object) {
  return context.json ? print_json(context, object) : print(context, line + "\n");
}

ExitCode finish(Context& context, ExitCode printed,
                const std::optional<client::TokenUpdate>& update) {
  if (!update || !update->not_stored) return printed;
  context.console.error(update->not_stored->description);
  if (update->not_stored->code == client::token_lost) {
    context.console.hint("store this mytoken now, no other one is valid:");
    context.console.note(std::string(update->mytoken.reveal()) + "\n");
  } else {
    context.console.hint(
        "move the saved file to where the mytoken was; the old one is no longer valid");
  }
  return not_stored;
}

}  // namespace mytoken::cli
