// mytoken settings grants ssh: the keys that may use mytokens over ssh (spec cli.md §1.8, ssh.md
// §2). A new key is approved in a browser; then ssh is told how to use it.
#include <mytoken/settings.h>
#include "cli/command_settings.h"
#include "cli/login.h"
#include "cli/mytoken_flags.h"
#include "cli/restriction_flags.h"
#include "cli/ssh_key.h"
#include "cli/table.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

constexpr const char* reading = "read@settings:grants:ssh";
constexpr const char* changing = "settings:grants:ssh";

int list(Context& context, const TokenFlags& token) {
  auto session = open_session_with_token(context, token);
  if (!session) return report(context, session.error());
  const auto found = client::list_ssh_keys(*session->client, *session->lease, session->call);
  if (!found) return report(context, found.error(), reading);
  if (context.json) {
    json::array keys;
    for (const client::SshKey& key : found->keys) {
      json::object entry{{"ssh_key_fp", key.fingerprint}};
      if (!key.name.empty()) entry["name"] = key.name;
      if (key.created) entry["created"] = to_unix(*key.created);
      if (key.last_used) entry["last_used"] = to_unix(*key.last_used);
      keys.push_back(std::move(entry));
    }
    const json::object object{{"grant_enabled", found->is_grant_enabled},
                              {"ssh_keys", std::move(keys)}};
    return finish(context, print_json(context, object), found->token_update);
  }
  Table table({"Name", "SSH Key Fingerprint", "Created", "Last Used"});
  for (const client::SshKey& key : found->keys) {
    table.row({key.name.empty() ? Cell().add("unnamed key", {.is_italic = true}) : Cell(key.name),
               key.fingerprint, key.created ? local_time(to_unix(*key.created)) : "",
               key.last_used ? local_time(to_unix(*key.last_used)) : "never"});
  }
  const std::string state =
      found->is_grant_enabled ? "The ssh grant is enabled.\n" : "The ssh grant is disabled.\n";
  return finish(context, print(context, state + table.text(uses_colour(context))),
                found->token_update);
}

struct Flags {
  std::optional<std::string> key;
  std::optional<std::string> name;
  std::optional<std::string> capabilities;
  RestrictionFlags restrictions;
  LoginFlags login;
  bool writes_no_host_entry = false;
};

client::Outcome<client::SshKeyRequest> request_for(const Context& context, const Flags& flags,
                                                   const PublicKey& key) {
  client::SshKeyRequest request;
  request.ssh_key = key.line;
  request.name = flags.name.value_or("");
  auto restrictions = build_restrictions(context, flags.restrictions);
  if (!restrictions) return failure(std::move(restrictions.error()));
  if (!restrictions->empty()) request.restrictions = json::serialize(*restrictions);
  if (flags.capabilities) {
    auto capabilities = parse_capabilities(*flags.capabilities);
    if (!capabilities) return failure(std::move(capabilities.error()));
    request.capabilities = std::move(*capabilities);
  }
  request.application_name = "mytoken client on " + context.host_name;
  return request;
}

// Puts the entry into ~/.ssh/config. What could not be done is told, and the entry goes into the
// result instead.
bool write_host_entry(Context& context, const HostEntry& entry) {
  const std::string home = context.variable("HOME");
  if (!home.starts_with('/')) {
    context.console.error("cannot find ~/.ssh/config: HOME is not set");
    return false;
  }
  bool had_host = false;
  const auto file = std::filesystem::path(home) / ".ssh/config";
  if (const std::string problem = append_host_entry(file, entry, had_host); !problem.empty()) {
    context.console.error("cannot write the ssh configuration: " + problem);
    return false;
  }
  if (had_host) {
    context.console.warning("~/.ssh/config had an entry for " + entry.host +
                            " already, and ssh takes the first one; remove the old one");
  }
  context.console.notice("ssh " + entry.host + " now connects to " +
                         (entry.address.empty() ? entry.host : entry.address));
  context.console.hint("try 'mytoken AT --ssh " + entry.host + "'");
  return true;
}

