// The command `mytoken` as a function, so that tests can call it.
#pragma once
#include <string>
#include <vector>

#include "cli/context.h"

namespace mytoken::cli {

// `arguments` without the program's name. Result: the exit status (see ExitCode).
int run(const std::vector<std::string>& arguments, Context& context);

}  // namespace mytoken::cli
