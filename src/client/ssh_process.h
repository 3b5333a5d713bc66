// Running the ssh program of the system (spec cli.md §1.10): without a shell, its messages passed
// through, its output bounded, and never left behind.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include <mytoken/call.h>
#include <mytoken/error.h>
#include <mytoken/secret.h>

namespace mytoken::client {

struct SshOutput {
  int status = 0;  // of the remote command
  Secret text;     // its stdout
};

// `ssh -- HOST WORDS…`, found in $PATH. Its stdin is empty; passwords and confirmations it asks for
// on the terminal itself. Errors: usage (cannot be run), network (ssh failed itself), timeout,
// cancelled, protocol (more than `limit` bytes).
Outcome<SshOutput> run_ssh(const std::string& host, const std::vector<std::string>& words,
                           std::size_t limit, const Call& call);

}  // namespace mytoken::client
