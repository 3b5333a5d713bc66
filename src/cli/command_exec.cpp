// mytoken exec: runs a command with a fresh access token, which stays fresh as long as the command
// runs (spec cli.md §4.7).
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/random.h"
#include "cli/access_tokens.h"
#include "cli/background.h"
#include "cli/child_process.h"
#include "cli/commands.h"
#include "cli/signals.h"
#include "cli/token_keeper.h"
#include "client/durable_file.h"

extern char** environ;

namespace mytoken::cli {
namespace {

using client::ErrorKind;

// A look at the time at least this often: waiting does not notice that the machine slept.
constexpr std::chrono::milliseconds longest_nap{30'000};

struct Flags {
  AccessTokenFlags token;
  std::optional<std::string> variable;
  std::vector<std::string> command;
};

client::ClientError usage(const std::string& text) {
  return {ErrorKind::usage, "", text, 0, Seconds(0)};
}

bool is_variable_name(const std::string& name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && is_letter(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9');
  });
}

// A file of its own in a folder of its own; both end with it.
class PrivateFile {
 public:
  explicit PrivateFile(const Context& context) {
    std::filesystem::path base = context.variable("XDG_RUNTIME_DIR");
    std::error_code ignored;
    if (!base.is_absolute() || !std::filesystem::is_directory(base, ignored))
      base = context.temporary_directory;
    std::string name = (base / "mytoken-exec-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      problem_ = name + ": " + std::generic_category().message(errno);
      return;
    }
    folder_ = name;
  }
  ~PrivateFile() {
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }
  PrivateFile(const PrivateFile&) = delete;
  PrivateFile& operator=(const PrivateFile&) = delete;

  const std::string& problem() const { return problem_; }
  std::filesystem::path path() const { return folder_ / "bearer_token"; }
  std::string write(const FreshToken& token) const {
    const Secret line(std::string(token.token.access_token.reveal()) + "\n");
    return client::replace_file(path(), line.reveal(), client::Durability::none);
  }

 private:
  std::filesystem::path folder_;
  std::string problem_;
};

class Execution {
 public:
  Execution(Context& context, const Flags& flags, Seconds min_valid)
      : context_(context), flags_(flags) {
    context_.interruption = [this] { return stop_.get_token(); };
    wish_.scope = flags.token.scope;
    wish_.audience = flags.token.audience;
    wish_.uses_cache = !flags.token.no_cache;
    wish_.min_valid = min_valid;
    wish_.is_young = true;
  }
  ~Execution() {
    stop_.request_stop();
    if (background_.is_running()) background_.finish();
  }
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  int run();

 private:
  int prepare();
  int get_first_token();
  int supervise(Child& child, const PrivateFile* file);

