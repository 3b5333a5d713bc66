// All requests of a command present the newest token: the session holds one lease (spec cli.md
// §1.13, W14).
#include "cli/notification_changes.h"

#include <algorithm>

namespace mytoken::cli {
namespace {

bool is_left_to_the_server(const client::ClientError& error) {
  return error.code == "insufficient_capabilities" || error.code == client::not_supported;
}

bool contains(const std::vector<std::string>& list, const std::string& entry) {
  return std::find(list.begin(), list.end(), entry) != list.end();
}

}  // namespace

std::vector<std::string> merged(const std::vector<std::string>& present,
                                const std::vector<std::string>& added,
                                const std::vector<std::string>& removed) {
  std::vector<std::string> all = present;
  all.insert(all.end(), added.begin(), added.end());
  std::erase_if(all, [&](const std::string& entry) { return contains(removed, entry); });
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::vector<std::string> names_of(const std::vector<client::Tag>& tags) {
  std::vector<std::string> names;
  names.reserve(tags.size());
  for (const client::Tag& tag : tags)
    names.push_back(tag.name);
  return names;
}

client::Outcome<void> create_missing_tags(Conversation& conversation,
                                          const std::vector<std::string>& tags) {
  if (tags.empty()) return {};
  Session& session = conversation.session;
  auto known = client::list_tags(*session.client, *session.lease, session.call);
  if (!known) {
    if (is_left_to_the_server(known.error())) return {};
    return client::failure(std::move(known.error()));
  }
  conversation.note(*known);
  const auto names = names_of(known->tags);
  for (const std::string& tag : tags) {
    if (contains(names, tag)) continue;
    auto created = client::create_tag(*session.client, *session.lease, tag, "", session.call);
    if (!created && is_left_to_the_server(created.error())) return {};
    if (!created) {
      created.error().description =
          "creating the tag '" + tag + "' failed: " + created.error().description;
      return client::failure(std::move(created.error()));
    }
    conversation.note(*created);
  }
  return {};
}

}  // namespace mytoken::cli
