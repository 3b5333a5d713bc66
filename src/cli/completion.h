// What may stand at the place of the cursor, from the same tree of commands as the help. The
// scripts of the shells only ask for it, so that they need no change when a command or flag is
// added.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "cli/command_line.h"

namespace mytoken::cli {

struct Candidate {
  std::string text;  // the whole word
  std::string help;
};

struct Completion {
  std::vector<Candidate> candidates;
  bool are_files = false;  // names of files, which the shell knows better
};

// What a value may be, beyond fixed words.
enum class ValueKind { none, words, files, providers, stored_tokens, capabilities, servers };

// The values that are known right now; never asks a server.
using KnownValues = std::function<std::vector<Candidate>(ValueKind kind)>;

// `words`: everything behind the program's name up to the cursor; the last one is incomplete and
// may be "". Candidates begin with it.
Completion complete(const CommandText& root, const std::vector<std::string>& words,
                    const KnownValues& known);

// The flags and arguments ("store show name") whose values are known, for the test that keeps them
// in step with the tree.
std::vector<std::string> flags_with_values();
std::vector<std::string> arguments_with_values();

}  // namespace mytoken::cli
