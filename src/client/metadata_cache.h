// Reading the configuration document of a server, and its copy on disk, which saves a command line
// user one of two round trips. Sources: spec api.md §3.1, cli.md §1.13 (W19).
#pragma once
#include <mytoken/error.h>
#include <mytoken/metadata.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace mytoken::client {

// The document fetched from `server_url`. ErrorKind::protocol if it is not JSON, belongs to another
// issuer, or lacks the mytoken or access token endpoint; unknown members are kept in `document`
// only.
Outcome<Metadata> parse_metadata(std::string_view text, const std::string& server_url);

// One file per server below `directory` (created 0700 if missing). Only the user's own files that
// nobody else can write are believed. Every failure to read or write is "not cached". Safe for
// several processes.
class MetadataCache {
 public:
  // An empty directory switches the cache off.
  MetadataCache(std::filesystem::path directory, Seconds lifetime);

  struct Cached {
    Metadata metadata;
    Time until;  // then it is to be asked for again
  };
  std::optional<Cached> load(const std::string& server_url, Time now) const;
  void store(const std::string& server_url, std::string_view document, Time now) const;
  void forget(const std::string& server_url) const;

 private:
  std::filesystem::path file(const std::string& server_url) const;

  std::filesystem::path directory_;
  Seconds lifetime_;
};

}  // namespace mytoken::client
