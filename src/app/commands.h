// The command line of mytoken-server (operations.md §19.7): serve, init, check-config, backup,
// restore, migrate-to, version. Results go to stdout; everything else to stderr as "mytoken-server:
// error: …".
#pragma once
#include <string>
#include <vector>

#include "app/config.h"

namespace mytoken::app {

// Offline checks beyond reading (§19.6): key files exist, fit their algorithm and are private; TLS
// files exist.
std::vector<Problem> check_files(const Config& config);

// Runs the program; result: exit code (0 done, 1 failed, 2 wrong usage). `arguments` without the
// program's name.
int run(std::vector<std::string> arguments, const Environment& environment);

}  // namespace mytoken::app
