#include "base/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>

#include "base/json.h"

namespace mytoken {
namespace {

bool is_token_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '+' || c == '/' || c == '=';
}

// What looks like a token: long, and neither a URL path of words nor a sentence.
bool looks_secret(std::string_view run) {
  std::size_t longest = 0;
  std::size_t length = 0;
  for (const char c : run) {
    length = (c == '.' || c == '/' || c == '-') ? 0 : length + 1;
    longest = std::max(longest, length);
  }
  return longest >= 32;
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
  }
  return "error";
}

std::string timestamp() {
  const auto now = std::chrono::system_clock::now();
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()) % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                     millis.count());
}

}  // namespace

std::string redact(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    while (end < text.size() && is_token_letter(text[end])) ++end;
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
  object["msg"] = message;
  for (const LogField& field : fields) {
    if (const auto* text = std::get_if<std::string>(&field.value)) {
      object[field.name] = redact(*text);
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
    line = json::serialize(object);
  } else {
    for (const auto& [key, value] : object) {
      if (!line.empty()) line += ' ';
      if (key == "ts" || key == "level") {
        line += value.as_string();
      } else {
        line += key;
        line += '=';
        line += json::serialize(value);
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
