// Settings of a user: tags, tokens that carry them, grants (spec settings.md §§1, 3, 5–7).
#include <gtest/gtest.h>

#include "crypto/hash.h"
#include "service/grants.h"
#include "service/revoke.h"
#include "service/tags.h"
#include "store/tokens.h"
#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

using service::OperationAnswer;

std::string text(const json::object& object, std::string_view name) {
  return std::string(string_member(object, name));
}

class SettingsOfUsers : public ::testing::Test {
 protected:
  SettingsOfUsers() : site({}, true, [](service::Settings& settings) { settings.ssh = true; }) {
    full = login({"AT", "create_mytoken", "tokeninfo", "manage_mytokens", "settings"});
  }

  struct Token {
    Secret text;
    std::string mom_id;
    std::string id;
  };
  static Token token_of(const json::object& answer) {
    const std::string mom_id = text(answer, "mom_id");
    return {Secret(text(answer, "mytoken")), mom_id, *decode_base64(mom_id)};
  }
  Token login(token::Capabilities capabilities, std::vector<token::TagWish> tags = {}) {
    service::TokenWish wish;
    wish.capabilities = std::move(capabilities);
    wish.tags = std::move(tags);
    return token_of(site.login(std::move(wish)));
  }
  Result<service::IssueAnswer> make(const Token& parent, service::TokenWish wish) {
    service::SubtokenRequest request;
    request.presentation = site.present(parent.text);
    request.wish = std::move(wish);
    return site.run(service::make_subtoken(*site.context, std::move(request)));
  }
  Token child_of(const Token& parent, service::TokenWish wish = {}) {
    auto answer = make(parent, std::move(wish));
    EXPECT_TRUE(answer) << answer.error().description << answer.error().cause;
    return answer ? token_of(answer->body) : Token{};
  }
  Token with(token::Capabilities capabilities) {
    service::TokenWish wish;
    wish.capabilities = std::move(capabilities);
    return child_of(full, std::move(wish));
  }
  Token rotating() {
    service::TokenWish wish;
    wish.rotation = token::Rotation{false, true, Seconds(0), false};
    return child_of(full, std::move(wish));
  }

  service::OperationRequest by(const Token& token, const std::string& what = {}) {
    return {site.present(token.text), what.empty() ? std::string() : crypto::sha256(what)};
  }
  // "" or "status code".
  static std::string outcome(const Result<OperationAnswer>& answer) {
    return answer ? "" : std::to_string(answer.error().status) + " " + answer.error().code;
  }
  Result<OperationAnswer> create(const Token& token, const std::string& name,
                                 const std::string& color = {}) {
    return site.run(service::create_tag(*site.context, by(token), name, color));
  }
  Result<OperationAnswer> change(const Token& token, const std::string& name,
                                 store::TagChange what) {
    return site.run(service::change_tag(*site.context, by(token), name, std::move(what)));
  }
  Result<OperationAnswer> remove(const Token& token, const std::string& name) {
    return site.run(service::delete_tag(*site.context, by(token), name));
  }
  Result<OperationAnswer> list(const Token& token) {
    return site.run(service::list_tags(*site.context, by(token)));
  }
  Result<OperationAnswer> tag(const Token& token, const std::string& name,
                              const std::string& mom_id = {}, bool with_children = false) {
    return site.run(service::tag_token(*site.context, by(token), {name, mom_id, with_children}));
  }
  Result<OperationAnswer> untag(const Token& token, const std::string& name,
                                const std::string& mom_id = {}, bool with_children = false) {
    return site.run(service::untag_token(*site.context, by(token), {name, mom_id, with_children}));
  }
  // "ci:#rrggbb ..." as seen by the full token.
  std::string tags() {
    auto answer = list(full);
    EXPECT_TRUE(answer) << outcome(answer);
    std::string all;
    if (!answer) return all;
    for (const auto& entry : answer->body.at("tags").as_array()) {
      all += (all.empty() ? "" : " ") + text(entry.as_object(), "tag") + ":" +
             text(entry.as_object(), "color");
    }
    return all;
  }
  // "a b+": + for tags that children inherit.
  std::string tags_of(const Token& token) {
    std::string all;
    auto read = site.database->read_now([&](sql::Connection& db) -> Result<void> {
      all.clear();
      auto found = store::tags_of(db, std::vector{token.id});
      if (!found) return tl::unexpected(found.error());
      for (const auto& entry : (*found)[token.id])
        all += (all.empty() ? "" : " ") + entry.name + (entry.include_children ? "+" : "");
      return {};
    });
    EXPECT_TRUE(read);
    return all;
  }
  // The last event of a token with its comment.
  std::string last_event(const Token& token) {
    const auto names = site.events(token.id);
    std::string comment;
    EXPECT_TRUE(site.database->read_now([&](sql::Connection& db) -> Result<void> {
      auto row = db.one(
          "SELECT comment FROM events WHERE mytoken_id = $1 ORDER BY id DESC LIMIT 1",
          [](const sql::Row& r) { return r.string(0); }, sql::Blob{token.id});
      if (row && *row) comment = **row;
      return {};
    }));
    return names.empty() ? "" : names.back() + "(" + comment + ")";
  }
  std::string grants(const Token& token) {
    auto answer = site.run(service::list_grants(*site.context, by(token)));
    return answer ? json::serialize(answer->body.at("grant_types")) : outcome(answer);
  }
  std::string set_grant(const Token& token, bool enabled) {
    return outcome(site.run(service::set_grant(*site.context, by(token), "ssh", enabled)));
  }

