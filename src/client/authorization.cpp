// Waiting for a user who approves in a browser (polling, spec oidc.md §12, cli.md §1.8 and §2.2).
#include <mytoken/client.h>

#include <algorithm>

#include "client/impl.h"
#include "client/reading.h"

namespace mytoken::client {
namespace {

constexpr Seconds default_lifetime{300};
constexpr Seconds longest_interval{60};
constexpr Seconds slow_down_step{5};
constexpr std::chrono::milliseconds progress_step{125};

enum class Verdict { wait, slow_down, final };

Verdict judge(const ClientError& error) {
  if (error.kind == ErrorKind::server && error.code == "authorization_pending")
    return Verdict::wait;
  if (error.kind == ErrorKind::server && error.code == "slow_down") return Verdict::slow_down;
  return error.is_transient() ? Verdict::wait : Verdict::final;
}

ClientError named(ClientError error) {
  if (error.kind != ErrorKind::server) return error;
  if (error.code == "access_denied") error.kind = ErrorKind::consent_declined;
  if (error.code == "expired_token") error.kind = ErrorKind::polling_expired;
  if (error.kind != ErrorKind::server && error.description.empty()) error.description = error.code;
  return error;
}

// Asks again and again, by `poll`, until there is an answer or no hope.
template <class Answer, class Poll>
Outcome<Answer> ask_until_decided(Timer& timer, const Authorization& authorization,
                                  const Client::Progress& progress, const Call& call,
                                  const Poll& poll) {
  auto interval = std::min(authorization.interval, longest_interval);
  const auto end = timer.now() + (authorization.expires_in.count() > 0 ? authorization.expires_in
                                                                       : default_lifetime);
  auto next = timer.now() + interval;
  for (;;) {
    auto until = std::min(next, end);
    if (call.deadline) until = std::min(until, *call.deadline);
    for (auto now = timer.now(); now < until && !call.stop.stop_requested(); now = timer.now()) {
      if (progress) progress(std::chrono::ceil<Seconds>(end - now));
      timer.wait_until(progress ? std::min(until, now + progress_step) : until, call.stop);
    }
    if (call.stop.stop_requested()) return failure(ErrorKind::cancelled, "interrupted");
    const auto now = timer.now();
    if (call.deadline && now >= *call.deadline)
      return failure(ErrorKind::timeout, "the deadline has passed");
    const bool is_last = now >= end;
    Outcome<Answer> answer = poll();
    if (answer) return answer;
    const Verdict verdict = judge(answer.error());
    if (verdict == Verdict::final) return failure(named(std::move(answer.error())));
    if (is_last) return failure(ErrorKind::polling_expired, "nobody approved the request in time");
    if (verdict == Verdict::slow_down) interval += slow_down_step;
    next = timer.now() + std::max(interval, std::min(answer.error().retry_after, longest_interval));
  }
}

}  // namespace

Outcome<Mytoken> Client::wait_for_authorization(const Authorization& authorization,
                                                const Progress& progress, const Call& call) {
  return ask_until_decided<Mytoken>(*impl_->options.timer, authorization, progress, call,
                                    [&] { return poll(authorization.polling_code, call); });
}

Outcome<Document> Client::wait_for(const Exchange& exchange_, const Authorization& authorization,
                                   const Progress& progress, const Call& call) {
  Exchange asked = exchange_;
  asked.method = Exchange::Method::post;
  asked.token = Exchange::Token::none;
  return ask_until_decided<Document>(
      *impl_->options.timer, authorization, progress, call, [&]() -> Outcome<Document> {
        std::optional<TokenUpdate> update;
        auto answer = impl_->perform_object(
            nullptr, asked,
            {{"grant_type", "polling_code"}, {"polling_code", authorization.polling_code.reveal()}},
            update, call);
        if (!answer) return failure(std::move(answer.error()));
        return Document{json::serialize(*answer), std::nullopt};
      });
}

}  // namespace mytoken::client
