// Writing log lines, and the last filter before them: whatever a caller passes by mistake, nothing
// that looks like a token leaves the process. The filter prefers to blank a harmless text over
// showing a secret one.
#include "base/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/encoding.h"
#include "base/json.h"

namespace mytoken {
namespace {

constexpr std::size_t longest_text = 4096;  // bytes of one field; more is cut

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The letters of base64, base64url and of what joins their parts.
bool is_token_letter(char c) {
  return is_lower(c) || is_upper(c) || is_digit(c) || c == '-' || c == '_' || c == '.' ||
         c == '+' || c == '/' || c == '=';
}

// Calls `each` with every piece of `text` between the letters in `separators`, until it returns
// true.
template <class Each>
bool any_piece(std::string_view text, std::string_view separators, const Each& each) {
  for (;;) {
    const std::size_t end = text.find_first_of(separators);
    if (each(text.substr(0, end))) return true;
    if (end == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
  }
}

// Two dots, the first part being the base64url of a text that begins with `{` and a quote or blank.
bool is_jwt_like(std::string_view run) {
  for (const std::string_view start : {"eyJ", "eyA", "ewo", "ew0", "ewk"}) {
    const std::size_t at = run.find(start);
    if (at == std::string_view::npos) continue;
    const std::size_t first = run.find('.', at);
    if (first != std::string_view::npos && run.find('.', first + 1) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

// Request ids are UUIDs and must stay readable: 8-4-4-4-12 hexadecimal digits.
bool is_uuid(std::string_view piece) {
  if (piece.size() != 36) return false;
  for (std::size_t i = 0; i < piece.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = piece[i];
    if (dash ? c != '-' : !(is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
      return false;
    }
  }
  return true;
}

// Words joined by - or _, as in names of hosts, files and metrics: short, each of small letters or
// digits only.
bool is_wordy(std::string_view piece) {
  return !any_piece(piece, "-_", [](std::string_view word) {
    return word.size() >= 32 || !(std::all_of(word.begin(), word.end(), is_lower) ||
                                  std::all_of(word.begin(), word.end(), is_digit));
  });
}

// What looks like a token and not like a name, a path of words or a sentence. base64 may hold '/',
// '+' and '-' at any place, so a long run is judged as a whole too: one piece that mixes all kinds
// of letters gives it away.
bool looks_secret(std::string_view run) {
  if (is_jwt_like(run)) return true;
  if (run.size() < 32) return false;
  const auto long_piece = [](std::string_view piece) {
    return piece.size() >= 32 && !is_uuid(piece) && !is_wordy(piece);
  };
  const auto mixed_piece = [](std::string_view piece) {
    return piece.size() >= 12 && std::any_of(piece.begin(), piece.end(), is_lower) &&
           std::any_of(piece.begin(), piece.end(), is_upper) &&
           std::any_of(piece.begin(), piece.end(), is_digit);
  };
  return any_piece(run, "./+=", long_piece) || any_piece(run, "./+=-_", mixed_piece);
}

// What a field shows: without secrets, of bounded length, valid UTF-8 (clients choose some of these
// texts).
std::string presentable(std::string_view text) {
  std::string shown = redact(text);
  if (shown.size() > longest_text) {
    std::size_t end = longest_text;
    while (end > 0 && (static_cast<unsigned char>(shown[end]) & 0xC0u) == 0x80u)
      --end;
    shown.resize(end);
    shown += "...";
  }
  if (!is_utf8(shown)) {
    for (char& c : shown) {
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';
    }
  }
  return shown;
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "error";
}

std::string timestamp() {
  const auto now = std::chrono::system_clock::now();
  const auto millis =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()) % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(now)), millis.count());
}

// A value as JSON; numbers are for people, so without exponents.
std::string text_of(const json::value& value) {
  const double* number = value.if_double();
  return number != nullptr ? fmt::format("{:.3f}", *number) : json::serialize(value);
}

}  // namespace

std::string redact(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    while (end < text.size() && is_token_letter(text[end]))
      ++end;
    if (end == i) {
      result += text[i++];
      continue;
    }
    const std::string_view run = text.substr(i, end - i);
    result += looks_secret(run) ? std::string_view("[redacted]") : run;
    i = end;
  }
  return result;
}

Log::Log(int descriptor, LogLevel level, Format format)
    : descriptor_(descriptor), level_(level), format_(format) {}

void Log::write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (!enabled(level)) return;
  json::object object;
  object["ts"] = timestamp();
  object["level"] = name_of(level);
  object["msg"] = presentable(message);
  for (const LogField& field : fields) {
    if (const auto* text = std::get_if<std::string>(&field.value)) {
      object[field.name] = presentable(*text);
    } else if (const auto* number = std::get_if<double>(&field.value);
               number && !std::isfinite(*number)) {
      object[field.name] = nullptr;  // JSON has no other word for it
    } else {
      std::visit(
          [&](const auto& value) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
              object[field.name] = value;
            }
          },
          field.value);
    }
  }
  std::string line;
  if (format_ == Format::json) {
    for (const auto& [key, value] : object) {
      line += line.empty() ? '{' : ',';
      line += json::serialize(key) + ":" + text_of(value);
    }
    line += '}';
  } else {
    for (const auto& [key, value] : object) {
      if (!line.empty()) line += ' ';
      if (key == "ts" || key == "level") {
        line += value.as_string();
      } else {
        line += key;
        line += '=';
        line += text_of(value);
      }
    }
  }
  line += '\n';
  emit(line);
}

void Log::debug(std::string_view message, std::initializer_list<LogField> fields) {
  write(LogLevel::debug, message, fields);
}
void Log::info(std::string_view message, std::initializer_list<LogField> fields) {
  write(LogLevel::info, message, fields);
}
void Log::warning(std::string_view message, std::initializer_list<LogField> fields) {
  write(LogLevel::warning, message, fields);
}
void Log::error(std::string_view message, std::initializer_list<LogField> fields) {
  write(LogLevel::error, message, fields);
}

void Log::emit(std::string_view line) {
  // A log that cannot be written is no reason to fail a request.
  [[maybe_unused]] const ssize_t written = ::write(descriptor_, line.data(), line.size());
}

}  // namespace mytoken
