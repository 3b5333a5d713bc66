// The profiles and templates that a server keeps for its users, in groups. Reading needs no
// mytoken; writing needs the password of the group. Source: spec profiles.md §3.
#pragma once
#include <string>
#include <vector>

#include <mytoken/client.h>

namespace mytoken::client {

enum class TemplateType { profiles, capabilities, restrictions, rotation };

// As in addresses: "profiles", "capabilities", …
MYTOKEN_API const char* name_of(TemplateType type);

struct Template {
  std::string id;  // for replace_template() and delete_template()
  std::string name;
  std::string payload;  // JSON value as text, its includes resolved by the server
};

// Who writes: the name of the group is the user name.
struct GroupLogin {
  std::string group;  // "_" is the default group
  Secret password;
};

// Errors of all functions as of Client; usage with code not_supported: the server has no profiles.

// Sorted.
MYTOKEN_API Outcome<std::vector<std::string>> profile_groups(Client& client, const Call& call = {});
// Sorted by name; empty for a group that does not exist.
MYTOKEN_API Outcome<std::vector<Template>> list_templates(Client& client, TemplateType type,
                                                          const std::string& group = "_",
                                                          const Call& call = {});

// `payload` is JSON as text. Errors: server with http_status 401 (password), 403 (another group),
// 409 (the name exists), 400 (bad payload).
MYTOKEN_API Outcome<void> create_template(Client& client, const GroupLogin& login,
                                          TemplateType type, const std::string& name,
                                          const std::string& payload, const Call& call = {});
MYTOKEN_API Outcome<void> replace_template(Client& client, const GroupLogin& login,
                                           TemplateType type, const std::string& id,
                                           const std::string& name, const std::string& payload,
                                           const Call& call = {});
MYTOKEN_API Outcome<void> delete_template(Client& client, const GroupLogin& login,
                                          TemplateType type, const std::string& id,
                                          const Call& call = {});

}  // namespace mytoken::client
