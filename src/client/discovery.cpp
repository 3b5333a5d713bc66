// /tmp is writable for everybody: a planted token would send the user's requests to a stranger's
// server, so only private files of the user are believed there.
#include <mytoken/discovery.h>
#include <mytoken/inspect.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "client/durable_file.h"
#include "client/reading.h"

namespace mytoken::client {
namespace {

constexpr std::size_t longest_file = 1 << 16;

Outcome<std::optional<DiscoveredToken>> decide(Secret token, std::string origin,
                                               bool may_be_replaced) {
  // The published rule: a token that is none stops the search.
  if (classify(token.reveal()) == TokenKind::malformed)
    return failure(ErrorKind::token_source, origin + " does not hold a valid token");
  return DiscoveredToken{std::move(token), std::move(origin), may_be_replaced};
}

// The trimmed content of a private file, empty if there is none.
Secret private_file(const DiscoveryPlaces& places, const std::filesystem::path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return Secret();
  if (!S_ISREG(info.st_mode) || info.st_uid != ::geteuid() ||
      (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    if (places.on_warning) {
      places.on_warning("ignoring " + path.string() +
                        ": it must be a file of yours that nobody else can read");
    }
    return Secret();
  }
  const auto content = read_own_file(path, longest_file);
  return content ? Secret(std::string(trimmed(content->reveal()))) : Secret();
}

}  // namespace

Outcome<std::optional<DiscoveredToken>> discover_token(const DiscoveryPlaces& places) {
  const auto variable = [&places](const char* name) -> std::string {
    if (places.variable) return places.variable(name);
    const char* value = std::getenv(name);
    return value ? value : "";
  };
  const Secret whole(variable("BEARER_TOKEN"));
  if (Secret token{std::string(trimmed(whole.reveal()))}; !token.empty())
    return decide(std::move(token), "$BEARER_TOKEN", false);
  if (const std::string file = variable("BEARER_TOKEN_FILE"); !file.empty()) {
    if (Secret token = private_file(places, file); !token.empty())
      return decide(std::move(token), "$BEARER_TOKEN_FILE", false);
  }
  const std::string uid = std::to_string(::geteuid());
  for (const std::filesystem::path& directory :
       {std::filesystem::path(variable("XDG_RUNTIME_DIR")), places.temporary_directory}) {
    if (!directory.is_absolute()) continue;
    for (const bool is_for_mytokens : {true, false}) {
      const auto path = directory / ((is_for_mytokens ? "mt_u" : "bt_u") + uid);
      if (Secret token = private_file(places, path); !token.empty())
        return decide(std::move(token), path.string(), is_for_mytokens);
    }
  }
  return std::optional<DiscoveredToken>();
}

}  // namespace mytoken::client
