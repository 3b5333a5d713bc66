// Parameters from bodies (spec api.md §2.2).
#include "http/body.h"

#include <gtest/gtest.h>

namespace mytoken::http {
namespace {

constexpr std::string_view form_type = "application/x-www-form-urlencoded";

Result<Parameters> parse(std::string body, std::string_view type = {}) {
  Request request;
  request.body = std::move(body);
  if (!type.empty()) request.headers.add("content-type", std::string(type));
  return Parameters::parse(request);
}

int status_of(std::string body, std::string_view type = {}) {
  const auto parsed = parse(std::move(body), type);
  return parsed ? 200 : parsed.error().status;
}

TEST(Bodies, empty_blank_and_null_bodies_have_no_parameters) {
  for (const char* body : {"", " \r\n\t ", "null", "null\n", " null "}) {
    for (const std::string_view type :
         {std::string_view(), form_type, std::string_view("text/xml")}) {
      const auto parsed = parse(body, type);
      ASSERT_TRUE(parsed) << body;
      EXPECT_TRUE(parsed->empty());
    }
  }
}

TEST(Bodies, json_is_told_by_its_first_byte) {
  for (const std::string_view type :
       {std::string_view(), form_type, std::string_view("text/plain"),
        std::string_view("application/xml"),
        std::string_view("application/x-www-form-urlencoded; charset=UTF-8")}) {
    const auto parsed = parse("  {\"a\":\"b\"}", type);
    ASSERT_TRUE(parsed) << type;
    EXPECT_EQ(*parsed->text("a"), "b");
  }
}

TEST(Bodies, other_bodies_go_by_their_type) {
  EXPECT_EQ(status_of("a=b", form_type), 200);
  EXPECT_EQ(status_of("a=b", "Application/X-WWW-Form-URLencoded; charset=utf-8"), 200);
  EXPECT_EQ(status_of("a=b"), 400);
  EXPECT_EQ(status_of("a=b", "application/vnd.example+json"), 400);
  EXPECT_EQ(status_of("\"mytoken\""), 400);
  EXPECT_EQ(status_of("grant_type ssh", "text/plain"), 415);
  EXPECT_EQ(status_of("<a/>", "application/xml"), 415);
  EXPECT_EQ(status_of("--x", "multipart/form-data; boundary=x"), 415);
  EXPECT_EQ(parse("<a/>", "text/xml").error().code, "Unsupported Media Type");
}

TEST(Bodies, the_top_level_is_an_object_and_nothing_follows) {
  for (const char* body :
       {"[{\"a\":1}]", "{\"a\":1", "{} {}", "{\"a\":1,}", "{'a':1}", "{\"a\":\"\xff\"}"}) {
    const auto parsed = parse(body, "application/json");
    ASSERT_FALSE(parsed) << body;
    EXPECT_EQ(parsed.error().code, "invalid_request");
    EXPECT_EQ(parsed.error().status, 400);
  }
}

TEST(Bodies, limits_hold_for_depth_strings_and_arrays) {
  const auto nested = [](std::size_t depth) {
    return "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_EQ(status_of(nested(31)), 200);
  EXPECT_EQ(status_of(nested(32)), 400);
  const auto text = [](std::size_t size) { return "{\"a\":\"" + std::string(size, 'x') + "\"}"; };
  EXPECT_EQ(status_of(text(65536)), 200);
  EXPECT_EQ(status_of(text(65537)), 400);
  const auto array = [](std::size_t size) {
    std::string body = "{\"a\":[0";
    for (std::size_t i = 1; i < size; ++i)
      body += ",0";
    return body + "]}";
  };
  EXPECT_EQ(status_of(array(1000)), 200);
  EXPECT_EQ(status_of(array(1001)), 400);
  EXPECT_EQ(status_of("a=" + std::string(65537, 'x'), form_type), 400);
  std::string fields;
  for (int i = 0; i < 4001; ++i)
    fields += "a=1&";
  EXPECT_EQ(status_of(fields, form_type), 400);
}

TEST(Members, the_exact_name_wins_over_other_cases) {
  const auto parsed = parse("{\"grant_Type\":\"x\",\"GRANT_TYPE\":\"y\",\"Other\":1,\"other\":2}");
  EXPECT_EQ(*parsed->text("grant_type"), "y");
  EXPECT_EQ(*parsed->integer("other", 0, 9), 2);
}

TEST(Members, the_last_duplicate_wins) {
  EXPECT_EQ(*parse("{\"a\":\"1\",\"a\":\"2\"}")->text("a"), "2");
  EXPECT_EQ(*parse("a=1&a=2", form_type)->text("a"), "2");
}

TEST(Members, null_is_absent_but_mentioned) {
  const auto parsed = parse("{\"a\":null}");
  EXPECT_EQ(*parsed->text("a"), std::nullopt);
  EXPECT_EQ(*parsed->boolean("a"), std::nullopt);
  EXPECT_EQ(*parsed->integer("a", 0, 1), std::nullopt);
  EXPECT_EQ(*parsed->structured("a"), std::nullopt);
  EXPECT_TRUE(parsed->list("a")->empty());
  EXPECT_FALSE(parsed->has("a"));
  EXPECT_TRUE(parsed->mentions("A"));
  EXPECT_FALSE(parsed->mentions("b"));
}

TEST(Members, empty_text_is_absent_unless_asked_for) {
  const auto parsed = parse("{\"a\":\"\"}");
  EXPECT_EQ(*parsed->text("a"), std::nullopt);
  EXPECT_EQ(*parsed->text("a", false), "");
  EXPECT_EQ(*parsed->secret("a"), std::nullopt);
}

TEST(Members, wrong_types_name_the_member_and_not_the_value) {
  const auto parsed =
      parse("{\"mytoken\":5,\"on\":\"true\",\"n\":2.0,\"m\":\"7\",\"l\":[1],\"o\":{}}");
  EXPECT_EQ(parsed->text("mytoken").error().description, "parameter 'mytoken' must be a string");
  EXPECT_EQ(parsed->secret("mytoken").error().status, 400);
  EXPECT_EQ(parsed->boolean("on").error().status, 400);
  EXPECT_EQ(parsed->integer("n", 0, 9).error().code, "invalid_request");
  EXPECT_FALSE(parsed->integer("m", 0, 9));
  EXPECT_FALSE(parsed->list("l"));
  EXPECT_FALSE(parsed->list("o"));
}

TEST(Members, integers_have_64_bits_and_bounds) {
  const auto parsed =
      parse("{\"a\":9223372036854775807,\"b\":9223372036854775808,\"c\":-1,\"d\":1e3,\"e\":10}");
  EXPECT_EQ(*parsed->integer("a", 0, INT64_MAX), INT64_MAX);
  EXPECT_FALSE(parsed->integer("b", 0, INT64_MAX));
  EXPECT_FALSE(parsed->integer("c", 0, 9));
  EXPECT_EQ(*parsed->integer("c", -1, 9), -1);
  EXPECT_FALSE(parsed->integer("d", 0, 9999));
  EXPECT_FALSE(parsed->integer("e", 0, 9));
}

TEST(Forms, blanks_colons_and_slashes_may_be_raw) {
  const auto parsed =
      parse("scope=openid offline_access&audience=https://a https://b&c=a%20b+c", form_type);
  EXPECT_EQ(*parsed->text("scope"), "openid offline_access");
  EXPECT_EQ(*parsed->text("audience"), "https://a https://b");
  EXPECT_EQ(*parsed->text("c"), "a b c");
}

TEST(Forms, broken_escapes_and_bytes_are_refused) {
  EXPECT_EQ(status_of("a=%", form_type), 400);
  EXPECT_EQ(status_of("a=%zz", form_type), 400);
  EXPECT_EQ(status_of("a=%ff", form_type), 400);
}

TEST(Forms, booleans_have_the_listed_spellings) {
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True", "on"}) {
    EXPECT_EQ(*parse("a=" + std::string(yes), form_type)->boolean("a"), true) << yes;
  }
  for (const char* no : {"0", "f", "F", "false", "FALSE", "False", "off", ""}) {
    EXPECT_EQ(*parse("a=" + std::string(no), form_type)->boolean("a"), false) << no;
  }
  EXPECT_FALSE(parse("a=yes", form_type)->boolean("a"));
}

TEST(Forms, integers_are_decimal_digits_only) {
  EXPECT_EQ(*parse("a=42", form_type)->integer("a", 0, 99), 42);
  for (const char* text : {"2.0", "%2B1", "0x1", "1%20", "99999999999999999999"}) {
    EXPECT_FALSE(parse("a=" + std::string(text), form_type)->integer("a", 0, INT64_MAX)) << text;
  }
}

TEST(Forms, lists_are_repeated_keys_brackets_or_json) {
  using List = std::vector<std::string>;
  EXPECT_EQ(*parse("r=a&x=1&r=b", form_type)->list("r"), (List{"a", "b"}));
  EXPECT_EQ(*parse("r[]=a&r%5B%5D=b", form_type)->list("r"), (List{"a", "b"}));
  EXPECT_EQ(*parse("r=[\"a\",\"b\"]", form_type)->list("r"), (List{"a", "b"}));
  EXPECT_EQ(*parse("{\"r\":[\"a\",\"b\"]}")->list("r"), (List{"a", "b"}));
  EXPECT_EQ(*parse("{\"r\":\"a\"}")->list("r"), (List{"a"}));
  EXPECT_EQ(*parse("r=", form_type)->list("r"), List{});
}

TEST(Forms, structured_values_are_json_if_they_look_like_it) {
  const auto parsed = parse("r=[{\"usages_AT\":2}]&c=AT tokeninfo&t=a&t=b&bad={", form_type);
  EXPECT_EQ(json::serialize(**parsed->structured("r")), "[{\"usages_AT\":2}]");
  EXPECT_EQ(**parsed->structured("c"), json::value("AT tokeninfo"));
  EXPECT_EQ(json::serialize(**parsed->structured("t")), "[\"a\",\"b\"]");
  EXPECT_EQ(parsed->structured("bad").error().status, 400);
}

TEST(Cookies, the_first_of_the_name_counts) {
  Request request;
  request.headers.add("Cookie", "a=1; mytoken = abc=def ;mytoken=second");
  request.headers.add("cookie", "late=x");
  EXPECT_EQ(request.cookie("mytoken"), "abc=def");
  EXPECT_EQ(request.cookie("late"), "x");
  EXPECT_EQ(request.cookie("toke"), std::nullopt);
}

TEST(Errors, the_error_object_has_exactly_two_members) {
  const auto refused = Response::error(invalid_token("token is revoked"), "id-12345");
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.body, R"({"error":"invalid_token","error_description":"token is revoked"})");
  EXPECT_EQ(refused.headers.get("WWW-Authenticate"), "Bearer error=\"invalid_token\"");
  const auto broken = Response::error(internal_error("SQL said no"), "id-12345");
  EXPECT_EQ(
      broken.body,
      R"x({"error":"internal_server_error","error_description":"an internal error occurred (request id-12345)"})x");
  const auto nameless = Response::error(Error{"access_denied", 403, "", {}}, "id-12345");
  EXPECT_EQ(nameless.body, R"({"error":"access_denied","error_description":"Forbidden"})");
  EXPECT_EQ(
      Response::error(unavailable("x", std::chrono::seconds(7)), "").headers.get("Retry-After"),
      "7");
}

TEST(Bodies, members_become_one_object_whatever_the_body) {
  constexpr std::string_view texts[] = {"name", "oidc_issuer"};
  constexpr std::string_view integers[] = {"max_token_len"};
  constexpr std::string_view structures[] = {"restrictions", "include"};
  const Parameters::Names names{texts, integers, structures};
  const auto from_json = parse(
      R"({"Name":"a","oidc_issuer":null,"max_token_len":7,"restrictions":[{"exp":1}],"include":"p","x":1})");
  const auto from_form = parse(
      "name=a&max_token_len=7&restrictions=%5B%7B%22exp%22%3A1%7D%5D&include=p&x=1", form_type);
  for (const auto* parsed : {&from_json, &from_form}) {
    ASSERT_TRUE(*parsed);
    const auto members = (*parsed)->members(names);
    ASSERT_TRUE(members);
    EXPECT_EQ(json::serialize(*members),
              R"({"name":"a","max_token_len":7,"restrictions":[{"exp":1}],"include":"p"})");
  }
  const auto wrong = parse(R"({"name":1})");
  ASSERT_TRUE(wrong);
  EXPECT_EQ(wrong->members(names).error().code, "invalid_request");
}

}  // namespace
}  // namespace mytoken::http
