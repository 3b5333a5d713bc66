// Counting, and the way to the threads and back; see group_passwords.h.
#include "api/group_passwords.h"

#include <algorithm>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <limits>

#include "http/code_try.h"
#include "http/status.h"

namespace mytoken::api {
namespace {

// Whoever names groups that do not exist guesses in one common limit.
constexpr std::string_view unknown_group = "/";

}  // namespace

GroupPasswords::GroupPasswords(TemplateGroups groups, const std::optional<http::RateLimit>& tries)
    : groups_(std::move(groups)) {
  if (tries && tries->enabled) {
    http::RateLimit limit = *tries;
    limit.always_allow.clear();
    limit.max_requests = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(std::uint64_t{limit.max_requests} * addresses_per_group,
                                std::numeric_limits<std::uint32_t>::max()));
    tries_ = std::make_unique<http::RateLimiter>(std::move(limit));
  }
  const auto is_hashed = [](const auto& group) { return group.second.is_hashed(); };
  if (std::any_of(groups_.begin(), groups_.end(), is_hashed))
    pool_ = std::make_unique<asio::thread_pool>(threads);
}

GroupPasswords::~GroupPasswords() {
  stop();
}

void GroupPasswords::stop() {
  if (!pool_) return;
  pool_->stop();
  pool_->join();
  pool_.reset();
}

Task<Result<void>> GroupPasswords::require(const http::Request& request, std::string group,
                                           Secret password) {
  const auto found = std::find_if(groups_.begin(), groups_.end(),
                                  [&](const auto& known) { return known.first == group; });
  auto by_address = http::CodeTry::begin(request);
  if (!by_address) co_return tl::unexpected(by_address.error());
  Result<http::CodeTry> by_group;
  // Addresses without limit are the operators' way in while somebody guesses.
  if (tries_ && by_address->is_counted()) {
    const std::string key = found == groups_.end() ? std::string(unknown_group) : "group " + group;
    by_group = http::CodeTry::begin(*tries_, key, request.arrival);
  }
  if (!by_group) {
    by_address->was_no_guess();
    Error refused = by_group.error();
    refused.description = "too many wrong passwords were given for this group, try again later";
    co_return fail(std::move(refused));
  }
  // A group that does not exist takes as long as one that does.
  const crypto::Password none{Secret()};
  const crypto::Password& wanted = found != groups_.end() ? found->second
                                   : groups_.empty()      ? none
                                                          : groups_.front().second;
  auto same = co_await matches(wanted, std::move(password));
  if (same && (!*same || found == groups_.end()))
    co_return fail(http::http_error(401, "the group's name and password are needed"));
  by_address->was_no_guess();
  by_group->was_no_guess();
  if (!same) co_return tl::unexpected(same.error());
  co_return Result<void>();
}

Task<Result<bool>> GroupPasswords::matches(const crypto::Password& wanted, Secret given) {
  if (!wanted.is_hashed()) co_return wanted.matches(given);
  if (waiting_.fetch_add(1) >= most_waiting) {
    waiting_.fetch_sub(1);
    co_return fail(unavailable("too many passwords are being compared", std::chrono::seconds(1)));
  }
  // The work holds the coroutine that waits for it, and keeps its io_context running.
  auto initiate = [this, &wanted, &given](auto handler) {
    auto guard = asio::make_work_guard(asio::get_associated_executor(handler));
    auto work = [this, &wanted, given, guard = std::move(guard),
                 handler = std::move(handler)]() mutable {
      auto same = wanted.matches(given);
      waiting_.fetch_sub(1);
      asio::post(guard.get_executor(),
                 [handler = std::move(handler), same = std::move(same)]() mutable {
                   std::move(handler)(std::move(same));
                 });
    };
    asio::post(*pool_, std::move(work));
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<Executor>&,
                                          void(Result<bool>)>(initiate, use_task);
}

}  // namespace mytoken::api
