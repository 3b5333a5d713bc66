// Turns and look-ups; see look_ups.h.
#include "service/look_ups.h"

#include "service/context.h"

namespace mytoken::service {
namespace {

// Addresses whose names one request may have looked up.
constexpr std::size_t most_look_ups = 32;

}  // namespace

LookUps::Turn::~Turn() {
  if (owner_ == nullptr) return;
  const std::lock_guard lock(owner_->mutex_);
  owner_->users_.erase(user_);
}

Result<LookUps::Turn> LookUps::begin(std::string user) {
  const std::lock_guard lock(mutex_);
  if (!users_.insert(user).second)
    return fail(unavailable("addresses of another request of this user are being looked up"));
  return Turn(*this, std::move(user));
}

Task<Result<NamesByAddress>> names_of(Context& context, std::string user,
                                      std::vector<std::string> addresses,
                                      std::function<Result<void>(std::size_t)> charge) {
  NamesByAddress names;
  if (addresses.empty()) co_return names;
  if (addresses.size() > most_look_ups)
    co_return fail(invalid_request("hosts has too many addresses to compare with host names"));
  auto turn = context.look_ups.begin(std::move(user));
  if (!turn) co_return tl::unexpected(turn.error());
  if (charge) {
    if (auto r = charge(addresses.size()); !r) co_return tl::unexpected(r.error());
  }
  for (const std::string& address : addresses)
    names[address] = co_await context.resolver.confirmed_names(address, net::AddressOf::request);
  co_return names;
}

}  // namespace mytoken::service
