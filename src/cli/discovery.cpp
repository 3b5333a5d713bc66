// /tmp is writable for everybody: a planted token would send the user's requests to a stranger's
// server, so only private files of the user are believed there.
#include "cli/discovery.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mytoken/inspect.h>
#include "client/durable_file.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

constexpr std::size_t longest_file = 1 << 16;

client::Outcome<std::optional<Discovery>> decide(Secret token, std::string origin,
                                                 bool may_be_replaced) {
  // The published rule: a token that is none stops the search.
  if (client::classify(token.reveal()) == client::TokenKind::malformed) {
    return failure(ErrorKind::token_source, origin + " does not hold a valid token");
  }
  return Discovery{std::move(token), std::move(origin), may_be_replaced};
}

// The trimmed content of a private file, empty if there is none.
Secret private_file(Context& context, const std::filesystem::path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return Secret();
  if (!S_ISREG(info.st_mode) || info.st_uid != ::geteuid() ||
      (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    context.console.warning("ignoring " + path.string() +
                            ": it must be a file of yours that nobody else can read");
    return Secret();
  }
  const auto content = client::read_own_file(path, longest_file);
  return content ? trimmed(content->reveal()) : Secret();
}

}  // namespace

Secret trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n\v\f";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return Secret();
  return Secret(std::string(text.substr(first, text.find_last_not_of(blanks) - first + 1)));
}

client::Outcome<std::optional<Discovery>> discover_token(Context& context) {
  if (Secret token = trimmed(context.variable("BEARER_TOKEN")); !token.empty()) {
    return decide(std::move(token), "$BEARER_TOKEN", false);
  }
  if (const std::string file = context.variable("BEARER_TOKEN_FILE"); !file.empty()) {
    if (Secret token = private_file(context, file); !token.empty()) {
      return decide(std::move(token), "$BEARER_TOKEN_FILE", false);
    }
  }
  const std::string uid = std::to_string(::geteuid());
  for (const std::filesystem::path& directory :
       {std::filesystem::path(context.variable("XDG_RUNTIME_DIR")), context.temporary_directory}) {
    if (!directory.is_absolute()) continue;
    for (const bool is_for_mytokens : {true, false}) {
      const auto path = directory / ((is_for_mytokens ? "mt_u" : "bt_u") + uid);
      Secret token = private_file(context, path);
      if (!token.empty()) return decide(std::move(token), path.string(), is_for_mytokens);
    }
  }
  return std::optional<Discovery>();
}

}  // namespace mytoken::cli
