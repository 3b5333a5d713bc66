// Where a web login may send the browser, and where without consent (spec oidc.md §13.4, W 12).
#include <gtest/gtest.h>

#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

TEST(TrustedRedirect, a_redirect_uri_elsewhere_is_refused) {
  Installation site({}, true, [](service::Settings& s) {
    s.trusted_redirect_uris = {R"(^https://trusted\.example/)", R"(https://bare\.example)",
                               R"(^(https:\/\/mytoken\.example\.org)?\/app)"};
  });
  const char* const refused[] = {"//evil.example/",
                                 "/\\evil.example/",
                                 "\\\\evil.example/",
                                 "/\tx",
                                 "/home\r\nSet-Cookie: a=b",
                                 "/home ",
                                 "https://evil.example/",
                                 "http://trusted.example/",
                                 "https://user@trusted.example/",
                                 "https://trusted.example@evil.example/",
                                 "https://trusted.example.evil.example/",
                                 "https://bare.example.evil.example/",
                                 "https://bare.example:444/",
                                 "https://bare.example@evil.example/",
                                 "https://evil.example/?https://trusted.example/",
                                 "https://mytoken.example.org@evil.example/",
                                 "https://mytoken.example.org.evil.example/",
                                 "https://",
                                 "https:///x",
                                 "javascript:alert(1)",
                                 "HTTPS://evil.example/",
                                 "home"};
  for (const char* uri : refused) {
    auto start = site.start({}, uri);
    ASSERT_FALSE(start) << uri;
    EXPECT_EQ(start.error().code, "invalid_request") << uri;
    EXPECT_EQ(start.error().status, 400) << uri;
  }
  EXPECT_EQ(site.count("SELECT count(*) FROM flows"), 0);
}

TEST(TrustedRedirect, a_trusted_redirect_uri_skips_consent_and_others_on_this_server_do_not) {
  Installation site({}, true, [](service::Settings& s) {
    s.trusted_redirect_uris = {R"(^https://trusted\.example/)", R"(https://bare\.example)",
                               R"(^(https:\/\/mytoken\.example\.org)?\/app)", "("};
  });
  for (const char* uri :
       {"https://trusted.example/", "https://trusted.example/x?y=1", "https://bare.example",
        "https://bare.example/x", "/app", "/app/x", "https://mytoken.example.org/app"}) {
    auto start = site.start({}, uri);
    ASSERT_TRUE(start) << uri;
    EXPECT_EQ(start->consent_uri, "") << uri;
    ASSERT_FALSE(start->authorization_uri.empty()) << uri;
    service::Redirect back = site.follow(start->authorization_uri);
    back.browser = start->browser;
    auto end = site.finish(back);
    ASSERT_TRUE(end) << uri << end.error().description;
    EXPECT_EQ(end->location, uri);
  }
  for (const char* uri :
       {"/home", "/x/app", "https://mytoken.example.org", "https://mytoken.example.org/home"}) {
    auto start = site.start({}, uri);
    ASSERT_TRUE(start) << uri;
    EXPECT_EQ(start->authorization_uri, "") << uri;
    EXPECT_FALSE(start->consent_uri.empty()) << uri;
  }
}

}  // namespace
}  // namespace mytoken::test
