// Where a claim about the user is looked for (spec oidc.md §§1.6, 20.5).
#include "unit/oidc/provider_fixture.h"

namespace mytoken::oidc {
namespace {

struct ClaimTest : ProviderTest {
  // The claim `groups` after a login, as JSON; "null" if there is none, "silence" without answer.
  std::string groups(const std::string& source) {
    const auto answer = log_in();
    if (!answer) return answer.error().cause;
    const auto identity = run(provider().identify(*answer, "the-nonce"));
    if (!identity) return identity.error().description;
    const auto claim = run(provider().claim(*answer, *identity, source, "groups", 10s));
    return claim ? json::serialize(*claim) : "silence";
  }
  std::string attributes() { return scripted.issuer() + "/attributes"; }
};

TEST_F(ClaimTest, the_id_token_comes_first_then_the_access_token_then_userinfo) {
  set([](ProviderKnobs& knobs) {
    knobs.audience = ProviderKnobs::Audience::fixed;
    knobs.fixed_audience = {"client"};
    knobs.id_token_claims = {{"groups", "id"}};
    knobs.access_token_claims = {{"groups", "access"}};
    knobs.userinfo_claims = {{"groups", "userinfo"}};
  });
  for (const char* source : {"op", "issuer", "default", "userinfo"})
    EXPECT_EQ(groups(source), "\"id\"") << source;
  set([](ProviderKnobs& knobs) { knobs.id_token_claims = {{"groups", nullptr}}; });
  EXPECT_EQ(groups("op"), "\"access\"");
  EXPECT_EQ(scripted.counters().userinfo, 0u);
  set([](ProviderKnobs& knobs) { knobs.audience = ProviderKnobs::Audience::ignore; });
  EXPECT_EQ(groups("op"), "\"userinfo\"");
}

TEST_F(ClaimTest, oidc_weakness_5_userinfo_is_read_and_only_about_this_user) {
  set([](ProviderKnobs& knobs) { knobs.userinfo_claims = {{"groups", json::array{"a", "b"}}}; });
  EXPECT_EQ(groups("userinfo"), R"(["a","b"])");
  set([](ProviderKnobs& knobs) { knobs.userinfo_subject = "somebody else"; });
  EXPECT_EQ(groups("userinfo"), "silence");
}

TEST_F(ClaimTest, a_url_is_asked_with_the_access_token) {
  set([](ProviderKnobs& knobs) {
    knobs.attributes = R"({"groups":["x"]})";
    knobs.id_token_claims = {{"groups", "id"}};
  });
  EXPECT_EQ(groups(attributes()), R"(["x"])");
}

TEST_F(ClaimTest, no_claim_is_not_the_same_as_no_answer) {
  EXPECT_EQ(groups("op"), "null");
  EXPECT_EQ(groups(attributes()), "silence");  // 404
  EXPECT_EQ(groups("http://127.0.0.1:1/nobody"), "silence");
  for (const char* body : {"[]", "\"groups\"", "no JSON"}) {
    set([body](ProviderKnobs& knobs) { knobs.attributes = body; });
    EXPECT_EQ(groups(attributes()), "silence") << body;
  }
  for (const char* body : {R"({"Groups":1})", R"({"groups":null})"}) {
    set([body](ProviderKnobs& knobs) { knobs.attributes = body; });
    EXPECT_EQ(groups(attributes()), "null") << body;
  }
}

}  // namespace
}  // namespace mytoken::oidc
