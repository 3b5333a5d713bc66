// Public ssh keys as people name them on a command line, and the entry for the configuration of
// the ssh client that a server proposes (spec cli.md §1.8, ssh.md §2).
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "cli/context.h"

namespace mytoken::cli {

struct PublicKey {
  std::string line;         // "ssh-ed25519 AAAA… comment", without options
  std::string fingerprint;  // "SHA256:…" as ssh-keygen -l shows it
};

// A line in the format of authorized_keys: options, type, base64, comment. nullopt: it is none, or
// the blob is not of the type.
std::optional<PublicKey> parse_public_key(std::string_view line);

// `value` is such a line, or the name of a file with one. Errors: usage; also for a private key,
// which is never read further than its first line.
client::Outcome<PublicKey> find_public_key(const Context& context, const std::string& value);

struct HostEntry {
  std::string host;       // "mytoken-laptop"
  std::string text;       // lines, each with its newline
  std::string address{};  // of the machine it leads to, "" if the entry names none
};

// The entry that a server proposes, written anew. Only Host ("mytoken" or "mytoken-LABEL"),
// HostName, Port, User and comments pass: anything else could make ssh run programs or change other
// entries. Error protocol, naming the line.
client::Outcome<HostEntry> parse_host_entry(std::string_view proposed);

// Appends `entry` to `file` (a new one gets mode 0600, a missing folder 0700), which is replaced as
// a whole; processes that do this at the same time take turns. `had_host`: the file had an entry of
// this name already, and ssh takes the first. Result: "" or why it failed.
std::string append_host_entry(const std::filesystem::path& file, const HostEntry& entry,
                              bool& had_host);

}  // namespace mytoken::cli