  Installation site;
  Token full;
};

TEST_F(SettingsOfUsers, tags_are_created_listed_changed_and_deleted) {
  EXPECT_EQ(tags(), "");
  EXPECT_EQ(last_event(full), "tags_listed()");
  EXPECT_EQ(outcome(create(full, "ci")), "");
  EXPECT_EQ(last_event(full), "tag_created(ci)");
  EXPECT_EQ(outcome(create(full, "prod", "ffa500")), "");
  EXPECT_EQ(outcome(create(full, "prod", "000000")), "") << "is there already";
  EXPECT_EQ(tags(), "ci:#3b67f3 prod:#ffa500");
  EXPECT_EQ(outcome(change(full, "ci", {"build", "00ff00"})), "");
  EXPECT_EQ(last_event(full), "tag_updated(ci)");
  EXPECT_EQ(tags(), "build:#00ff00 prod:#ffa500");
  EXPECT_EQ(outcome(remove(full, "build")), "");
  EXPECT_EQ(last_event(full), "tag_deleted(build)");
  EXPECT_EQ(outcome(remove(full, "build")), "");
  EXPECT_EQ(tags(), "prod:#ffa500");
}

TEST_F(SettingsOfUsers,
       settings_weakness_9_a_name_that_is_taken_is_a_conflict_and_an_unknown_one_is_not_found) {
  EXPECT_EQ(outcome(create(full, "a", "111111")), "");
  EXPECT_EQ(outcome(create(full, "b", "222222")), "");
  const auto before = site.events(full.id);
  EXPECT_EQ(outcome(change(full, "a", {"b", "333333"})), "409 invalid_request");
  EXPECT_EQ(outcome(change(full, "nothing", {std::nullopt, "333333"})), "404 not_found");
  EXPECT_EQ(site.events(full.id), before) << "what failed is not logged";
  EXPECT_EQ(tags(), "a:#111111 b:#222222");
  EXPECT_EQ(outcome(change(full, "a", {"A", std::nullopt})), "") << "letter case tells names apart";
}

TEST_F(SettingsOfUsers, settings_weakness_7_what_fails_is_neither_counted_nor_rotated) {
  token::Clause clause;
  clause.usages_other = 1;
  service::TokenWish wish;
  wish.restrictions = {clause};
  wish.rotation = token::Rotation{false, true, Seconds(0), false};
  const Token once = child_of(full, wish);
  EXPECT_EQ(outcome(change(once, "nothing", {"x", std::nullopt})), "404 not_found");
  auto done = create(once, "ci");
  ASSERT_TRUE(done) << outcome(done);
  Token next = once;
  next.text = done->rotated;
  EXPECT_EQ(outcome(create(next, "more")), "403 usage_restricted");
  EXPECT_EQ(tags(), "ci:#3b67f3");
}

