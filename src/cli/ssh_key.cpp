// What comes from a server is rebuilt from its parts, never copied: the file decides which programs
// ssh starts.
#include "cli/ssh_key.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/encoding.h"
#include "base/secret.h"
#include "client/durable_file.h"
#include "crypto/hash.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

constexpr std::size_t longest_key_file = 1 << 16;
constexpr std::size_t longest_config = 1 << 20;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::string_view without_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Takes the next word off `rest`; blanks inside double quotes belong to it (options).
std::string_view next_word(std::string_view& rest) {
  rest = without_blanks(rest);
  bool is_quoted = false;
  std::size_t end = 0;
  for (; end < rest.size(); ++end) {
    if (rest[end] == '"' && (end == 0 || rest[end - 1] != '\\')) is_quoted = !is_quoted;
    if (!is_quoted && (rest[end] == ' ' || rest[end] == '\t')) break;
  }
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end);
  return word;
}

bool is_key_type(std::string_view word) {
  return word.starts_with("ssh-") || word.starts_with("ecdsa-sha2-") || word.starts_with("sk-");
}

// The name at the beginning of a blob (RFC 4253 §6.6), "" if it is cut off.
std::string_view type_in(std::string_view blob) {
  if (blob.size() < 4) return {};
  std::size_t length = 0;
  for (const char c : blob.substr(0, 4))
    length = (length << 8U) | static_cast<unsigned char>(c);
  return length <= blob.size() - 4 ? blob.substr(4, length) : std::string_view();
}

bool consists_of(std::string_view text, std::string_view further) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [further](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           further.find(c) != std::string_view::npos;
  });
}

bool is_port(std::string_view text) {
  return text.size() <= 5 && !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
         std::stoi(std::string(text)) >= 1 && std::stoi(std::string(text)) <= 65535;
}

// An exclusive flock on a folder, until the end of the object.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder)
      : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (descriptor_ >= 0) (void)::flock(descriptor_, LOCK_EX);
  }
  ~FolderLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

bool names_host(std::string_view config, std::string_view host) {
  for (std::string_view line : lines_of(config)) {
    std::string_view rest = line;
    if (!equals_ignoring_case(next_word(rest), "Host")) continue;
    for (std::string_view word = next_word(rest); !word.empty(); word = next_word(rest)) {
      if (word == host) return true;
    }
  }
  return false;
}

}  // namespace

std::optional<PublicKey> parse_public_key(std::string_view line) {
  if (line.find_first_of("\r\n") != std::string_view::npos) return std::nullopt;
  std::string_view rest = line;
  std::string_view type = next_word(rest);
  if (!is_key_type(type)) type = next_word(rest);  // the first word was options
  if (!is_key_type(type)) return std::nullopt;
  const std::string_view encoded = next_word(rest);
  const auto blob = decode_base64(encoded);
  if (!blob || type_in(*blob) != type) return std::nullopt;
  PublicKey key;
  key.line.append(type).append(" ").append(encoded);
  if (const auto comment = without_blanks(rest); !comment.empty())
    key.line.append(" ").append(comment);
  std::string digest = base64(crypto::sha256(*blob));
  digest.erase(digest.find_last_not_of('=') + 1);
  key.fingerprint = "SHA256:" + digest;
  return key;
}

client::Outcome<PublicKey> find_public_key(const Context& context, const std::string& value) {
  if (const auto key = parse_public_key(value)) return *key;
  const auto path = context.expand(value);
  std::string problem;
  const auto content = client::read_file(path, longest_key_file, problem);
  if (!content) {
    return failure(ErrorKind::usage,
                   "the ssh key is neither a public key nor a readable file: " + problem);
  }
  for (const std::string_view line : lines_of(content->reveal())) {
    if (line.find("PRIVATE KEY") != std::string_view::npos) {
      return failure(ErrorKind::usage,
                     path.string() + " is a private key; name the public one, e.g. with '.pub'");
    }
    if (without_blanks(line).empty() || without_blanks(line).starts_with('#')) continue;
    if (const auto key = parse_public_key(line)) return *key;
    break;
  }
  return failure(ErrorKind::usage, path.string() + " does not hold a public ssh key");
}

client::Outcome<HostEntry> parse_host_entry(std::string_view proposed) {
  HostEntry entry;
  for (const std::string_view raw : lines_of(proposed)) {
    const std::string_view line = without_blanks(raw);
    const auto refused = [&] {
      return failure(ErrorKind::protocol,
                     "the server proposes a line for the ssh configuration that is not safe: " +
                         client::sanitised(line));
    };
    if (line.empty()) continue;
    if (line.starts_with('#')) {
      if (client::sanitised(line, 500) != line) return refused();
      entry.text.append(entry.host.empty() ? "" : "\t").append(line).append("\n");
      continue;
    }
    std::string_view rest = line;
    const std::string_view keyword = next_word(rest);
    const std::string_view value = without_blanks(rest);
    const auto is = [keyword](std::string_view name) {
      return equals_ignoring_case(keyword, name);
    };
    if (is("Host")) {
      // Only names of its own: an entry for another host would redirect it.
      constexpr std::string_view labelled = "mytoken-";
      const bool has_label = value.starts_with(labelled) && value.size() > labelled.size();
      if (value != "mytoken" && !has_label) return refused();
      if (!entry.host.empty() || !consists_of(value, "._-")) return refused();
      entry.host = value;
      entry.text.append("Host ").append(value).append("\n");
      continue;
    }
    std::string_view name;
    if (is("HostName") && consists_of(value, ".-:") && value[0] != '-') {
      name = "HostName";
      if (entry.address.empty()) entry.address = value;  // ssh takes the first
    }
    if (is("Port") && is_port(value)) name = "Port";
    if (is("User") && consists_of(value, "._-") && value[0] != '-') name = "User";
    if (name.empty() || entry.host.empty()) return refused();
    entry.text.append("\t").append(name).append(" ").append(value).append("\n");
  }
  if (entry.host.empty())
    return failure(ErrorKind::protocol, "the server proposes no entry for the ssh configuration");
  return entry;
}

std::string append_host_entry(const std::filesystem::path& file, const HostEntry& entry,
                              bool& had_host) {
  std::error_code problem;
  const auto folder = file.parent_path();
  if (!std::filesystem::exists(folder, problem)) {
    std::filesystem::create_directory(folder, problem);
    if (problem) return folder.string() + ": " + problem.message();
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, problem);
  }
  const auto link = client::link_at(file);
  if (link == client::Link::foreign) return file.string() + " is a link that others may have laid";
  const FolderLock lock(folder);
  auto target = link == client::Link::own ? std::filesystem::weakly_canonical(file, problem) : file;
  if (target.empty()) target = file;
  std::string content;
  if (std::filesystem::exists(target, problem)) {
    std::string reason;
    const auto before = client::read_file(target, longest_config, reason);
    if (!before) return reason;
    content = before->reveal();
  }
  had_host = names_host(content, entry.host);
  if (!content.empty() && !content.ends_with('\n')) content += '\n';
  content += '\n' + entry.text + '\n';
  const std::string reason = client::replace_file(target, content, client::Durability::full);
  const Secret wiped(std::move(content));
  return reason;
}

}  // namespace mytoken::cli
