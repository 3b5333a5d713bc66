// Files that hold secrets: replaced as a whole or not at all, readable by their owner only, and on
// disk before a function returns. Source: spec cli.md §4.8.
#pragma once
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace mytoken::client {

enum class Durability {
  none,  // atomic, but a power failure may undo it
  full   // file and directory are synchronised
};

// Writes a temporary file (0600) beside `path` and renames it over `path`. Result: "" or why it
// failed (a system message with the file name, no content). A symbolic link at `path` is replaced;
// resolve it before if its target is meant.
std::string replace_file(const std::filesystem::path& path, std::string_view content,
                         Durability durability);

enum class Link {
  none,
  own,     // nobody else can have laid it, or can lay it anew
  foreign  // of another owner than this user and root, or in a folder that others may write
};
// Whether `path` is a symbolic link, and whose. Asked once: between two answers it may change.
Link link_at(const std::filesystem::path& path);

// Creates `path` (0600), which must not exist, and synchronises it. Result as above.
std::string create_file(const std::filesystem::path& path, std::string_view content);

// Writes to something that exists and is no regular file: a character device or a pipe of the
// user's own, for whoever made a pipe can read what goes into it. A link is followed only if it
// was found to be `link` = own. False if it is neither, or if that failed.
bool append_to(const std::filesystem::path& path, std::string_view content, Link link);

// Content of a file or pipe of at most `limit` bytes; nullopt with `problem` set otherwise.
std::optional<Secret> read_file(const std::filesystem::path& path, std::size_t limit,
                                std::string& problem);

// The same, but only if the file belongs to this user (effective id) and nobody else may write it.
std::optional<Secret> read_own_file(const std::filesystem::path& path, std::size_t limit);

// `text` for showing what strangers wrote: at most `longest` bytes, control characters and broken
// UTF-8 replaced by '?'.
std::string sanitised(std::string_view text, std::size_t longest = 120);

}  // namespace mytoken::client
