// What the commands about notifications and calendars share: sets that are changed by flags, tags
// that must exist, and a session of several requests.
#pragma once
#include <string>
#include <vector>

#include <mytoken/settings.h>
#include "cli/session.h"

namespace mytoken::cli {

inline constexpr const char* reading_notifications = "read@manage_mytokens:notify";
inline constexpr const char* managing_notifications = "manage_mytokens:notify";

// A session and what became of its token so far.
struct Conversation {
  Session session;
  std::optional<client::TokenUpdate> update{};

  // Remembers the last successor of an answer.
  template <class Answer>
  void note(Answer& answer) {
    if (answer.token_update) update = std::move(answer.token_update);
  }
  // The end of the command without a result. `capability`: what the request needed.
  ExitCode failed(Context& context, const client::ClientError& error, std::string_view capability) {
    return finish(context, report(context, error, capability), update);
  }
};

// `present` with `added` and without `removed`; sorted.
std::vector<std::string> merged(const std::vector<std::string>& present,
                                const std::vector<std::string>& added,
                                const std::vector<std::string>& removed);

std::vector<std::string> names_of(const std::vector<client::Tag>& tags);

// Creates those of `tags` that the user does not have. A mytoken that may not do so, and a server
// without tags, leave it to the request that follows.
client::Outcome<void> create_missing_tags(Conversation& conversation,
                                          const std::vector<std::string>& tags);

}  // namespace mytoken::cli
