// mytoken agent: keeps files with access tokens fresh, for batch jobs and for programs that look at
// $BEARER_TOKEN_FILE (spec cli.md §4.9).
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "cli/access_tokens.h"
#include "cli/agent_outputs.h"
#include "cli/background.h"
#include "cli/commands.h"
#include "cli/file_claim.h"
#include "cli/service_manager.h"
#include "cli/signals.h"
#include "cli/token_keeper.h"
#include "client/durable_file.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

// A look at the time at least this often: waiting does not notice that the machine slept.
constexpr std::chrono::milliseconds longest_nap{30'000};
constexpr std::size_t longest_file = 1 << 20;

struct Flags {
  AccessTokenFlags token;
  std::optional<std::string> out;
  std::optional<std::string> outputs;
  std::optional<std::string> pid_file;
  bool once = false;
};

client::Outcome<std::vector<TokenFile>> wanted_files(const Context& context, const Flags& flags) {
  std::vector<TokenFile> files;
  if (flags.outputs) {
    if (flags.out || !flags.token.scope.empty() || !flags.token.audience.empty()) {
      return failure(ErrorKind::usage,
                     "--outputs says it all; --out, --scope and --audience do not go with it");
    }
    std::string problem;
    const auto text = client::read_file(context.expand(*flags.outputs), longest_file, problem);
    if (!text) return failure(ErrorKind::usage, "cannot read the outputs: " + problem);
    auto parsed = parse_outputs(context, std::string(text->reveal()), *flags.outputs);
    if (!parsed) return parsed;
    files = std::move(*parsed);
  } else {
    files.push_back({flags.out ? context.expand(*flags.out) : default_output(context),
                     flags.token.scope, flags.token.audience});
  }
  for (TokenFile& file : files) {
    auto target = resolved_output(file.path);
    if (!target) return failure(std::move(target.error()));
    file.path = std::move(*target);
  }
  return files;
}

std::string write_token(const TokenFile& file, const FreshToken& token) {
  const Secret line(std::string(token.token.access_token.reveal()) + "\n");
  return client::replace_file(file.path, line.reveal(), client::Durability::none);
}

class Agent {
 public:
  Agent(Context& context, const Flags& flags, std::vector<TokenFile> files, Seconds min_valid)
      : context_(context),
        flags_(flags),
        files_(std::move(files)),
        min_valid_(min_valid),
        manager_(context) {
    context_.interruption = [this] { return stop_.get_token(); };
  }
  ~Agent() {
    stop_.request_stop();
    if (background_.is_running()) background_.finish();
  }
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  int run();

 private:
  std::optional<ExitCode> prepare();
  std::optional<ExitCode> once();
  std::optional<ExitCode> step();
  int serve();
  void hear();
  void told();
  int end(int code);
  Wish wish_for(const TokenFile& file, bool is_forced) const;
  void tell(const TokenFile& file, const FreshToken& token) const;

  Context context_;  // a copy: interrupted by our own signals
  const Flags& flags_;
  std::vector<TokenFile> files_;
  Seconds min_valid_;
  ServiceManager manager_;
  Signals signals_{SIGINT, SIGTERM, SIGHUP};
  std::stop_source stop_;
  std::vector<FileClaim> claims_;

  // Of the background while it runs.
  std::optional<AccessTokens> tokens_;
  std::optional<TokenKeeper> keeper_;
  TokenKeeper::Step last_;
  std::optional<ExitCode> end_;

  Background background_;
  bool is_stopped_ = false;
  bool is_asked_for_more_ = false;  // SIGHUP
  bool was_ready_ = false;
};

Wish Agent::wish_for(const TokenFile& file, bool is_forced) const {
  Wish wish;
  wish.scope = file.scope;
  wish.audience = file.audience;
  wish.uses_cache = !flags_.token.no_cache && !is_forced;
  wish.min_valid = min_valid_;
  wish.is_young = true;
  return wish;
}

// With --json: a line for each token that was stored.
void Agent::tell(const TokenFile& file, const FreshToken& token) const {
  if (!context_.json) return;
  json::object line{{"event", "stored"}, {"file", file.path.string()}};
  if (token.expires) line["expires_at"] = to_unix(*token.expires);
  (void)context_.console.result(json::serialize(line) + "\n");
}

// The mytoken, and what would end badly later.
std::optional<ExitCode> Agent::prepare() {
  auto tokens = AccessTokens::open(context_, flags_.token.token);
  if (!tokens) return report(context_, tokens.error());
  tokens_ = std::move(*tokens);
  const auto mytoken = tokens_->mytoken();
  if (!mytoken) return report(context_, mytoken.error());
  for (const TokenFile& file : files_) {
    const auto content = client::read_own_file(file.path, longest_file);
    if (content && content->reveal().find(mytoken->reveal()) != std::string_view::npos) {
      return report(context_, {ErrorKind::usage, "",
                               file.path.string() + " holds the mytoken; choose another --out", 0,
                               Seconds(0)});
    }
  }
  if (!flags_.once && !tokens_->found().is_stored && rotates_with_access_tokens(*mytoken)) {
    return report(context_, {ErrorKind::usage, "",
                             "the mytoken rotates, and " + tokens_->found().origin +
                                 " is no place for its successor; use --MT-file",
                             0, Seconds(0)});
  }
  TokenKeeper::Parts parts;
  parts.fetch = [this](const TokenFile& file, bool is_forced) {
    return tokens_->get(wish_for(file, is_forced));
  };
  parts.store = [this](const TokenFile& file, const FreshToken& token) {
    std::string problem = write_token(file, token);
    if (problem.empty()) tell(file, token);
    return problem;
  };
  parts.now = uptime;
  parts.randomness = system_randomness;
  keeper_.emplace(context_, files_, std::move(parts));
  return flags_.once ? once() : step();
}

std::optional<ExitCode> Agent::once() {
  ExitCode worst = done;
  for (const TokenFile& file : files_) {
    const auto token = tokens_->get(wish_for(file, false));
    if (!token) return report(context_, token.error(), "AT");
    if (const std::string problem = write_token(file, *token); problem.empty()) {
      tell(file, *token);
    } else {
      context_.console.error("cannot write the access token: " + problem);
      worst = not_stored;
    }
    if (finish(context_, done, token->token.token_update) != done) return not_stored;
  }
  return worst;
}

std::optional<ExitCode> Agent::step() {
  last_ = keeper_->step();
  return last_.end;
}

void Agent::hear() {
  while (const auto signal = signals_.next()) {
    if (signal->ssi_signo == SIGHUP) {
      is_asked_for_more_ = true;
    } else {
      is_stopped_ = true;
      stop_.request_stop();
    }
  }
}

// What the manager learns after each step.
void Agent::told() {
  if (end_ || is_stopped_ || flags_.once) return;
  std::string status = "STATUS=" + std::to_string(last_.fresh) + " of " +
                       std::to_string(files_.size()) + " files with a token";
  if (!last_.trouble.empty()) status += "; " + client::sanitised(last_.trouble.front(), 200);
  if (last_.is_ready() && !was_ready_) {
    was_ready_ = true;
    status = "READY=1\n" + status;
  }
  manager_.notify(status);
}

int Agent::serve() {
  background_.start([this] { end_ = prepare(); });
  for (;;) {
    bool is_asleep = !background_.is_running();
    if (is_asleep && (is_stopped_ || end_)) return end_ && !is_stopped_ ? *end_ : done;
    if (is_asleep && is_asked_for_more_) {
      is_asked_for_more_ = false;
      keeper_->refresh_all();
      last_.next = Uptime(0);
    }
    if (is_asleep && last_.next <= uptime()) {
      background_.start([this] { end_ = step(); });
      is_asleep = false;
    }
    auto nap = is_asleep ? std::clamp(last_.next - uptime(), Uptime(0), longest_nap) : longest_nap;
    if (manager_.watchdog()) nap = std::min(nap, *manager_.watchdog());
    std::array<pollfd, 2> ready{
        {{signals_.descriptor(), POLLIN, 0}, {background_.descriptor(), POLLIN, 0}}};
    const int count = ::poll(ready.data(), ready.size(), static_cast<int>(nap.count()));
    if (manager_.watchdog()) manager_.notify("WATCHDOG=1");
    if (count < 0) continue;
    hear();
    if (ready[1].revents != 0) {
      background_.finish();
      told();
    }
  }
}

int Agent::end(int code) {
  manager_.notify("STOPPING=1");
  // An end by request takes the tokens along; after a refusal they may serve until they expire.
  if (is_stopped_ && keeper_) {
    for (const auto& path : keeper_->written())
      ::unlink(path.c_str());
  }
  return code;
}

int Agent::run() {
  for (const TokenFile& file : files_) {
    auto claim = FileClaim::take(file.path);
    if (!claim) return report(context_, claim.error());
    claims_.push_back(std::move(*claim));
  }
  std::filesystem::path pid_file;
  if (flags_.pid_file) {
    pid_file = context_.expand(*flags_.pid_file);
    const std::string problem =
        client::replace_file(pid_file, std::to_string(::getpid()) + "\n", client::Durability::none);
    if (!problem.empty()) {
      context_.console.error("cannot write the process id: " + problem);
      return not_stored;
    }
  }
  const int code = end(serve());
  if (!pid_file.empty()) ::unlink(pid_file.c_str());
  // Interrupted before there was anything to keep, --once has not done its work.
  return flags_.once && is_stopped_ ? interrupted : code;
}

int run(Context& context, const Flags& flags) {
  const auto min_valid = flags.token.least_rest();
  if (!min_valid) return report(context, min_valid.error());
  auto files = wanted_files(context, flags);
  if (!files) return report(context, files.error());
  return Agent(context, flags, std::move(*files), *min_valid).run();
}

}  // namespace

void add_agent(Command root, Context& context) {
  auto flags = std::make_shared<Flags>();
  Command command = root.command("agent,watch", "keep files with access tokens fresh");
  flags->token.declare(command, AccessTokenFlags::Cache::by_default);
  command.text("-o,--out", flags->out,
               "file for the access token (default: BEARER_TOKEN_FILE, or bt_uUID in "
               "XDG_RUNTIME_DIR)");
  command.text("--outputs", flags->outputs,
               "YAML file with several outputs, each with file, scope and audience");
  command.toggle("--once", flags->once, "write each file once and end");
  command.text("--pid-file", flags->pid_file, "file for the process id while the agent runs");
  command.runs([flags, &context] { return run(context, *flags); });
}

}  // namespace mytoken::cli
