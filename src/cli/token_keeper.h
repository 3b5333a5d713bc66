// Keeping files with access tokens fresh, without clock, network or sleep of its own: what is due
// is fetched and stored, and the time of the next step is told. Source: spec cli.md §4.9.
#pragma once
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/access_tokens.h"

namespace mytoken::cli {

// Since the machine was started, time asleep included: a laptop that wakes up renews at once, and
// nobody's change of the clock matters.
using Uptime = std::chrono::milliseconds;
Uptime uptime();

// The system's randomness as a number in [0, 1).
double system_randomness();

// When to ask again.
class RefreshSchedule {
 public:
  // Uniform in [0, 1).
  using Randomness = std::function<double()>;
  explicit RefreshSchedule(Randomness randomness) : randomness_(std::move(randomness)) {}

  // Between 60 % and 67 % of the token's life, so that the many jobs that started together do not
  // come back together. `rest` and `whole` are nullopt if nobody knows the end: 5 minutes then.
  Uptime after_success(Uptime now, std::optional<Seconds> rest, std::optional<Seconds> whole);
  // 2 s, doubled each time up to 5 minutes, of which the second half is random; never before the
  // server wants to be asked again, nor all at the moment it named.
  Uptime after_failure(Uptime now, Seconds retry_after);

 private:
  Randomness randomness_;
  int failures_ = 0;
};

// A file that is to hold an access token.
struct TokenFile {
  std::filesystem::path path;
  std::vector<std::string> scope;
  std::vector<std::string> audience;
};

// Not thread-safe.
class TokenKeeper {
 public:
  struct Parts {
    // `is_forced`: not from a cache.
    std::function<client::Outcome<FreshToken>(const TokenFile& file, bool is_forced)> fetch;
    // "" or why it failed.
    std::function<std::string(const TokenFile& file, const FreshToken& token)> store;
    std::function<Uptime()> now;
    RefreshSchedule::Randomness randomness;
  };
  // Messages go to the console of the context.
  TokenKeeper(Context& context, std::vector<TokenFile> files, Parts parts);

  struct Step {
    std::optional<ExitCode> end;         // nothing is left to do
    Uptime next{};                       // call step() again then
    std::size_t fresh = 0;               // files with a token
    std::size_t kept = 0;                // files that are still looked after
    std::vector<std::string> trouble{};  // what keeps waiting files from being fresh

    bool is_ready() const { return fresh == kept; }
  };
  // Does what is due. Ends with `refused` once the server refuses the mytoken as a whole, or every
  // file's wish; with `not_stored` once a rotated mytoken could not be stored, since the next use
  // of the old one would look like theft; with `wrong_usage` if the first mytoken cannot even be
  // read.
  Step step();
  // Instead of the first step(): `token` was stored in every file already.
  Step begin_with(const FreshToken& token);
  // Everything is due, and not from a cache.
  void refresh_all();

  // The files that were written.
  std::vector<std::filesystem::path> written() const;

 private:
  struct Kept {
    TokenFile file;
    RefreshSchedule schedule;
    Uptime due{0};
    bool is_forced = false;
    bool was_written = false;
    bool is_given_up = false;
    std::string trouble{};
  };
  Step overview() const;
  void keep(Kept& kept, const FreshToken& token);
  std::optional<ExitCode> attempt(Kept& kept);
  std::optional<ExitCode> failed(Kept& kept, const client::ClientError& error);
  void retry(Kept& kept, const std::string& reason, Seconds retry_after);

  Context& context_;
  Parts parts_;
  std::vector<Kept> files_;
  ExitCode worst_ = done;
};

}  // namespace mytoken::cli
