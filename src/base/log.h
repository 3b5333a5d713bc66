// Structured log: one line per event, a message and named fields. What must not be shown cannot be
// written: there is no field of type Secret but the mark "[redacted]", and message and text fields
// pass a filter (redact) and are cut at 4 kB. Lines are "text" (key=value) or JSON (spec
// operations.md §19.2). Thread-safe; each line is one write.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "base/secret.h"

namespace mytoken {

enum class LogLevel { debug, info, warning, error };

struct LogField {
  LogField(std::string_view key, std::string_view text) : name(key), value(std::string(text)) {}
  LogField(std::string_view key, const char* text) : name(key), value(std::string(text)) {}
  LogField(std::string_view key, const std::string& text) : name(key), value(text) {}
  LogField(std::string_view key, std::int64_t number) : name(key), value(number) {}
  LogField(std::string_view key, int number) : name(key), value(std::int64_t{number}) {}
  LogField(std::string_view key, double number) : name(key), value(number) {}
  LogField(std::string_view key, bool flag) : name(key), value(flag) {}
  LogField(std::string_view key, const Secret&) : name(key), value(std::string("[redacted]")) {}
  std::string_view name;
  std::variant<std::string, std::int64_t, double, bool> value;
};

class Log {
 public:
  enum class Format { text, json };

  // Lines of `level` and above go to the file descriptor (not owned; 2 = stderr).
  Log(int descriptor, LogLevel level, Format format);
  virtual ~Log() = default;

  bool enabled(LogLevel level) const { return level >= level_; }
  void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
  void debug(std::string_view message, std::initializer_list<LogField> fields = {});
  void info(std::string_view message, std::initializer_list<LogField> fields = {});
  void warning(std::string_view message, std::initializer_list<LogField> fields = {});
  void error(std::string_view message, std::initializer_list<LogField> fields = {});

 protected:
  // One complete line with its line feed. Tests override it to collect.
  virtual void emit(std::string_view line);

 private:
  int descriptor_;
  LogLevel level_;
  Format format_;
};

// `text` with everything that looks like a token replaced by "[redacted]": JWT-like runs (base64url
// of a JSON object, then two more parts), and runs of 32 or more base64 or base64url letters unless
// they are words joined by - or _, paths of words, or UUIDs. Short codes (8 letters) cannot be told
// from words: they must travel as Secret.
std::string redact(std::string_view text);

}  // namespace mytoken
