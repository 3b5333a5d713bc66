// Names are taken by the letters of RFC 1123 and the underscore; a name whose last label is a
// number would be a broken address, so it is refused.
#include "token/host_entry.h"

#include <algorithm>

#include "base/encoding.h"

namespace mytoken::token {
namespace {

constexpr std::size_t longest_name = 253;
constexpr std::size_t longest_label = 63;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '_';
}

// Non-empty labels separated by dots.
bool are_labels(std::string_view text) {
  if (text.empty() || text.size() > longest_name) return false;
  while (true) {
    const auto dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    if (label.empty() || label.size() > longest_label) return false;
    if (!std::all_of(label.begin(), label.end(), is_name_letter)) return false;
    if (dot == text.npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool ends_with_number(std::string_view text) {
  const std::string_view last = text.substr(text.rfind('.') + 1);
  return std::all_of(last.begin(), last.end(), is_digit);
}

bool ends_with_ignoring_case(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         equals_ignoring_case(text.substr(text.size() - suffix.size()), suffix);
}

}  // namespace

std::optional<HostEntry> HostEntry::parse(std::string_view text) {
  HostEntry entry;
  entry.network_ = Network::parse(text);
  if (entry.network_) return entry;
  if (text.starts_with('*')) {
    text.remove_prefix(1);
    entry.wildcard_ = true;
    if (text.empty()) return entry;  // any confirmed name
    if (text.size() > 1 && text.ends_with('.')) text.remove_suffix(1);
    if (!are_labels(text.starts_with('.') ? text.substr(1) : text)) return std::nullopt;
  } else {
    if (text.ends_with('.')) text.remove_suffix(1);
    if (!are_labels(text) || ends_with_number(text) || equals_ignoring_case(text, "this"))
      return std::nullopt;
  }
  entry.name_ = lower(text);
  return entry;
}

bool HostEntry::matches_name(std::string_view name) const {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (network_ || name.empty()) return false;
  return wildcard_ ? ends_with_ignoring_case(name, name_) : equals_ignoring_case(name, name_);
}

bool HostEntry::covers(
    const HostEntry& inner,
    const std::function<std::vector<std::string>(const std::string&)>& names_of) const {
  if (network_) return inner.network_ && network_->contains(*inner.network_);
  if (inner.network_) {
    if (!inner.network_->is_single_address() || !names_of) return false;
    const auto names = names_of(inner.network_->address().text());
    return std::any_of(names.begin(), names.end(),
                       [this](const auto& name) { return matches_name(name); });
  }
  if (wildcard_) return inner.name_.ends_with(name_);
  return !inner.wildcard_ && inner.name_ == name_;
}

}  // namespace mytoken::token