TEST_F(SettingsOfUsers, settings_weakness_8_a_token_without_restrictions_has_no_usage_to_count) {
  const std::int64_t before = site.count("SELECT count(*) FROM clauses");
  EXPECT_EQ(outcome(create(full, "ci")), "");
  EXPECT_EQ(set_grant(full, true), "");
  EXPECT_EQ(site.count("SELECT count(*) FROM clauses"), before);
}

TEST_F(SettingsOfUsers, tags_need_their_capabilities) {
  const Token reader = with({"AT", "tokeninfo:introspect"});
  EXPECT_EQ(outcome(list(reader)), "403 insufficient_capabilities");
  const Token reading = login({"read@settings:tags"});
  EXPECT_EQ(outcome(list(reading)), "");
  EXPECT_EQ(outcome(create(reading, "x")), "403 insufficient_capabilities");
  EXPECT_EQ(outcome(change(reading, "x", {"y", std::nullopt})), "403 insufficient_capabilities");
  EXPECT_EQ(outcome(remove(reading, "x")), "403 insufficient_capabilities");
  EXPECT_EQ(outcome(create(login({"settings:tags"}), "x")), "");
}

TEST_F(SettingsOfUsers, clients_rule_2_whoever_tags_notifications_and_calendars_may_list_the_tags) {
  for (const char* capability : {"tokeninfo:notify", "tokeninfo", "manage_mytokens:notify",
                                 "manage_mytokens", "settings", "read@settings"})
    EXPECT_EQ(outcome(list(login({capability}))), "") << capability;
  for (const char* capability :
       {"AT", "create_mytoken", "tokeninfo:tags", "manage_mytokens:tags",
        "read@manage_mytokens:notify", "settings:grants", "settings:email"})
    EXPECT_EQ(outcome(list(login({capability}))), "403 insufficient_capabilities") << capability;
}

TEST_F(SettingsOfUsers, a_token_tags_itself_with_tags_that_need_not_be_there) {
  const Token own = with({"tokeninfo:tags"});
  EXPECT_EQ(outcome(tag(own, "ci")), "");
  EXPECT_EQ(last_event(own), "tag_added_to_token(ci)");
  EXPECT_EQ(tags_of(own), "ci");
  EXPECT_EQ(tags(), "ci:#3b67f3");
  EXPECT_EQ(outcome(tag(own, "ci", own.mom_id, true)), "");
  EXPECT_EQ(last_event(own), "tag_added_to_token(ci)");
  EXPECT_EQ(tags_of(own), "ci+");
  EXPECT_EQ(outcome(untag(own, "ci")), "");
  EXPECT_EQ(last_event(own), "tag_removed_from_token(ci)");
  EXPECT_EQ(outcome(untag(own, "never there")), "");
  EXPECT_EQ(tags_of(own), "");
  EXPECT_EQ(tags(), "ci:#3b67f3") << "taking a tag away neither makes nor deletes one";
}

TEST_F(SettingsOfUsers, other_tokens_are_tagged_by_ancestors_and_by_managers) {
  const Token parent = with({"tokeninfo:tags", "create_mytoken"});
  const Token child = child_of(parent);
  const Token grandchild = child_of(child);
  const Token sibling = with({"AT"});
  EXPECT_EQ(outcome(tag(parent, "t", grandchild.mom_id)), "");
  EXPECT_EQ(last_event(parent), "tag_added_to_other_token(t)");
  EXPECT_EQ(tags_of(grandchild), "t");
  EXPECT_EQ(outcome(untag(parent, "t", grandchild.mom_id)), "");
  EXPECT_EQ(last_event(parent), "tag_removed_from_other_token(t)");
  EXPECT_EQ(outcome(tag(child, "t", parent.mom_id)), "403 insufficient_capabilities");
  EXPECT_EQ(outcome(tag(parent, "t", sibling.mom_id)), "403 insufficient_capabilities");
  const auto refused = tag(parent, "t", sibling.mom_id);
  EXPECT_NE(refused.error().description.find("manage_mytokens:tags"), std::string::npos);
  const Token manager = with({"manage_mytokens:tags"});
  EXPECT_EQ(outcome(tag(manager, "t", sibling.mom_id)), "");
  EXPECT_EQ(outcome(tag(manager, "t")), "") << "any token is also the own one";
  EXPECT_EQ(outcome(tag(manager, "t", "bm90IHRoZXJl")), "403 invalid_grant");
  EXPECT_EQ(outcome(tag(with({"AT"}), "t")), "403 insufficient_capabilities");
  // Another user's token.
  site.execute("INSERT INTO users (id, oidc_sub, oidc_iss, created) VALUES (7, 'other', 'iss', 0)");
  const Token stranger = with({"AT"});
  site.execute("UPDATE mytokens SET user_id = 7 WHERE id = CAST(x'" + hex(stranger.id) +
               "' AS BLOB)");
  EXPECT_EQ(outcome(tag(manager, "t", stranger.mom_id)), "403 invalid_grant");
  EXPECT_EQ(outcome(untag(manager, "t", stranger.mom_id)), "403 invalid_grant");
}

