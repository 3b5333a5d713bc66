// What the consent pages say and hold: words for people, and the contract with the agent's web view
// (spec cli.md §3.1, clients.md §3.3).
#include "web/consent_page.h"

#include <gtest/gtest.h>

#include "web/words.h"

namespace mytoken::test {
namespace {

const Time now = from_unix(1790000000);

service::SubtokenPreview preview(service::TokenWish wish = {}) {
  service::SubtokenPreview preview;
  preview.issuer = "https://op.example.org";
  preview.provider_name = "Provider";
  preview.provider_scopes = {"openid", "read"};
  preview.wish = std::move(wish);
  if (!preview.wish.capabilities) preview.wish.capabilities = token::Capabilities{"AT"};
  preview.grantable = {"AT", "create_mytoken", "read@settings"};
  return preview;
}

std::string page(const service::SubtokenPreview& preview, service::Settings settings = {}) {
  return web::application_consent_page({"Service", "contact@example.org", {}, true}, settings,
                                       preview, now);
}

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1))
    ++found;
  return found;
}

TEST(ApplicationPage, keeps_the_contract_whatever_is_asked) {
  service::TokenWish wish;
  wish.name = "{{name}}}} {{#x}} <b>'\"\\ ";
  wish.name += '\0';
  wish.application_name = "</title></script>{{{app}}}";
  token::Clause clause;
  clause.audience = {"}}{{", "</script><script>", "\xE2\x80\xA8", "\"\\"};
  clause.scope = {"{{", "<!--"};
  wish.restrictions = {clause, clause};
  wish.rotation = token::Rotation{};
  const std::string html = page(preview(wish));
  EXPECT_EQ(count(html, "{{"), 0u);
  EXPECT_EQ(count(html, "}}"), 0u);
  EXPECT_EQ(html.find('\0'), html.npos);
  EXPECT_EQ(count(html, "<script"), 2u);
  EXPECT_EQ(count(html, "</script>"), 2u);
  EXPECT_EQ(count(html, "<!--"), 0u);
  EXPECT_EQ(count(html, "<div class=\"footer\""), 1u);
  EXPECT_EQ(count(html, "window.approve(decision)"), 1u);
  EXPECT_EQ(count(html, "window.cancel()"), 1u);
  EXPECT_EQ(count(html, "localStorage"), 0u);
  EXPECT_EQ(count(html, "http-equiv"), 0u);
  EXPECT_EQ(count(html, " src="), 0u);
  EXPECT_EQ(count(html, " href="), 0u);
}

TEST(ApplicationPage, offers_what_the_parent_can_grant_and_nothing_else) {
  const std::string html = page(preview());
  EXPECT_EQ(count(html, "value=\"AT\" checked"), 1u);
  EXPECT_EQ(count(html, "value=\"create_mytoken\">"), 1u);
  EXPECT_EQ(count(html, "value=\"read@settings\">"), 1u);
  EXPECT_EQ(count(html, "value=\"read@settings:email\">"), 1u);
  EXPECT_EQ(count(html, "value=\"settings\""), 0u);
  EXPECT_EQ(count(html, "value=\"tokeninfo\""), 0u);
}

TEST(ApplicationPage, fields_of_restrictions_that_are_switched_off_are_missing) {
  service::Settings settings;
  settings.unsupported_restrictions = {"geoip_allow", "scope"};
  const std::string html = page(preview(), settings);
  EXPECT_EQ(count(html, "data-key=\"geoip_allow\""), 0u);
  EXPECT_EQ(count(html, "data-key=\"geoip_disallow\""), 1u);
  EXPECT_EQ(count(html, "data-key=\"other_scopes\""), 0u);
}

TEST(ApplicationPage, tags_are_ticked_as_they_were_asked_for) {
  service::TokenWish wish;
  wish.tags = {{"lab <1>", true}, {"night", false}};
  const std::string html = page(preview(wish));
  EXPECT_EQ(count(html, R"(<span class="tag">lab &lt;1&gt;</span>)"), 1u);
  for (const char* field :
       {R"(name="tag" value="0" checked)", R"(name="tag" value="1" checked)",
        R"(name="tag_children" value="0" checked)", R"(name="tag_children" value="1">)"})
    EXPECT_EQ(count(html, field), 1u) << field;
  EXPECT_EQ(count(html, R"("tags":[{ "tag":"lab \u003c1\u003e","include_children":true} ,{ )"
                        R"("tag":"night","include_children":false} ])"),
            1u);
  EXPECT_EQ(count(html, "<script>alert"), 0u);
  EXPECT_EQ(count(page(preview()), R"(name="tag")"), 0u);
  EXPECT_EQ(count(page(preview()), R"(name="more_tags")"), 1u);
}

TEST(ApplicationPage, a_hundred_clauses_fit) {
  service::TokenWish wish;
  for (int i = 0; i < 100; ++i) {
    token::Clause clause;
    clause.exp = now + Seconds(i + 1);
    clause.hosts = {"192.0.2." + std::to_string(i)};
    wish.restrictions.push_back(clause);
  }
  EXPECT_LT(page(preview(wish)).size(), 96u * 1024);
}

TEST(ConsentWords, tell_until_when_from_where_and_how_often) {
  token::Clause clause;
  clause.nbf = now - Seconds(7200);
  clause.exp = now + Seconds(7 * 86400);
  clause.hosts = {"192.0.2.0/24"};
  clause.usages_at = 1;
  clause.usages_other = 0;
  EXPECT_EQ(web::conditions(clause, now),
            (std::vector<std::string>{
                "from 2026-09-21 12:13 UTC (2 hours ago) on",
                "until 2026-09-28 14:13 UTC (in 7 days)", "from the hosts 192.0.2.0/24",
                "at most 1 time for access tokens", "never for everything else"}));
  token::Clause endless;
  endless.exp = from_unix(9007199254740993);
  EXPECT_EQ(web::conditions(endless, now),
            std::vector<std::string>{"until the end of the calendar"});
}

TEST(ConsentWords, durations_in_the_largest_unit_that_is_exact) {
  EXPECT_EQ(web::duration_text(Seconds(7 * 86400)), "7d");
  EXPECT_EQ(web::duration_text(Seconds(36 * 3600)), "36h");
  EXPECT_EQ(web::duration_text(Seconds(90 * 60)), "90m");
  EXPECT_EQ(web::duration_text(Seconds(61)), "61s");
}

}  // namespace
}  // namespace mytoken::test
