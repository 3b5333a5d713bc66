// The last time this service was away; see outages.h.
#include "service/outages.h"

namespace mytoken::service {
namespace {

constexpr Seconds covered_for{60};
// A clock that went further than the time that passed has jumped.
constexpr Seconds jump{5};

}  // namespace

void Outages::start(Time last_seen) {
  const std::lock_guard lock(mutex_);
  works_ = false;
  started_ = true;
  last_good_ = last_seen;
}

void Outages::observe(bool works, Time now, Moment moment) {
  const std::lock_guard lock(mutex_);
  if (!works) {
    works_ = false;
    return;
  }
  const bool jumped = works_ && started_ && last_moment_ != Moment{} &&
                      now - last_good_ > std::chrono::ceil<Seconds>(moment - last_moment_) + jump;
  if (!works_ || jumped) {
    from_ = last_good_;
    until_ = moment;
    ended_ = now;
  }
  works_ = started_ = true;
  last_good_ = now;
  last_moment_ = moment;
}

bool Outages::covers(Time then, Moment moment) const {
  const std::lock_guard lock(mutex_);
  return then >= from_ && then <= ended_ && moment <= until_ + covered_for;
}

}  // namespace mytoken::service