  Context context_;  // a copy: interrupted by our own signals
  const Flags& flags_;
  Signals signals_{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD};
  std::stop_source stop_;
  Wish wish_;
  std::optional<AccessTokens> tokens_;
  std::optional<FreshToken> first_;
  std::vector<Secret> mytokens_;       // not for the child
  std::optional<TokenKeeper> keeper_;  // and step_: of the background while it runs
  std::optional<TokenKeeper::Step> step_;
  Background background_;
};

// In the background: may ask on the terminal, wait for a lock, and talk to the server.
int Execution::prepare() {
  auto tokens = AccessTokens::open(context_, flags_.token.token);
  if (!tokens) return report(context_, tokens.error());
  tokens_ = std::move(*tokens);
  const auto before = tokens_->mytoken();
  if (!before) return report(context_, before.error());
  auto token = tokens_->get(wish_);
  if (!token) return report(context_, token.error(), "AT");
  const auto after = tokens_->mytoken();
  if (!after) return report(context_, after.error());
  mytokens_ = {*before, *after};
  const ExitCode stored = finish(context_, done, token->token.token_update);
  first_ = std::move(*token);
  return stored;
}

int Execution::get_first_token() {
  int code = done;
  background_.start([this, &code] { code = prepare(); });
  for (bool is_waiting = true; is_waiting;) {
    std::array<pollfd, 2> ready{
        {{signals_.descriptor(), POLLIN, 0}, {background_.descriptor(), POLLIN, 0}}};
    if (::poll(ready.data(), ready.size(), -1) < 0) continue;
    while (const auto signal = signals_.next()) {
      if (signal->ssi_signo != SIGCHLD) stop_.request_stop();
    }
    is_waiting = ready[1].revents == 0;
  }
  background_.finish();
  // A signal that came as the last thing must not be lost.
  return stop_.stop_requested() && code == done ? interrupted : code;
}

int Execution::run() {
  if (const int code = get_first_token(); code != done) return code;
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry)
    variables.emplace_back(*entry);
  std::vector<std::string> without{"MYTOKEN", "MYTOKEN_FILE", "MYTOKEN_TC", "BEARER_TOKEN",
                                   "BEARER_TOKEN_FILE"};
  if (flags_.token.token.variable) without.push_back(*flags_.token.token.variable);
  std::optional<PrivateFile> file;
  std::string added;
  if (flags_.variable) {
    added = *flags_.variable + "=" + std::string(first_->token.access_token.reveal());
  } else {
    file.emplace(context_);
    std::string problem = file->problem();
    if (problem.empty()) problem = file->write(*first_);
    if (!problem.empty()) {
      context_.console.error("cannot write the access token: " + problem);
      return not_stored;
    }
    added = "BEARER_TOKEN_FILE=" + file->path().string();
  }
  Child child;
  std::string problem;
  const int refusal =
      child.start(flags_.command, child_environment(variables, without, mytokens_, added),
                  signals_.before(), problem);
  if (refusal != 0) {
    context_.console.error(problem);
    return refusal;
  }
  return supervise(child, file ? &*file : nullptr);
}

int Execution::supervise(Child& child, const PrivateFile* file) {
  if (file != nullptr) {
    TokenKeeper::Parts parts;
    parts.fetch = [this](const TokenFile&, bool) { return tokens_->get(wish_); };
    parts.store = [file](const TokenFile&, const FreshToken& token) { return file->write(token); };
    parts.now = uptime;
    parts.randomness = system_randomness;
    keeper_.emplace(context_, std::vector<TokenFile>{{file->path(), {}, {}}}, std::move(parts));
    step_ = keeper_->begin_with(*first_);
  }
  for (;;) {
    // What the background writes is not looked at while it runs.
    bool is_asleep = !background_.is_running() && step_ && !step_->end;
    if (is_asleep && step_->next <= uptime()) {
      background_.start([this] { step_ = keeper_->step(); });
      is_asleep = false;
    }
    const auto nap = is_asleep ? std::clamp(step_->next - uptime(), Uptime(0), longest_nap)
                               : std::chrono::milliseconds(-1);
    std::array<pollfd, 2> ready{
        {{signals_.descriptor(), POLLIN, 0}, {background_.descriptor(), POLLIN, 0}}};
    if (::poll(ready.data(), ready.size(), static_cast<int>(nap.count())) < 0) continue;
    while (const auto signal = signals_.next()) {
      if (signal->ssi_signo != SIGCHLD) child.pass_on(*signal);
    }
    if (const auto code = child.look_after()) {
      stop_.request_stop();
      if (background_.is_running()) background_.finish();
      return *code;
    }
    if (ready[1].revents != 0) {
      background_.finish();
      if (step_->end)
        context_.console.warning("the access token of the running command is no longer renewed");
    }
  }
}

int run(Context& context, const Flags& flags) {
  if (flags.command.empty())
    return report(context,
                  usage("no command given; 'mytoken exec [FLAGS] -- COMMAND [ARGUMENTS]'"));
  if (flags.variable && !is_variable_name(*flags.variable))
    return report(context, usage("'" + *flags.variable + "' is not a name for a variable"));
  const auto min_valid = flags.token.least_rest();
  if (!min_valid) return report(context, min_valid.error());
  return Execution(context, flags, *min_valid).run();
}

}  // namespace

void add_exec(Command root, Context& context) {
  auto flags = std::make_shared<Flags>();
  Command command = root.command("exec", "run a command with a fresh access token");
  flags->token.declare(command, AccessTokenFlags::Cache::by_default);
  command.text(
      "--env", flags->variable,
      "variable for the access token, which is not renewed then (default: a file, named by "
      "BEARER_TOKEN_FILE, that stays fresh)");
  command.rest("command", flags->command, "the command and its arguments, best behind '--'");
  command.runs([flags, &context] { return run(context, *flags); });
}

}  // namespace mytoken::cli