ExitCode show_access(Context& context, const Flags& flags, const PublicKey& key,
                     const client::SshAccess& access) {
  // Anything but false; the reference takes any value as a yes.
  const std::string variable = context.variable("NO_WRITE_HOST_ENTRY");
  const bool may_write =
      !flags.writes_no_host_entry && (variable.empty() || variable == "false" || variable == "0");
  ExitCode code = done;
  std::string entry_text;
  bool is_written = false;
  if (!access.host_config.empty()) {
    const auto entry = parse_host_entry(access.host_config.reveal());
    if (!entry) {
      code = may_write ? not_stored : done;
      context.console.error(entry.error().description);
    } else {
      entry_text = entry->text;
      is_written = may_write && write_host_entry(context, *entry);
      if (may_write && !is_written) code = not_stored;
    }
  }
  ExitCode printed = done;
  if (context.json) {
    json::object object{{"ssh_user", access.user.reveal()}, {"ssh_key_fp", key.fingerprint}};
    if (!entry_text.empty()) object["ssh_host_config"] = entry_text;
    object["host_entry_written"] = is_written;
    printed = print_json(context, object);
  } else {
    std::string text = harmless(access.user.reveal()) + "\n";
    if (!is_written && !entry_text.empty()) text += "\n" + entry_text;
    const Secret whole(std::move(text));
    printed = print(context, whole.reveal());
  }
  return printed == done ? code : printed;
}

int add(Context& context, const TokenFlags& token, const Flags& flags) {
  const auto value = required(flags.key, "the public ssh key or a file with it");
  if (!value) return report(context, value.error());
  const auto key = find_public_key(context, *value);
  if (!key) return report(context, key.error());
  const auto request = request_for(context, flags, *key);
  if (!request) return report(context, request.error());
  auto session = open_session_with_token(context, token);
  if (!session) return report(context, session.error());
  const auto started =
      client::start_adding_ssh_key(*session->client, *session->lease, *request, session->call);
  if (!started) {
    const ExitCode code = report(context, started.error(), changing);
    if (started.error().code == "access_denied")
      context.console.hint("'mytoken settings grants enable ssh' enables the grant");
    return code;
  }
  session->lease.reset();  // polling needs no mytoken; others may use it while the user decides
  show_authorization(context, *started, flags.login, "ssh key");
  client::Outcome<client::SshAccess> access = failure(ErrorKind::cancelled, "interrupted");
  wait_with_spinner(context, flags.login, [&](const client::Client::Progress& progress) {
    access = client::wait_for_ssh_key(*session->client, *started, progress, session->call);
  });
  const ExitCode code = access ? show_access(context, flags, *key, *access)
                               : report(context, access.error(), changing);
  return finish(context, code, started->token_update);
}

int remove(Context& context, const TokenFlags& token, const Flags& flags) {
  const auto value = required(flags.key, "the public ssh key, a file with it or its fingerprint");
  if (!value) return report(context, value.error());
  std::string name = *value;  // what the server is told
  std::string fingerprint = *value;
  if (!name.starts_with("SHA256:")) {
    const auto key = find_public_key(context, *value);
    if (!key) return report(context, key.error());
    name = key->line;
    fingerprint = key->fingerprint;
  }
  return change_settings(
      context, token, changing,
      [&](Session& session) {
        return client::remove_ssh_key(*session.client, *session.lease, name, session.call);
      },
      "SSH key " + fingerprint + " deleted", {{"ssh_key_fp", fingerprint}, {"deleted", true}});
}

}  // namespace

void add_settings_ssh(Command grants, const SharedTokenFlags& token, Context& context) {
  auto flags = std::make_shared<Flags>();
  Command ssh = grants.command("ssh,SSH", "the ssh keys that may use mytokens");
  ssh.command("list,view", "show the ssh keys").runs([token, &context] {
    return list(context, *token);
  });
  Command create = ssh.command("add,new", "add an ssh key; you approve it in a browser");
  create.argument("SSH_KEY", flags->key, "the public key as one line, or a file with it");
  create.text("--key-name", flags->name, "a name for the key");
  create.text("--capability,--capabilities", flags->capabilities,
              "what the key may be used for: 'AT tokeninfo', or a JSON array");
  flags->restrictions.declare(create);
  flags->login.declare_display(create);
  create.toggle("--no-write-host-entry", flags->writes_no_host_entry,
                "print the entry for ~/.ssh/config instead of adding it (NO_WRITE_HOST_ENTRY)");
  create.runs([token, flags, &context] { return add(context, *token, *flags); });
  Command removal = ssh.command("delete,remove,rm", "delete an ssh key");
  removal.argument("SSH_KEY", flags->key, "the public key, a file with it, or SHA256:fingerprint");
  removal.runs([token, flags, &context] { return remove(context, *token, *flags); });
}

}  // namespace mytoken::cli
