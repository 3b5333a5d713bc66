// Manual pages (roff, man(7)) from the same tree of commands as the help.
#pragma once
#include <map>
#include <string>

#include "cli/command_line.h"

namespace mytoken::cli {

// File name to content: mytoken.1, and mytoken-NAME.1 for each command of the first level.
std::map<std::string, std::string> man_pages(const CommandText& root);

}  // namespace mytoken::cli
