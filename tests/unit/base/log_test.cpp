// The log: canaries of every secret we handle never reach a line in either format, harmless texts
// stay readable, and a line is one line.
#include "base/log.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "base/encoding.h"
#include "base/json.h"
#include "base/random.h"

namespace mytoken {
namespace {

class CollectingLog final : public Log {
 public:
  explicit CollectingLog(Format format, LogLevel level = LogLevel::debug)
      : Log(-1, level, format) {}
  std::vector<std::string> lines;

 protected:
  void emit(std::string_view line) override { lines.emplace_back(line); }
};

constexpr Log::Format both_formats[] = {Log::Format::text, Log::Format::json};

const std::string jwt =
    "eyJhbGciOiJFUzUxMiIsInR5cCI6Ik1UK0pXVCJ9.eyJ2ZXIiOiIwLjciLCJzdWIiOiJjYW5hcnkifQ."
    "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2";

// `secret` in every place of a line where a careless caller may put it.
void expect_hidden(const std::string& secret) {
  for (const Log::Format format : both_formats) {
    CollectingLog log(format);
    log.info("got " + secret);
    log.error("request", {{"token", secret},
                          {"url", "/api/v0/token/access?mytoken=" + secret + "&x=1"},
                          {"header", "Authorization: Bearer " + secret},
                          {"body", R"({"mytoken":")" + secret + R"("})"},
                          {"path", "https://example.com/c/" + secret},
                          {"glued", "token=" + secret + ";end"}});
    for (const std::string& line : log.lines) {
      for (std::size_t i = 0; i + 20 <= secret.size(); ++i) {
        ASSERT_EQ(line.find(secret.substr(i, 20)), std::string::npos) << secret << "\n" << line;
      }
    }
    EXPECT_NE(log.lines.at(1).find("[redacted]"), std::string::npos);
  }
}

TEST(Log, tokens_of_every_kind_are_hidden_in_both_formats) {
  expect_hidden(jwt);
  for (int i = 0; i < 200; ++i) {
    expect_hidden(random_text(64));                        // short token
    expect_hidden(random_text(32));                        // shortest short token
    expect_hidden(random_text(40, base62_letters));        // opaque refresh token
    expect_hidden(base64url(random_bytes(32)));            // code verifier, digest
    expect_hidden(base64(random_bytes(64)));               // id of a proxy token
    expect_hidden(hex(random_bytes(32)));                  // key in hexadecimal
    expect_hidden("1//0g" + base64url(random_bytes(45)));  // a provider's refresh token
    expect_hidden("eyJhbGciOiJub25lIn0." + base64url(random_bytes(6)) + "." + random_text(8));
  }
}

TEST(Log, a_secret_field_shows_its_mark_only) {
  for (const Log::Format format : both_formats) {
    CollectingLog log(format);
    const Secret secret(std::string("pw"));
    log.info("login", {{"password", secret}});
    EXPECT_NE(log.lines.at(0).find("[redacted]"), std::string::npos);
    EXPECT_EQ(log.lines.at(0).find("pw"), std::string::npos);
  }
}

TEST(Log, redaction_leaves_harmless_text_readable) {
  for (const char* text :
       {"GET /api/v0/token/access 200", "https://op.example.com/.well-known/openid-configuration",
        "/usr/share/mytoken/very-long-directory-name/another-quite-long-name/config.yaml",
        "7b1e5c1c-7d5e-4b3c-9c2e-0123456789ab", "mytoken-server-with-a-rather-long-pod-name-0",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0",
        "2001:db8:85a3:8d3:1319:8a2e:370:7348", "mytoken_http_request_duration_seconds", "abcdEFGH",
        "a sentence of words, e.g. this one.", ""}) {
    EXPECT_EQ(redact(text), text);
  }
}

TEST(Log, redaction_blanks_the_run_and_keeps_what_is_around_it) {
  EXPECT_EQ(redact("a \"" + jwt + "\", b"), "a \"[redacted]\", b");
  EXPECT_EQ(redact(jwt + " " + jwt), "[redacted] [redacted]");
  EXPECT_EQ(redact("eyJh.eyJz.c2ln"), "[redacted]");
}

TEST(Log, json_lines_have_the_members_of_the_specification) {
  CollectingLog log(Log::Format::json);
  log.warning("slow", {{"route", "/api/v0"},
                       {"status", 200},
                       {"dur_ms", 1.5},
                       {"cached", true},
                       {"bad", std::numeric_limits<double>::quiet_NaN()}});
  const auto line = parse_json(log.lines.at(0));
  ASSERT_TRUE(line.has_value()) << log.lines.at(0);
  EXPECT_EQ(line->at("level").as_string(), "warning");
  EXPECT_EQ(line->at("msg").as_string(), "slow");
  EXPECT_EQ(line->at("status").as_int64(), 200);
  EXPECT_EQ(line->at("dur_ms").as_double(), 1.5);
  EXPECT_EQ(line->at("cached").as_bool(), true);
  EXPECT_TRUE(line->at("bad").is_null());
  const std::string time(line->at("ts").as_string());
  ASSERT_EQ(time.size(), 24u);
  EXPECT_EQ(time[10], 'T');
  EXPECT_EQ(time[19], '.');
  EXPECT_EQ(time[23], 'Z');
}

TEST(Log, text_lines_are_key_value_pairs) {
  CollectingLog log(Log::Format::text);
  log.info("started", {{"port", 8000}, {"host", "a b"}});
  EXPECT_EQ(log.lines.at(0).substr(25), "info msg=\"started\" port=8000 host=\"a b\"\n");
}

TEST(Log, numbers_are_written_without_exponents) {
  for (const Log::Format format : both_formats) {
    CollectingLog log(format);
    log.info("request", {{"dur_ms", 0.48939}, {"long_ms", 4893900.0}});
    EXPECT_NE(log.lines.at(0).find("0.489"), std::string::npos) << log.lines.at(0);
    EXPECT_NE(log.lines.at(0).find("4893900.000"), std::string::npos) << log.lines.at(0);
  }
}

TEST(Log, an_event_is_one_line_whatever_it_contains) {
  for (const Log::Format format : both_formats) {
    CollectingLog log(format);
    log.info("x\ny",
             {{"agent", "a\r\n2026-01-01 error msg=\"forged\"\x1b[2J\x7f"}, {"raw", "\xff\xfe"}});
    const std::string& line = log.lines.at(0);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_EQ(line.find('\r'), std::string::npos);
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
    EXPECT_TRUE(is_utf8(line));
  }
}

TEST(Log, long_texts_are_cut) {
  CollectingLog log(Log::Format::json);
  std::string text;
  while (text.size() < 100'000)
    text += "wört ";
  log.info("x", {{"body", text}});
  EXPECT_LT(log.lines.at(0).size(), 4500u);
  EXPECT_TRUE(parse_json(log.lines.at(0)).has_value());
}

TEST(Log, lines_below_the_level_are_not_written) {
  CollectingLog log(Log::Format::text, LogLevel::warning);
  log.debug("a");
  log.info("b");
  EXPECT_TRUE(log.lines.empty());
  log.warning("c");
  log.error("d");
  EXPECT_EQ(log.lines.size(), 2u);
  EXPECT_FALSE(log.enabled(LogLevel::info));
}

}  // namespace
}  // namespace mytoken
