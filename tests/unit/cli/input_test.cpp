// What people write: times, restrictions, capabilities, rotation, configuration, QR code.
#include <gtest/gtest.h>

#include "cli/config.h"
#include "cli/mytoken_flags.h"
#include "cli/qr.h"
#include "cli/restriction_flags.h"
#include "unit/cli/harness.h"

namespace mytoken::cli {
namespace {

// Local time is an environment variable to the C library.
class LocalZone {
 public:
  explicit LocalZone(const char* zone) {
    ::setenv("TZ", zone, 1);
    ::tzset();
  }
  ~LocalZone() {
    ::unsetenv("TZ");
    ::tzset();
  }
};

struct Inputs {
  Console console;
  std::map<std::string, std::string> variables;
  Context context{console};
  Inputs() {
    context.clock = std::make_shared<test::FixedClock>();
    context.environment = [this](const char* name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      if (found == variables.end()) return std::nullopt;
      return found->second;
    };
  }
  // JSON text, or "error: …".
  std::string restrictions(const RestrictionFlags& flags) const {
    const auto built = build_restrictions(context, flags);
    return built ? json::serialize(*built) : "error: " + built.error().description;
  }
  std::string restrictions(const std::string& text) const {
    RestrictionFlags flags;
    flags.restrictions = text;
    return restrictions(flags);
  }
  std::string rotation(const MytokenFlags& flags) const {
    const auto built = build_rotation(context, flags);
    if (!built) return "error: " + built.error().description;
    return *built ? json::serialize(**built) : "none";
  }
};

TEST(Times, all_forms_of_the_specification) {
  const Time now = from_unix(1'780'000'000);
  EXPECT_EQ(parse_local_time("1790000000", now), 1'790'000'000);
  EXPECT_EQ(parse_local_time("+0", now), 1'780'000'000);
  EXPECT_EQ(parse_local_time("+60", now), 1'780'000'060);
  EXPECT_EQ(parse_local_time("+1d12h", now), 1'780'000'000 + 129'600);
  EXPECT_EQ(parse_local_time("+1.5h", now), 1'780'000'000 + 5400);
  for (const char* bad : {"", "1d", "+x", "tomorrow", "2026-02-30 10:00", "-5"}) {
    EXPECT_EQ(parse_local_time(bad, now), std::nullopt) << bad;
  }
}

TEST(Times, a_calendar_time_is_local) {
  const LocalZone zone("CET-1CEST,M3.5.0,M10.5.0/3");
  EXPECT_EQ(parse_local_time("2026-01-15 12:00", {}), 1'768'474'800);  // 11:00 UTC
  EXPECT_EQ(parse_local_time("2026-07-15 12:00", {}), 1'784'109'600);  // 10:00 UTC
}

TEST(Restrictions, single_flags_form_one_clause) {
  RestrictionFlags flags;
  flags.scope = {"a", "b c"};
  flags.audience = {"x"};
  flags.hosts = {"this", "192.0.2.0/24"};
  flags.exp = "+1h";
  flags.nbf = "1780000000";
  flags.geoip_allow = {"de"};
  flags.usages_at = 0;
  flags.usages_other = 3;
  EXPECT_EQ(
      Inputs().restrictions(flags),
      R"([{"nbf":1780000000,"exp":1780003600,"scope":"a b c","audience":["x"],"hosts":["this","192.0.2.0/24"],)"
      R"("geoip_allow":["de"],"usages_AT":0,"usages_other":3}])");
}

TEST(Restrictions, each_flag_alone_restricts) {
  RestrictionFlags disallow;
  disallow.geoip_disallow = {"xx"};
  EXPECT_EQ(Inputs().restrictions(disallow), R"([{"geoip_disallow":["xx"]}])");
  RestrictionFlags never;
  never.usages_other = 0;
  EXPECT_EQ(Inputs().restrictions(never), R"([{"usages_other":0}])");
  EXPECT_EQ(Inputs().restrictions(RestrictionFlags()), "[]");
}

TEST(Restrictions, an_empty_list_entry_is_a_mistake_and_not_anywhere) {
  RestrictionFlags flags;
  flags.hosts = {""};
  EXPECT_EQ(Inputs().restrictions(flags).rfind("error", 0), 0U);
}

TEST(Restrictions, json_may_be_an_object_or_an_array_with_times_in_words) {
  EXPECT_EQ(Inputs().restrictions(R"({"exp":"+1h","scope":"a","hosts":"this"})"),
            R"([{"exp":1780003600,"scope":"a","hosts":["this"]}])");
  EXPECT_EQ(Inputs().restrictions(R"( [{"usages_AT":1},{"include":["x"],"nbf":null}])"),
            R"([{"usages_AT":1},{"include":["x"]}])");
}

TEST(Restrictions, json_mistakes_that_lose_protection_are_errors) {
  for (const char* bad :
       {R"({"usage_AT":1})", R"({"usages_AT":-1})", R"({"usages_AT":"1"})", R"({"exp":1.5})",
        R"({"exp":"soon"})", R"({"scope":["a"]})", R"({"hosts":[""]})",
        R"({"ip":["a"],"hosts":["b"]})", R"([1])", R"({"exp":1)", ""}) {
    EXPECT_EQ(Inputs().restrictions(std::string(bad)).rfind("error", 0), 0U) << bad;
  }
}

TEST(Restrictions, other_words_are_names_of_templates) {
  EXPECT_EQ(Inputs().restrictions(std::string("web 1d")), R"([{"include":["web","1d"]}])");
}

TEST(Restrictions, a_path_names_a_file_with_json) {
  const test::Cli home;
  test::write_file(home.home / "r.json", R"([{"usages_AT":2}])");
  Inputs inputs;
  inputs.variables["HOME"] = home.home.string();
  EXPECT_EQ(inputs.restrictions(std::string("~/r.json")), R"([{"usages_AT":2}])");
  EXPECT_EQ(inputs.restrictions((home.home / "r.json").string()), R"([{"usages_AT":2}])");
  EXPECT_EQ(inputs.restrictions(std::string("./missing.json")).rfind("error", 0), 0U);
}

TEST(Restrictions, the_whole_and_single_flags_exclude_each_other_and_flags_win_over_the_variable) {
  Inputs inputs;
  inputs.variables["MYTOKEN_RESTRICTIONS"] = R"({"usages_AT":9})";
  EXPECT_EQ(inputs.restrictions(RestrictionFlags()), R"([{"usages_AT":9}])");
  RestrictionFlags flags;
  flags.usages_at = 1;
  EXPECT_EQ(inputs.restrictions(flags), R"([{"usages_AT":1}])");
  flags.restrictions = "web";
  EXPECT_EQ(inputs.restrictions(flags).rfind("error", 0), 0U);
}

TEST(Capabilities, words_commas_quotes_and_json_are_understood) {
  const std::vector<std::string> expected{"AT", "tokeninfo"};
  for (const char* text :
       {"AT tokeninfo", "AT,tokeninfo", "\"AT tokeninfo\"", R"(["AT","tokeninfo","AT"])"}) {
    EXPECT_EQ(*parse_capabilities(text), expected) << text;
  }
  EXPECT_EQ(*parse_capabilities("@web read@settings"),
            (std::vector<std::string>{"@web", "read@settings"}));
  for (const char* bad : {"", " ", "[]", "[1]", "[\"AT\""})
    EXPECT_FALSE(parse_capabilities(bad).has_value()) << bad;
}

TEST(Rotation, any_single_flag_makes_a_rotation) {
  MytokenFlags flags;
  EXPECT_EQ(Inputs().rotation(flags), "none");
  flags.rotation_on_at = true;
  EXPECT_EQ(Inputs().rotation(flags), R"({"on_AT":true})");
  flags.rotation = R"({"lifetime":60,"auto_revoke":true})";
  EXPECT_EQ(Inputs().rotation(flags), R"({"lifetime":60,"auto_revoke":true,"on_AT":true})");
  MytokenFlags lifetime;
  lifetime.rotation_lifetime = 0;
  EXPECT_EQ(Inputs().rotation(lifetime), R"({"lifetime":0})");
}

TEST(Rotation, unknown_members_and_wrong_types_are_errors) {
  for (const char* bad : {R"({"on_at":true})", R"({"on_AT":1})", R"({"lifetime":-1})", "[]", "{"}) {
    MytokenFlags flags;
    flags.rotation = bad;
    EXPECT_EQ(Inputs().rotation(flags).rfind("error", 0), 0U) << bad;
  }
}

TEST(TokenType, short_names_and_names_of_the_api) {
  EXPECT_EQ(*parse_token_type("short"), "short_token");
  EXPECT_EQ(*parse_token_type("transfer_code"), "transfer_code");
  EXPECT_FALSE(parse_token_type("tiny").has_value());
}

TEST(Configuration, keys_defaults_and_unknown_keys) {
  const auto config = parse_config(
      "instance: https://mt.example.org\ndefault_provider: op\ntoken_name_prefix: "
      "x-<hostname>\nuse_wlcg_token_discovery: false\n"
      "default_token_capabilities: [AT]\nproviders: {op: https://op.example.org}\nfuture: 1\n",
      "f");
  ASSERT_TRUE(config.has_value()) << config.error().description;
  EXPECT_EQ(config->instance, "https://mt.example.org");
  EXPECT_EQ(config->default_token_capabilities, std::vector<std::string>{"AT"});
  EXPECT_FALSE(config->use_wlcg_token_discovery);
  EXPECT_EQ(config->providers.at("op"), "https://op.example.org");
  EXPECT_EQ(prefixed_name(*config, "h", "n"), "x-h:n");
  EXPECT_EQ(prefixed_name(*config, "h", ""), "");
  EXPECT_EQ(parse_config("", "f")->instance, "https://mytoken.data.kit.edu");
}

TEST(Configuration, mistakes_name_file_and_line) {
  const auto type = parse_config("instance: https://a\nproviders: 7\n", "the.yaml");
  ASSERT_FALSE(type.has_value());
  EXPECT_EQ(type.error().description.rfind("the.yaml, line 2", 0), 0U) << type.error().description;
  EXPECT_FALSE(parse_config("a: [", "f").has_value());
  EXPECT_FALSE(parse_config("- a", "f").has_value());
}

TEST(Qr, two_modules_share_a_cell_and_the_width_is_told) {
  int columns = 0;
  const std::string picture = qr_code("https://mt.example.org/c/abcdefgh", false, columns);
  EXPECT_EQ(columns, 29 + 4);  // version 3, quiet zone 2
  EXPECT_EQ(std::count(picture.begin(), picture.end(), '\n'), 17);
  EXPECT_EQ(picture.find('\x1b'), std::string::npos);
  // First row: quiet zone only, all light.
  std::string light;
  for (int i = 0; i < columns; ++i)
    light += "\u2588";
  EXPECT_EQ(picture.substr(0, picture.find('\n')), light);
  EXPECT_NE(qr_code("x", true, columns).find("\x1b[97;40m"), std::string::npos);
  EXPECT_EQ(qr_code(std::string(5000, 'x'), false, columns), "");
}

}  // namespace
}  // namespace mytoken::cli
