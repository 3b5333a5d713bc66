// Names of addresses that somebody wrote into a request. The zones of these addresses may be as
// slow as their owner likes, so a user has one such request at a time; those who come from
// restricted hosts do not wait for any of them (net::AddressOf).
#pragma once
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/task.h"

namespace mytoken::service {

struct Context;

// The users whose addresses are being looked up. Thread-safe.
class LookUps {
 public:
  // While it lives the user has no other one.
  class Turn {
   public:
    Turn(Turn&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), user_(std::move(other.user_)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn();

   private:
    friend class LookUps;
    Turn(LookUps& owner, std::string user) : owner_(&owner), user_(std::move(user)) {}
    LookUps* owner_;
    std::string user_;
  };
  // `user`: a subject as mytokens have it. Error unavailable (503, Retry-After): he has a turn.
  Result<Turn> begin(std::string user);

 private:
  std::mutex mutex_;
  std::set<std::string> users_;
};

using NamesByAddress = std::map<std::string, std::vector<std::string>>;
// The confirmed names of `addresses` out of a request of `user`. `charge`, unless empty, is asked
// once before so many are looked up; its error ends the request. Errors: that one, invalid_request
// (too many), unavailable (as above).
Task<Result<NamesByAddress>> names_of(Context& context, std::string user,
                                      std::vector<std::string> addresses,
                                      std::function<Result<void>(std::size_t)> charge = nullptr);

}  // namespace mytoken::service