TEST_F(SettingsOfUsers, a_tag_for_children_reaches_current_and_future_ones) {
  const Token parent = with({"tokeninfo:tags", "create_mytoken"});
  const Token child = child_of(parent);
  const Token grandchild = child_of(child);
  EXPECT_EQ(outcome(tag(parent, "family", {}, true)), "");
  EXPECT_EQ(outcome(tag(parent, "single")), "");
  EXPECT_EQ(tags_of(child), "family+");
  EXPECT_EQ(tags_of(grandchild), "family+");
  const Token later = child_of(grandchild);
  EXPECT_EQ(tags_of(later), "family+");
  EXPECT_EQ(outcome(untag(parent, "family")), "");
  EXPECT_EQ(tags_of(parent), "single");
  EXPECT_EQ(tags_of(later), "family+");
  EXPECT_EQ(outcome(untag(parent, "family", {}, true)), "");
  EXPECT_EQ(tags_of(child) + tags_of(grandchild) + tags_of(later), "");
}

TEST_F(SettingsOfUsers, a_new_token_has_its_parents_tags_and_those_it_was_made_with) {
  EXPECT_EQ(outcome(create(full, "known", "123456")), "");
  const Token root =
      login({"create_mytoken", "AT"}, {{"known", false}, {"new", true}, {"both", true}});
  EXPECT_EQ(tags_of(root), "both+ known new+");
  EXPECT_EQ(tags().find("known:#123456") != std::string::npos, true);
  service::TokenWish wish;
  wish.tags = {{"own", true}, {"both", false}};
  const Token child = child_of(root, wish);
  EXPECT_EQ(tags_of(child), "both new+ own+") << "the request's flag counts";
  EXPECT_EQ(tags_of(child_of(child)), "new+ own+")
      << "no capability is needed beyond making tokens";
}

TEST_F(SettingsOfUsers, tags_outlive_rotation_and_end_with_the_token) {
  const Token token = rotating();
  auto first = tag(token, "kept", {}, true);
  ASSERT_TRUE(first) << outcome(first);
  EXPECT_TRUE(first->body.contains("token_update"));
  Token next = token;
  next.text = first->rotated;
  auto second = tag(next, "more");
  ASSERT_TRUE(second) << outcome(second);
  EXPECT_EQ(tags_of(token), "kept+ more");
  service::RevocationRequest request;
  request.presentation = site.present(second->rotated);
  ASSERT_TRUE(site.run(service::revoke_presented(*site.context, request)));
  EXPECT_EQ(site.count("SELECT count(*) FROM token_tags"), 0);
  EXPECT_EQ(tags().substr(0, 5), "kept:");
}

TEST_F(SettingsOfUsers, a_full_list_of_tags_does_not_cost_the_token_that_wishes_another_one) {
  ASSERT_TRUE(site.database->write_now([&](sql::Transaction& db) -> Result<void> {
    auto state = store::token_state(db, full.id);
    for (int i = 0; i < store::most_tags; ++i) {
      auto tag = store::find_or_add_tag(db, (*state)->user_id, std::to_string(i), "abcdef");
      if (!tag) return tl::unexpected(tag.error());
    }
    return {};
  }));
  EXPECT_EQ(outcome(create(full, "more")), "400 invalid_request");
  EXPECT_EQ(outcome(tag(full, "more")), "400 invalid_request");
  EXPECT_EQ(outcome(tag(full, "17")), "");
  service::TokenWish wish;
  wish.tags = {{"more", false}};
  const std::int64_t before = site.count("SELECT count(*) FROM mytokens");
  ASSERT_TRUE(make(full, wish));
  EXPECT_EQ(site.count("SELECT count(*) FROM mytokens"), before + 1);
  EXPECT_EQ(site.count("SELECT count(*) FROM tags WHERE name = 'more'"), 0);
}

