// Mytokens for the load that are more than a token with one clause: rotating ones, the end of a
// chain whose budgets are all charged, one with a long history, one of a user with many.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "service/context.h"
#include "service/mint.h"

namespace mytoken::bench {

enum class Shape {
  usual,     // one clause of three scopes and an end
  rotating,  // replaced by every use
  chain,     // ten generations, each with a budget of its own: every use charges ten clauses
  history,   // one token with 100,000 events
  crowd      // one token with 9,999 descendants, all of one user
};
// Throws std::runtime_error for another name.
Shape parse_shape(std::string_view name);

inline constexpr int generations = 10;
inline constexpr std::int64_t events_of_history = 100'000;
inline constexpr std::int64_t tokens_of_crowd = 10'000;

// What is asked for when a token of this shape is made.
service::MintRequest wanted(Shape shape, const std::string& issuer, Time now);

// Stores what the token hangs on, before it is stored itself; what it descends from is the result.
// Nobody can present these tokens.
Result<std::optional<service::Parentage>> add_ancestors(sql::Transaction& db, Shape shape,
                                                        const service::Minted& token,
                                                        store::UserId user,
                                                        store::RefreshTokenId refresh_token,
                                                        Time now);
// Stores what belongs to the token, after it is stored.
Result<void> add_belongings(sql::Transaction& db, const Clock& clock, Shape shape,
                            const service::Minted& token, store::UserId user,
                            store::RefreshTokenId refresh_token);

}  // namespace mytoken::bench
