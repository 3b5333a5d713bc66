// The answer to a shell that wants to know what may stand at the cursor.
#pragma once
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "cli/context.h"

namespace mytoken::cli {

// `mytoken __complete WORD…`: one candidate per line, a tab, what it means; or ":files".
int answer_completion(const CommandText& root, const std::vector<std::string>& words,
                      Context& context);

}  // namespace mytoken::cli
