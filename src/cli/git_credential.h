// The protocol between git and its credential helpers (gitcredentials(7), git-credential(1)): lines
// "key=value" up to an empty one, on stdin and stdout.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/access_token_cache.h"

namespace mytoken::cli {

struct GitQuestion {
  std::string protocol;
  std::string host;  // with port, if there is one
  std::string username;
  bool can_bearer = false;  // capability[]=authtype: git sends headers other than Basic
};

// Unknown keys are ignored. Error usage: a line without '=', or more than 1000 lines.
client::Outcome<GitQuestion> read_git_question(Console& console, const std::stop_token& stop);

// Whether the question is for one of `hosts` ("git.example.org", "git.example.org:8443"), over
// https or on this machine.
bool is_answered(const GitQuestion& question, const std::vector<std::string>& hosts);

// What git reads. Without can_bearer the token is the password of `username`.
Secret git_answer(const GitQuestion& question, const std::string& username,
                  const FreshToken& token);

}  // namespace mytoken::cli
