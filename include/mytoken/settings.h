// The settings of a user: grants, ssh keys, e-mail and tags. They belong to the user of the
// presented mytoken, not to the token. Functions over Client::exchange; all errors are those of
// Client, and not_supported if the server lacks the endpoint. A successor is in the lease before a
// function returns, so that several of them may share one lease. Sources: spec settings.md, ssh.md
// §2, cli.md §1.8.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <mytoken/client.h>

namespace mytoken::client {

// Grants that a user can switch on and off; "ssh" is the only one so far.
struct Grant {
  std::string grant_type;
  bool is_enabled = false;
};
struct Grants {
  std::vector<Grant> grants;  // by name
  std::optional<TokenUpdate> token_update;
};

// Capability read@settings:grants.
MYTOKEN_API Outcome<Grants> list_grants(Client& client, TokenLease& lease, const Call& call = {});
// Capability settings:grants. Both may be repeated.
MYTOKEN_API Outcome<Done> enable_grant(Client& client, TokenLease& lease,
                                       const std::string& grant_type, const Call& call = {});
MYTOKEN_API Outcome<Done> disable_grant(Client& client, TokenLease& lease,
                                        const std::string& grant_type, const Call& call = {});

struct SshKey {
  std::string name;         // may be empty
  std::string fingerprint;  // SHA256:…
  std::optional<std::chrono::sys_seconds> created;
  std::optional<std::chrono::sys_seconds> last_used;
};
struct SshKeys {
  bool is_grant_enabled = false;
  std::vector<SshKey> keys;  // by name, then by fingerprint
  std::optional<TokenUpdate> token_update;
};
struct SshKeyRequest {
  std::string ssh_key;       // one line in the format of authorized_keys
  std::string name;          // label; may be empty
  std::string restrictions;  // of the key's mytoken: JSON array of clauses; "" = unrestricted
  std::optional<std::vector<std::string>> capabilities;  // absent: the server's default
  std::string application_name;
};
// What a new key logs in with. The user name is a secret: the server keeps the key's mytoken
// encrypted with it and says it only once.
struct SshAccess {
  Secret user;
  Secret host_config;  // entry for ~/.ssh/config as the server wrote it; check before use
};

// Capability read@settings:grants:ssh.
MYTOKEN_API Outcome<SshKeys> list_ssh_keys(Client& client, TokenLease& lease,
                                           const Call& call = {});
// Capability settings:grants:ssh. Show consent_uri to the user, then wait_for_ssh_key(). Error
// server with code access_denied: the grant is not enabled.
MYTOKEN_API Outcome<Authorization> start_adding_ssh_key(Client& client, TokenLease& lease,
                                                        const SshKeyRequest& request,
                                                        const Call& call = {});
// Polls until the user decided; see Client::wait_for_authorization. Needs no mytoken.
MYTOKEN_API Outcome<SshAccess> wait_for_ssh_key(Client& client, const Authorization& authorization,
                                                const Client::Progress& progress = {},
                                                const Call& call = {});
// `key`: a fingerprint ("SHA256:…") or the public key. Also successful if there is no such key.
MYTOKEN_API Outcome<Done> remove_ssh_key(Client& client, TokenLease& lease, const std::string& key,
                                         const Call& call = {});

struct EmailSettings {
  std::string address;  // "" = none known
  bool is_verified = false;
  bool prefers_html = true;
  std::optional<TokenUpdate> token_update;
};
struct EmailChange {
  std::string address;  // "" = stays
  std::optional<bool> prefers_html;
};

// Capability read@settings:email.
MYTOKEN_API Outcome<EmailSettings> email_settings(Client& client, TokenLease& lease,
                                                  const Call& call = {});
// Capability settings:email. A new address is unverified until its owner opened the link that is
// mailed to it. Only what changes is sent. Error usage: nothing to change.
MYTOKEN_API Outcome<Done> change_email_settings(Client& client, TokenLease& lease,
                                                const EmailChange& change, const Call& call = {});

struct Tag {
  std::string name;
  std::string color;  // as the server writes it: "#rrggbb" or "RRGGBB"
};
struct Tags {
  std::vector<Tag> tags;  // by name
  std::optional<TokenUpdate> token_update;
};
struct TagChange {
  std::string name;   // "" = stays
  std::string color;  // "RRGGBB"; "" = stays
};

// Capability read@settings:tags.
MYTOKEN_API Outcome<Tags> list_tags(Client& client, TokenLease& lease, const Call& call = {});
// Capability settings:tags. `color` "RRGGBB", "" = one that follows from the name. A tag that
// exists stays as it is.
MYTOKEN_API Outcome<Done> create_tag(Client& client, TokenLease& lease, const std::string& name,
                                     const std::string& color = "", const Call& call = {});
// Renames and recolours in one request; only what changes is sent. Error usage: nothing to change.
MYTOKEN_API Outcome<Done> update_tag(Client& client, TokenLease& lease, const std::string& name,
                                     const TagChange& change, const Call& call = {});
// Takes it from all mytokens, notifications and calendars.
MYTOKEN_API Outcome<Done> delete_tag(Client& client, TokenLease& lease, const std::string& name,
                                     const Call& call = {});

}  // namespace mytoken::client
