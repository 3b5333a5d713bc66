// Codes and statuses of the standard failures (spec api.md §2.8), and that a cause stays apart from
// what is shown.
#include "base/error.h"

#include <gtest/gtest.h>

namespace mytoken {
namespace {

TEST(Error, standard_failures_have_their_codes_and_statuses) {
  const auto expect = [](const Error& error, std::string_view code, int status) {
    EXPECT_EQ(error.code, code);
    EXPECT_EQ(error.status, status);
    EXPECT_FALSE(error.description.empty());
  };
  expect(invalid_request("d"), "invalid_request", 400);
  expect(invalid_token("d"), "invalid_token", 401);
  expect(invalid_grant("d"), "invalid_grant", 400);
  expect(invalid_grant("d", 403), "invalid_grant", 403);
  expect(insufficient_capabilities(), "insufficient_capabilities", 403);
  expect(usage_restricted(), "usage_restricted", 403);
  expect(access_denied("d"), "access_denied", 401);
  expect(not_found("d"), "not_found", 404);
  expect(oidc_error(502, "d"), "oidc_error", 502);
  expect(internal_error("c"), "internal_server_error", 500);
  expect(unavailable("c"), "internal_server_error", 503);
}

TEST(Error, the_cause_is_not_part_of_the_description) {
  for (const Error& error : {internal_error("table tokens"), unavailable("table tokens"),
                             oidc_error(502, "the provider failed", "table tokens")}) {
    EXPECT_EQ(error.cause, "table tokens");
    EXPECT_EQ(error.description.find("table"), std::string::npos);
  }
}

TEST(Error, only_passing_failures_ask_to_retry) {
  EXPECT_EQ(unavailable("c").retry_after, std::chrono::seconds(2));
  EXPECT_EQ(oidc_error(503, "d").retry_after, std::chrono::seconds(5));
  EXPECT_EQ(oidc_error(502, "d").retry_after, std::chrono::seconds(0));
  EXPECT_EQ(internal_error("c").retry_after, std::chrono::seconds(0));
}

}  // namespace
}  // namespace mytoken
