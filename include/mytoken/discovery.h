// Finding a token where jobs and logins leave one: the WLCG bearer token discovery (zenodo
// 3937438), extended by files for mytokens. Source: spec cli.md §1.5.
#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <mytoken/error.h>
#include <mytoken/secret.h>

namespace mytoken::client {

struct DiscoveredToken {
  Secret token;
  std::string origin;            // variable ("$BEARER_TOKEN") or file
  bool may_be_replaced = false;  // only files named mt_u<uid>: others are for access tokens
};

// Where to look; a program that does not say anything else gets its own environment.
struct DiscoveryPlaces {
  // The value of a variable, "" if it is not set. Empty: getenv().
  std::function<std::string(const char* name)> variable;
  std::filesystem::path temporary_directory = "/tmp";
  // Told of files that are not believed, in one sentence for people. Empty: nobody is.
  std::function<void(std::string_view warning)> on_warning;
};

// $BEARER_TOKEN, the file $BEARER_TOKEN_FILE, then mt_u<uid> and bt_u<uid> below $XDG_RUNTIME_DIR
// and below the temporary directory (effective uid). White space around it is ignored. The first
// that holds anything decides; missing and empty ones are passed over, and, with a warning, files
// that belong to somebody else or that others can read. nullopt: there is none. Error token_source:
// what decides is no token. What was found may be an access token: see classify().
MYTOKEN_API Outcome<std::optional<DiscoveredToken>> discover_token(
    const DiscoveryPlaces& places = {});

}  // namespace mytoken::client
