// A refuge for a successor that cannot be stored where its predecessor was: the old mytoken is
// dead, so any safe place is better than none. Source: spec cli.md §4.8.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/secret.h"

namespace mytoken::client {

// Writes `token` to a new file NAME.rescue-TIME-RANDOM (0600) in the first of `directories` that
// takes it. Where the token went, or "".
std::filesystem::path rescue(const Secret& token, const std::string& name,
                             const std::vector<std::filesystem::path>& directories);

}  // namespace mytoken::client