TEST_F(SettingsOfUsers, a_repeated_request_of_a_rotating_token_has_one_effect_and_the_same_answer) {
  const Token token = rotating();
  const auto ask = [&] {
    return site.run(service::create_tag(*site.context, by(token, "POST ci"), "ci", ""));
  };
  const auto first = ask();
  const auto again = ask();
  ASSERT_TRUE(first && again) << outcome(again);
  EXPECT_TRUE(again->body == first->body);
  Token next = token;
  next.text = first->rotated;
  const auto look = [&] {
    return site.run(service::list_tags(*site.context, by(next, "GET tags")));
  };
  const auto seen = look();
  const auto seen_again = look();
  ASSERT_TRUE(seen && seen_again) << outcome(seen_again);
  EXPECT_TRUE(seen_again->body == seen->body);
  EXPECT_EQ(seen->body.at("tags").as_array().size(), 1u);
}

TEST_F(SettingsOfUsers, a_login_with_tags_shows_them_to_whoever_consents) {
  service::TokenWish wish;
  wish.tags = {{"ci", true}, {"ünïcode", false}};
  const auto start = site.start(wish);
  ASSERT_TRUE(start);
  const auto view =
      site.run(service::consent_view(*site.context, Installation::consent_of(*start)));
  ASSERT_TRUE(view);
  EXPECT_EQ(json::serialize(view->request.at("tags")),
            R"([{"tag":"ci","include_children":true},{"tag":"ünïcode","include_children":false}])");
}

TEST_F(SettingsOfUsers, the_ssh_grant_is_off_until_switched_on_and_both_are_idempotent) {
  EXPECT_EQ(grants(full), R"([{"grant_type":"ssh","enabled":false}])");
  EXPECT_EQ(last_event(full), "settings_grants_listed()");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(set_grant(full, true), "");
    EXPECT_EQ(last_event(full), "settings_grant_enabled(ssh)");
    EXPECT_EQ(grants(full), R"([{"grant_type":"ssh","enabled":true}])");
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(set_grant(full, false), "");
    EXPECT_EQ(last_event(full), "settings_grant_disabled(ssh)");
    EXPECT_EQ(grants(full), R"([{"grant_type":"ssh","enabled":false}])");
  }
}

TEST_F(SettingsOfUsers, grants_need_their_capabilities) {
  const Token reading = login({"read@settings:grants"});
  EXPECT_EQ(grants(reading), R"([{"grant_type":"ssh","enabled":false}])");
  EXPECT_EQ(set_grant(reading, true), "403 insufficient_capabilities");
  EXPECT_EQ(set_grant(reading, false), "403 insufficient_capabilities");
  for (const char* capability : {"AT", "settings:tags", "read@settings:grants:ssh"})
    EXPECT_EQ(grants(login({capability})), "403 insufficient_capabilities") << capability;
  EXPECT_EQ(set_grant(login({"settings:grants"}), true), "");
}

TEST(Grants, none_is_offered_while_the_server_has_no_ssh) {
  service::Settings settings;
  EXPECT_FALSE(service::check_grant(settings, "ssh", true));
  EXPECT_TRUE(service::check_grant(settings, "ssh", false));
  settings.ssh = true;
  EXPECT_TRUE(service::check_grant(settings, "ssh", true));
  for (const char* grant : {"", "mytoken", "oidc_flow", "polling_code", "transfer_code",
                            "refresh_token", "SSH", "nonsense"}) {
    const auto refused = service::check_grant(settings, grant, true);
    ASSERT_FALSE(refused) << grant;
    EXPECT_EQ(refused.error().code, "invalid_request");
    EXPECT_NE(refused.error().description.find("grant_type"), std::string::npos);
  }
}

}  // namespace
}  // namespace mytoken::test
