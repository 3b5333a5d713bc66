// What an error means for somebody who can wait: trouble on the way is waited out, a refusal is
// final.
#include "cli/token_keeper.h"

#include <algorithm>
#include <ctime>

#include "base/random.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using std::chrono::duration_cast;

constexpr Seconds unknown_life{300};
constexpr Uptime soonest{1000};
constexpr Uptime first_pause{2000};
constexpr Uptime longest_pause{300'000};

Uptime scaled(Uptime time, double factor) {
  return Uptime(static_cast<Uptime::rep>(static_cast<double>(time.count()) * factor));
}

}  // namespace

Uptime uptime() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return duration_cast<Uptime>(std::chrono::seconds(time.tv_sec) +
                               std::chrono::nanoseconds(time.tv_nsec));
}

double system_randomness() {
  constexpr std::uint64_t steps = 1 << 30;
  return static_cast<double>(random_below(steps)) / static_cast<double>(steps);
}

Uptime RefreshSchedule::after_success(Uptime now, std::optional<Seconds> rest,
                                      std::optional<Seconds> whole) {
  failures_ = 0;
  const Uptime life = whole.value_or(unknown_life);
  const Uptime left = rest.value_or(unknown_life);
  const double share = 2.0 / 3.0 * (0.9 + 0.1 * randomness_());
  return now + std::max(left - scaled(life, 1.0 - share), soonest);
}

Uptime RefreshSchedule::after_failure(Uptime now, Seconds retry_after) {
  Uptime pause = first_pause;
  for (int i = 0; i < failures_ && pause < longest_pause; ++i)
    pause *= 2;
  ++failures_;
  const Uptime half = std::min(pause, longest_pause) / 2;
  const Uptime spread = scaled(half, randomness_());
  return now + std::max(half, Uptime(retry_after)) + spread;
}

TokenKeeper::TokenKeeper(Context& context, std::vector<TokenFile> files, Parts parts)
    : context_(context), parts_(std::move(parts)) {
  for (TokenFile& file : files)
    files_.push_back({std::move(file), RefreshSchedule(parts_.randomness)});
}

TokenKeeper::Step TokenKeeper::step() {
  std::optional<ExitCode> end;
  for (Kept& kept : files_) {
    if (kept.is_given_up || kept.due > parts_.now()) continue;
    end = attempt(kept);
    if (end) break;
  }
  Step step = overview();
  step.end = end;
  if (!step.end && step.kept == 0) step.end = worst_;
  return step;
}

TokenKeeper::Step TokenKeeper::begin_with(const FreshToken& token) {
  for (Kept& kept : files_)
    keep(kept, token);
  return overview();
}

TokenKeeper::Step TokenKeeper::overview() const {
  Step step;
  step.next = Uptime::max();
  for (const Kept& kept : files_) {
    if (kept.is_given_up) continue;
    ++step.kept;
    step.fresh += kept.was_written ? 1U : 0U;
    step.next = std::min(step.next, kept.due);
    if (!kept.trouble.empty()) step.trouble.push_back(kept.trouble);
  }
  return step;
}

void TokenKeeper::keep(Kept& kept, const FreshToken& token) {
  kept.was_written = true;
  kept.is_forced = false;
  kept.trouble.clear();
  const auto whole = token.expires ? std::optional(*token.expires - token.obtained) : std::nullopt;
  kept.due = kept.schedule.after_success(parts_.now(), token.rest(context_.clock->now()), whole);
}

void TokenKeeper::refresh_all() {
  for (Kept& kept : files_) {
    kept.due = Uptime(0);
    kept.is_forced = true;
  }
}

std::vector<std::filesystem::path> TokenKeeper::written() const {
  std::vector<std::filesystem::path> paths;
  for (const Kept& kept : files_) {
    if (kept.was_written) paths.push_back(kept.file.path);
  }
  return paths;
}

std::optional<ExitCode> TokenKeeper::attempt(Kept& kept) {
  const auto token = parts_.fetch(kept.file, kept.is_forced);
  if (!token) return failed(kept, token.error());
  const Time now = context_.clock->now();
  const bool is_expired = token->expires && *token->expires <= now;
  std::string problem = is_expired ? "the server sent an access token that has expired already"
                                   : parts_.store(kept.file, *token);
  if (problem.empty()) {
    if (!kept.trouble.empty()) context_.console.notice(kept.file.path.string() + " is fresh again");
    keep(kept, *token);
  } else {
    retry(kept, problem, Seconds(0));
  }
  const ExitCode stored = finish(context_, done, token->token.token_update);
  if (stored != done) return stored;
  return std::nullopt;
}

std::optional<ExitCode> TokenKeeper::failed(Kept& kept, const client::ClientError& error) {
  if (error.kind == ErrorKind::cancelled) return interrupted;
  const bool has_begun = !written().empty();
  const bool is_final =
      error.kind == ErrorKind::usage ||
      (error.kind == ErrorKind::server && !error.is_transient()) ||
      (error.kind == ErrorKind::token_source && (!has_begun || !error.code.empty()));
  if (!is_final) {
    retry(kept, error.text(), error.retry_after);
    return std::nullopt;
  }
  const ExitCode code = report(context_, error, "AT");
  if (error.kind != ErrorKind::server || error.code == "invalid_token") return code;
  // Another file may ask for less.
  context_.console.error(kept.file.path.string() + " is no longer kept fresh");
  kept.is_given_up = true;
  worst_ = code;
  return std::nullopt;
}

void TokenKeeper::retry(Kept& kept, const std::string& reason, Seconds retry_after) {
  const Uptime now = parts_.now();
  kept.due = kept.schedule.after_failure(now, retry_after);
  const std::string trouble = kept.file.path.string() + ": " + reason;
  if (kept.trouble == trouble) return;  // said once
  kept.trouble = trouble;
  context_.console.warning(trouble + "; next try in " +
                           std::to_string((kept.due - now + Uptime(999)) / Seconds(1)) + " s");
}

}  // namespace mytoken::cli
