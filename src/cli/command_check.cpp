// mytoken check: whether a mytoken will do what a job needs, before the job waits in a queue for
// days and finds out by itself.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include <mytoken/inspect.h>
#include "base/duration.h"
#include "cli/commands.h"
#include "cli/job_check.h"
#include "cli/session.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

constexpr std::int64_t most_uses = 1'000'000;

struct Flags {
  TokenFlags token;
  std::optional<std::string> length;
  std::optional<std::string> every;
  std::optional<std::string> ip;
  std::vector<std::string> scope;
  std::vector<std::string> audience;
};

client::Outcome<Seconds> duration(const char* flag, const std::string& text) {
  const auto seconds = parse_duration(text);
  if (seconds && seconds->count() > 0) return *seconds;
  return failure(ErrorKind::usage,
                 std::string(flag) + " '" + text + "' is not a duration such as 72h or 3d12h");
}

client::Outcome<JobNeeds> job_needs(const Context& context, const Flags& flags) {
  JobNeeds needs;
  needs.start = context.clock->now();
  needs.scope = flags.scope;
  needs.audience = flags.audience;
  if (flags.length) {
    const auto length = duration("--for", *flags.length);
    if (!length) return failure(length.error());
    needs.length = *length;
  }
  if (flags.every) {
    const auto every = duration("--every", *flags.every);
    if (!every) return failure(every.error());
    if (needs.length / *every > most_uses)
      return failure(ErrorKind::usage, "--every is too short for --for");
    needs.every = *every;
  }
  return needs;
}

// Why a successor could not be stored in place of `path`; "" if it could.
std::string why_not_writable(const std::filesystem::path& path) {
  std::error_code problem;
  const auto target = std::filesystem::canonical(path, problem);
  if (problem) return path.string() + ": " + problem.message();
  for (const auto& place : {target.parent_path(), target}) {
    if (::access(place.c_str(), W_OK) != 0)
      return place.string() + ": " + std::generic_category().message(errno);
  }
  return "";
}

std::optional<json::object> member_object(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (!value || !value->is_object()) return std::nullopt;
  return value->get_object();
}

// What the mytoken says about itself, without anybody's word for it.
std::optional<json::object> own_words(const Secret& mytoken) {
  const auto jwt = client::decode_jwt(mytoken.reveal());
  const auto payload = jwt ? parse_json(jwt->payload) : Result<json::value>(json::value());
  if (!payload || !payload->is_object()) return std::nullopt;
  return payload->get_object();
}

json::object use_of(const JobNeeds& needs, const Flags& flags) {
  json::object use;
  const auto list = [&use](const char* name, const std::vector<std::string>& words) {
    if (words.empty()) return;
    json::array array;
    for (const std::string& word : words)
      array.emplace_back(word);
    use[name] = std::move(array);
  };
  list("scope", needs.scope);
  list("audience", needs.audience);
  if (flags.ip) use["ip"] = *flags.ip;
  return use;
}

// Errors: the server cannot be asked now, or the token is no good at all.
client::Outcome<JobFacts> job_facts(Session& session, const JobNeeds& needs, const Flags& flags) {
  JobFacts facts;
  facts.origin = session.token.origin;
  facts.is_stored = session.token.is_stored;
  if (!session.token.file.empty()) facts.why_not_writable = why_not_writable(session.token.file);
  facts.token = own_words(session.lease->token());
  const auto answer = session.client->introspect(
      *session.lease, json::serialize(use_of(needs, flags)), session.call);
  if (!answer) {
    const client::ClientError& error = answer.error();
    if (error.code == "insufficient_capabilities" || error.code == "not_supported") {
      facts.why_not_asked =
          std::string("the server does not say anything about it (") +
          (error.code == "not_supported" ? "it has no introspection"
                                         : "no capability tokeninfo:introspect") +
          (facts.token ? "); what follows is what the mytoken says itself" : "), and it is opaque");
      return facts;
    }
    return failure(error);
  }
  const auto value = parse_json(answer->json);
  if (!value || !value->is_object())
    return failure(ErrorKind::protocol, "the server answered with something that is no object");
  const auto& object = value->get_object();
  const auto* valid = object.if_contains("valid");
  if (valid && valid->is_bool() && !valid->get_bool()) {
    client::ClientError error;
    error.kind = ErrorKind::server;
    error.code = "invalid_token";
    error.description = "the server does not accept the mytoken";
    return failure(std::move(error));
  }
  facts.is_confirmed = true;
  if (auto token = member_object(object, "token")) {
    facts.token = std::move(token);
    facts.has_counters = true;
  }
  facts.dry_run = member_object(object, "use");
  return facts;
}

const char* name_of(Finding::Level level) {
  switch (level) {
    case Finding::Level::good:
      return "ok";
    case Finding::Level::doubtful:
      return "warning";
    case Finding::Level::bad:
      return "problem";
  }
  return "problem";
}

int run(Context& context, const Flags& flags) {
  const auto needs = job_needs(context, flags);
  if (!needs) return report(context, needs.error());
  auto session = open_session_with_token(context, flags.token);
  if (!session) return report(context, session.error());
  std::vector<Finding> findings;
  const auto facts = job_facts(*session, *needs, flags);
  if (facts) {
    findings = judge_job(*needs, *facts);
  } else if (facts.error().kind == ErrorKind::server && facts.error().code == "invalid_token") {
    findings.push_back({Finding::Level::bad, "token", facts.error().text()});
  } else {
    return report(context, facts.error());
  }
  bool will_do = true;
  json::array list;
  for (const Finding& finding : findings) {
    will_do = will_do && finding.level != Finding::Level::bad;
    const std::string text = finding.about + ": " + finding.text;
    if (finding.level == Finding::Level::good) context.console.notice(text);
    if (finding.level == Finding::Level::doubtful) context.console.warning(text);
    if (finding.level == Finding::Level::bad) context.console.error(text);
    list.push_back(json::object{
        {"about", finding.about}, {"level", name_of(finding.level)}, {"text", finding.text}});
  }
  const ExitCode code = will_do ? done : refused;
  if (!context.json) return code;
  const json::object document{{"will_do", will_do}, {"findings", std::move(list)}};
  const ExitCode printed = print_json(context, document);
  return printed == done ? code : printed;
}

}  // namespace

void add_check(Command root, Context& context) {
  auto flags = std::make_shared<Flags>();
  Command command = root.command("check", "see whether a mytoken will do what a job needs");
  flags->token.declare(command);
  command.text("--for", flags->length, "how long the job takes, waiting included, such as 72h");
  command.text(
      "--every", flags->every,
      "how often it needs an access token, such as 1h (default: at its beginning and end)");
  command.list("-s,--scope,--scopes", flags->scope, "scopes that it needs");
  command.list("--aud,--audience,--audiences", flags->audience, "audiences that it needs");
  command.text("--ip", flags->ip, "address of the machine that will run it (default: this one)");
  command.runs([flags, &context] { return run(context, *flags); });
}

}  // namespace mytoken::cli
