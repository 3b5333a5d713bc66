// Paths and the route table (spec api.md §2.1).
#include "http/router.h"

#include <gtest/gtest.h>

#include "test_routes.h"

namespace mytoken::http {
namespace {

using testing::test_routes;

TEST(Paths, repeated_and_trailing_slashes_go_and_case_stays) {
  EXPECT_EQ(normalise_path("//api/v0//Settings/"), "/api/v0/Settings");
  EXPECT_EQ(normalise_path("/"), "/");
  EXPECT_EQ(normalise_path(""), "/");
  EXPECT_EQ(normalise_path("///"), "/");
}

TEST(Paths, escapes_are_decoded_once) {
  EXPECT_EQ(normalise_path("/c/%41b%20c"), "/c/Ab c");
  EXPECT_EQ(normalise_path("/%2561"), "/%61");
  EXPECT_EQ(normalise_path("/a%2F%2Fb%2f"), "/a/b");
}

TEST(Paths, broken_and_nul_escapes_are_refused) {
  for (const char* raw : {"/%", "/%1", "/%zz", "/a%00b"}) {
    EXPECT_EQ(normalise_path(raw), std::nullopt) << raw;
  }
}

TEST(Paths, dot_segments_match_nothing) {
  EXPECT_EQ(test_routes().match("GET", *normalise_path("/api/v0/x/../settings")).pattern, "");
}

TEST(Routes, literals_match_in_any_case) {
  const Router router = test_routes();
  const auto match = router.match("GET", "/API/v0/SETTINGS");
  ASSERT_NE(match.handler, nullptr);
  EXPECT_EQ(match.pattern, "/api/v0/settings");
}

TEST(Routes, parameters_keep_their_case) {
  const Router router = test_routes();
  const auto match = router.match("GET", "/C/AbCd");
  ASSERT_NE(match.handler, nullptr);
  EXPECT_EQ(match.parameters, std::vector<std::string>{"AbCd"});
  EXPECT_EQ(match.pattern, "/c/{code}");
}

TEST(Routes, a_literal_wins_over_a_parameter_whatever_the_method) {
  const Router router = test_routes();
  EXPECT_NE(router.match("DELETE", "/api/v0/notifications/abc").handler, nullptr);
  const auto match = router.match("DELETE", "/api/v0/notifications/calendars");
  EXPECT_EQ(match.handler, nullptr);
  EXPECT_EQ(match.allow, "GET, HEAD, OPTIONS");
}

TEST(Routes, the_leftmost_literal_decides) {
  Router router;
  router.add({"GET", "/{a}/x", testing::echo});
  router.add({"GET", "/b/{c}", testing::echo});
  EXPECT_EQ(router.match("GET", "/b/x").pattern, "/b/{c}");
  EXPECT_EQ(router.match("GET", "/q/x").pattern, "/{a}/x");
  EXPECT_EQ(router.match("GET", "/q/y").pattern, "");
}

TEST(Routes, head_is_served_by_get_and_other_methods_are_listed) {
  const Router router = test_routes();
  EXPECT_NE(router.match("HEAD", "/jwks").handler, nullptr);
  EXPECT_EQ(router.match("HEAD", "/api/v0/token/my").handler, nullptr);
  EXPECT_EQ(router.match("PUT", "/api/v0/settings/grants").allow,
            "DELETE, GET, HEAD, OPTIONS, POST");
}

TEST(Routes, a_parameter_is_one_segment) {
  const Router router = test_routes();
  EXPECT_EQ(router.match("GET", "/c/a/b").pattern, "");
  EXPECT_EQ(router.match("GET", "/c").pattern, "");
}

TEST(Routes, the_issuers_path_comes_first) {
  const Router router = test_routes("/Mt/");
  EXPECT_NE(router.match("GET", "/mt/jwks").handler, nullptr);
  EXPECT_EQ(router.match("GET", "/jwks").handler, nullptr);
  EXPECT_EQ(router.classify("/mt/api/v0/x"), PathClass::api);
  EXPECT_EQ(router.classify("/mt/native"), PathClass::page);
  EXPECT_EQ(router.classify("/mtapi"), PathClass::page);
  EXPECT_EQ(router.local("/MT/C/AbC"), "/c/abc");
  EXPECT_EQ(router.local("/mt"), "/");
}

TEST(Routes, classes_go_by_whole_segments) {
  const Router router;
  EXPECT_EQ(router.classify("/api"), PathClass::api);
  EXPECT_EQ(router.classify("/API/v0/x"), PathClass::api);
  EXPECT_EQ(router.classify("/apifoo"), PathClass::page);
  EXPECT_EQ(router.classify("/jwks"), PathClass::metadata);
  EXPECT_EQ(router.classify("/static/app.js"), PathClass::metadata);
  EXPECT_EQ(router.classify("/.well-known/OpenID-Configuration"), PathClass::metadata);
  EXPECT_EQ(router.classify("/c/abc"), PathClass::page);
  EXPECT_EQ(router.classify("/"), PathClass::page);
}

}  // namespace
}  // namespace mytoken::http
