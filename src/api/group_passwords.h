// Who may write the templates of a group: whoever knows its password. Guesses are counted by
// address (http/code_try.h) and by group before a password is looked at, so that neither many
// addresses nor many requests at the same time get more of them; hashed passwords are compared on
// two threads of their own, and few requests wait for those.
#pragma once
#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/task.h"
#include "crypto/password.h"
#include "http/message.h"
#include "http/rate_limit.h"

namespace mytoken::api {

// Group and the password that writes its templates.
using TemplateGroups = std::vector<std::pair<std::string, crypto::Password>>;

// Thread-safe.
class GroupPasswords {
 public:
  // Comparisons at once: what they take is so many times crypto::Password::most_memory at most.
  static constexpr std::size_t threads = 2;
  // Requests whose comparison is under way or waits.
  static constexpr std::size_t most_waiting = 16;
  // Wrong passwords of a group from all addresses, as a multiple of what one address may try: who
  // guesses from few addresses does not shut the group out.
  static constexpr std::uint32_t addresses_per_group = 10;

  // `tries`: of one address, as in http::ServerSettings::code_tries; unset = no limit.
  GroupPasswords(TemplateGroups groups, const std::optional<http::RateLimit>& tries);
  // stop(), if that was not done.
  ~GroupPasswords();

  // Error: 401 if that is not the group's password, or the group has none; 429 if the address or
  // the group had too many wrong ones; unavailable (503) if too many passwords are being compared.
  Task<Result<void>> require(const http::Request& request, std::string group, Secret password);

  // Blocks for the comparisons under way and drops those that wait. Before the io_contexts of the
  // callers end.
  void stop();

 private:
  Task<Result<bool>> matches(const crypto::Password& wanted, Secret given);

  const TemplateGroups groups_;
  std::unique_ptr<http::RateLimiter> tries_;  // by group
  std::atomic<std::size_t> waiting_{0};
  std::unique_ptr<asio::thread_pool> pool_;  // nullptr: nothing is hashed
};

}  // namespace mytoken::api
