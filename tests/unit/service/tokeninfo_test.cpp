// History, trees, lists, and what a described use would meet (spec api.md §6, tokens.md §6.4).
#include "service/tokeninfo.h"

#include <set>

#include "service/inspect.h"
#include "store/tags.h"
#include "unit/service/mytokens.h"

namespace mytoken::test {
namespace {

service::OperationRequest asking(Installation& site, const Secret& token,
                                 std::string hash = "a request") {
  return {site.present(token), std::move(hash)};
}
Result<service::OperationAnswer> history(Installation& site, const Secret& token,
                                         std::vector<std::string> selectors = {},
                                         service::Page page = {}) {
  return site.run(
      service::event_history(*site.context, asking(site, token), std::move(selectors), page));
}
std::vector<std::string> names(const Result<service::OperationAnswer>& answer) {
  std::vector<std::string> list;
  EXPECT_TRUE(answer) << answer.error().description;
  if (!answer) return list;
  for (const auto& event : answer->body.at("events").as_array())
    list.emplace_back(event.at("event").as_string());
  return list;
}
std::string code(const Result<service::OperationAnswer>& answer) {
  return answer ? "" : std::to_string(answer.error().status) + " " + answer.error().code;
}
using Names = std::vector<std::string>;

TEST(Tokeninfo, the_history_is_newest_first_without_the_request_itself) {
  Installation site;
  const Secret token = site.login_token(able_to({"AT", "tokeninfo", "create_mytoken"}));
  child_of(site, token, able_to({"AT"}, "job"));
  auto answer = history(site, token);
  EXPECT_EQ(names(answer), (Names{"MT_created", "transfer_code_used", "created"}));
  const auto& newest = answer->body.at("events").as_array().at(0).as_object();
  EXPECT_EQ(string_member(newest, "comment"), "Created MT job");
  EXPECT_EQ(string_member(newest, "ip"), "192.0.2.1");
  EXPECT_EQ(string_member(newest, "user_agent"), "test/1");
  EXPECT_EQ(names(history(site, token)).front(), "tokeninfo_history");
}

TEST(Tokeninfo, an_event_is_listed_once_however_often_its_token_is_named) {
  Installation site;
  const Secret token = site.login_token(able_to({"tokeninfo", "create_mytoken"}));
  const Made child = child_of(site, token, able_to({"tokeninfo", "create_mytoken"}));
  const Made grandchild = child_of(site, child.token, able_to({"tokeninfo"}));
  auto answer = history(site, token,
                        {"this", "children", child.mom_id, grandchild.mom_id, "children",
                         "children@" + child.mom_id});
  ASSERT_TRUE(answer);
  std::set<std::string> seen;
  for (const auto& event : answer->body.at("events").as_array())
    EXPECT_TRUE(seen.insert(json::serialize(event)).second) << json::serialize(event);
  EXPECT_EQ(seen.size(), 2u + 1 + 2 + 1 + 2);  // root: login, child; child: made, its own child
  EXPECT_EQ(site.events(*token::parse_mom_id(child.mom_id)).size(), 3u);
}

TEST(Tokeninfo, W33_every_selector_obeys_one_rule) {
  Installation site;
  const Secret root =
      site.login_token(able_to({"AT", "tokeninfo", "create_mytoken", "manage_mytokens"}));
  const Made plain = child_of(site, root, able_to({"AT", "create_mytoken"}));
  const Made own = child_of(site, root, able_to({"tokeninfo:history", "create_mytoken"}));
  const Made below = child_of(site, own.token, able_to({"create_mytoken"}));
  const Made manager = child_of(site, root, able_to({"manage_mytokens:history"}));
  // Without any of the two capabilities nothing is shown.
  for (const char* selector : {"this", "children"})
    EXPECT_EQ(code(history(site, plain.token, {selector})), "403 insufficient_capabilities");
  EXPECT_EQ(code(history(site, plain.token, {plain.mom_id})), "403 insufficient_capabilities");
  // With tokeninfo:history: itself and what is below it.
  for (const std::string& selector : {std::string("this"), std::string("children"), own.mom_id,
                                      below.mom_id, "children@" + own.mom_id})
    EXPECT_EQ(code(history(site, own.token, {selector})), "") << selector;
  EXPECT_EQ(code(history(site, own.token, {plain.mom_id})), "403 insufficient_capabilities");
  EXPECT_EQ(code(history(site, own.token, {"this", plain.mom_id})),
            "403 insufficient_capabilities");
  // With manage_mytokens:history: every token of the user, by any name.
  for (const std::string& selector : {std::string("this"), std::string("children"), own.mom_id,
                                      "children@" + own.mom_id, manager.mom_id})
    EXPECT_EQ(code(history(site, manager.token, {selector})), "") << selector;
  EXPECT_EQ(code(history(site, manager.token)), "403 insufficient_capabilities");
  EXPECT_EQ(code(history(site, manager.token, {"nonsense"})), "403 invalid_grant");
  EXPECT_EQ(code(history(site, own.token, {"nonsense"})), "403 insufficient_capabilities");
}

TEST(Tokeninfo, tokens_of_another_user_are_out_of_reach) {
  Installation site;
  const Secret mine = site.login_token(able_to({"tokeninfo", "manage_mytokens"}));
  site.provider->set([](ProviderKnobs& knobs) { knobs.user = "somebody-else"; });
  const json::object other = site.login(able_to({"AT"}));
  const std::string mom_id(string_member(other, "mom_id"));
  EXPECT_EQ(code(history(site, mine, {mom_id})), "403 invalid_grant");
  EXPECT_EQ(code(history(site, mine, {"children@" + mom_id})), "403 invalid_grant");
  auto list = site.run(service::list_mytokens(*site.context, asking(site, mine), {}));
  ASSERT_TRUE(list);
  EXPECT_EQ(list->body.at("mytokens").as_array().size(), 1u);
}

TEST(Tokeninfo, pages_of_the_history_are_the_whole_history) {
  Installation site;
  const Secret token = site.login_token(able_to({"tokeninfo", "create_mytoken"}));
  for (int i = 0; i < 7; ++i)
    child_of(site, token, able_to({"tokeninfo:history"}, "c" + std::to_string(i)));
  json::array whole = history(site, token, {"this", "children"})->body.at("events").as_array();
  whole.insert(whole.begin(), json::value());  // the line that this request has written
  json::array paged;
  service::Page page{3, ""};
  for (;;) {
    auto part = history(site, token, {"this", "children"}, page);
    ASSERT_TRUE(part);
    const auto& events = part->body.at("events").as_array();
    ASSERT_LE(events.size(), 3u);
    // Every request writes a line of its own, but only before the beginning.
    paged.insert(paged.end(), events.begin(), events.end());
    const auto* next = part->body.if_contains("next_cursor");
    if (!next) break;
    page.cursor = next->as_string();
  }
  ASSERT_EQ(paged.size(), whole.size());
  for (std::size_t i = 1; i < whole.size(); ++i)
    EXPECT_EQ(paged[i], whole[i]);
}

TEST(Tokeninfo, a_cursor_that_no_answer_gave_is_refused) {
  Installation site;
  const Secret token = site.login_token(able_to({"tokeninfo", "manage_mytokens"}));
  EXPECT_EQ(code(history(site, token, {}, {5, "12x"})), "400 invalid_request");
  for (const std::string cursor :
       {"***", "bm90aGluZw", "MTIzeC5hYmM", "MTIzLmFiYw", "MS4yeC5hYmM"}) {
    EXPECT_EQ(
        code(site.run(service::list_mytokens(*site.context, asking(site, token), {5, cursor}))),
        "400 invalid_request")
        << cursor;
  }
}

// "a(b c(d))" of the names in a tree.
std::string shape(const json::object& node) {
  std::string text(string_member(node.at("token").as_object(), "name"));
  if (const auto* children = node.if_contains("children")) {
    text += '(';
    for (const auto& child : children->as_array()) {
      if (text.back() != '(') text += ' ';
      text += shape(child.as_object());
    }
    text += ')';
  }
  return text;
}

TEST(Tokeninfo, trees_show_children_in_the_order_of_their_creation) {
  Installation site;
  const token::Capabilities all{"AT", "tokeninfo", "create_mytoken", "manage_mytokens"};
  const Secret root = site.login_token(able_to(all, "root"));
  const auto later = [&] { site.clock.advance(Seconds(1)); };
  later();
  const Made b = child_of(site, root, able_to(all, "b"));
  later();
  const Made a = child_of(site, root, able_to(all, "a"));
  later();
  const Made deep = child_of(site, b.token, able_to(all, "b1"));
  later();
  child_of(site, deep.token, able_to(all, "b11"));
  later();
  child_of(site, b.token, able_to(all, "b2"));
  auto tree = site.run(service::subtokens(*site.context, asking(site, root), {}));
  ASSERT_TRUE(tree) << tree.error().description;
  EXPECT_EQ(shape(tree->body.at("mytokens").as_object()), "root(b(b1(b11) b2) a)");
  auto part = site.run(service::subtokens(*site.context, asking(site, b.token), {}));
  EXPECT_EQ(shape(part->body.at("mytokens").as_object()), "b(b1(b11) b2)");
  // Page by page the same, each top-level token with everything below it.
  auto first = site.run(service::subtokens(*site.context, asking(site, root), {1, ""}));
  EXPECT_EQ(shape(first->body.at("mytokens").as_object()), "root(b(b1(b11) b2))");
  const std::string cursor(string_member(first->body, "next_cursor"));
  auto second = site.run(service::subtokens(*site.context, asking(site, root), {1, cursor}));
  EXPECT_EQ(shape(second->body.at("mytokens").as_object()), "root(a)");
  EXPECT_EQ(second->body.if_contains("next_cursor"), nullptr);
}

TEST(Tokeninfo, the_list_has_all_trees_of_the_user) {
  Installation site;
  const token::Capabilities all{"tokeninfo", "create_mytoken", "manage_mytokens"};
  const Secret one = site.login_token(able_to(all, "one"));
  site.clock.advance(Seconds(1));
  site.login_token(able_to(all, "two"));
  site.clock.advance(Seconds(1));
  child_of(site, one, able_to(all, "below"));
  auto list = site.run(service::list_mytokens(*site.context, asking(site, one), {}));
  ASSERT_TRUE(list) << list.error().description;
  const auto& trees = list->body.at("mytokens").as_array();
  ASSERT_EQ(trees.size(), 2u);
  EXPECT_EQ(shape(trees[0].as_object()), "one(below)");
  EXPECT_EQ(shape(trees[1].as_object()), "two");
  auto page = site.run(service::list_mytokens(*site.context, asking(site, one), {1, ""}));
  ASSERT_EQ(page->body.at("mytokens").as_array().size(), 1u);
  auto rest =
      site.run(service::list_mytokens(*site.context, asking(site, one),
                                      {1, std::string(string_member(page->body, "next_cursor"))}));
  EXPECT_EQ(shape(rest->body.at("mytokens").as_array().at(0).as_object()), "two");
  EXPECT_EQ(rest->body.if_contains("next_cursor"), nullptr);
}

// The clock of these tests stands still.
TEST(Tokeninfo, mytokens_of_one_second_are_listed_in_the_order_in_which_they_were_made) {
  Installation site;
  Names made;
  Secret root;
  for (int i = 0; i < 6; ++i) {
    made.push_back("login " + std::to_string(i));
    root =
        site.login_token(able_to({"tokeninfo", "create_mytoken", "manage_mytokens"}, made.back()));
  }
  Names children;
  for (int i = 0; i < 12; ++i) {
    children.push_back("child " + std::to_string(i));
    child_of(site, root, able_to({"tokeninfo"}, children.back()));
  }
  ASSERT_EQ(site.count("SELECT count(DISTINCT created) FROM mytokens"), 1);
  const auto names_in = [](const json::array& nodes) {
    Names list;
    for (const auto& node : nodes)
      list.emplace_back(node.at("token").at("name").as_string());
    return list;
  };
  auto list = site.run(service::list_mytokens(*site.context, asking(site, root), {}));
  ASSERT_TRUE(list);
  const auto& trees = list->body.at("mytokens").as_array();
  EXPECT_EQ(names_in(trees), made);
  EXPECT_EQ(names_in(trees.at(5).at("children").as_array()), children);
  auto tree = site.run(service::subtokens(*site.context, asking(site, root), {}));
  ASSERT_TRUE(tree);
  EXPECT_EQ(names_in(tree->body.at("mytokens").at("children").as_array()), children);
  // Pages, while more are made and one that a cursor names goes.
  Names paged;
  service::Page page{5, ""};
  for (bool more = true; more;) {
    auto part = site.run(service::subtokens(*site.context, asking(site, root), page));
    ASSERT_TRUE(part) << part.error().description;
    for (const std::string& name : names_in(part->body.at("mytokens").at("children").as_array()))
      paged.push_back(name);
    more = part->body.if_contains("next_cursor") != nullptr;
    page.cursor = string_member(part->body, "next_cursor");
    if (paged.size() == 5) {
      children.push_back("late");
      child_of(site, root, able_to({"tokeninfo"}, "late"));
      site.execute("DELETE FROM mytokens WHERE name = 'child 4'");
    }
  }
  EXPECT_EQ(paged, children);
}

TEST(Tokeninfo, lists_and_trees_show_tags) {
  Installation site;
  const token::Capabilities all{"tokeninfo", "create_mytoken", "manage_mytokens"};
  const Secret root = site.login_token(able_to(all, "root"));
  const Made child = child_of(site, root, able_to(all, "child"));
  const std::int64_t user = site.count("SELECT id FROM users");
  ASSERT_TRUE(site.database->write_now([&](sql::Transaction& db) -> Result<void> {
    auto tag = store::find_or_add_tag(db, user, "ci", "33ff57");
    if (!tag) return fail(tag.error());
    return store::tag_token(db, *token::parse_mom_id(child.mom_id), *tag, true);
  }));
  const json::value expected =
      json::parse(R"([{"tag":"ci","color":"#33ff57","include_children":true}])");
  for (const service::Page& page : {service::Page{}, service::Page{10, ""}}) {
    auto tree = site.run(service::subtokens(*site.context, asking(site, root), page));
    ASSERT_TRUE(tree);
    const auto& top = tree->body.at("mytokens").as_object();
    EXPECT_EQ(top.at("token").as_object().if_contains("tags"), nullptr);
    EXPECT_EQ(top.at("children").at(0).at("token").at("tags"), expected);
    auto list = site.run(service::list_mytokens(*site.context, asking(site, root), page));
    ASSERT_TRUE(list);
    EXPECT_EQ(list->body.at("mytokens").at(0).at("children").at(0).at("token").at("tags"),
              expected);
    auto own = site.run(service::subtokens(*site.context, asking(site, child.token), page));
    EXPECT_EQ(own->body.at("mytokens").at("token").at("tags"), expected);
  }
}

TEST(Tokeninfo, W10_tokens_without_restrictions_log_and_rotate_too) {
  Installation site;
  service::TokenWish wish = able_to({"tokeninfo", "manage_mytokens"});
  wish.rotation = token::Rotation{false, true, Seconds(0), false};
  Secret token = site.login_token(wish);
  const std::string id = *token::mytoken_id(
      token::parse_claims(
          *decode_base64url(std::string(token.reveal())
                                .substr(token.reveal().find('.') + 1,
                                        token.reveal().rfind('.') - token.reveal().find('.') - 1)))
          ->jti);
  const auto next = [&](const Result<service::OperationAnswer>& answer) {
    ASSERT_TRUE(answer) << answer.error().description;
    ASSERT_FALSE(answer->rotated.empty());
    EXPECT_EQ(string_member(answer->body.at("token_update").as_object(), "mytoken"),
              answer->rotated.reveal());
    token = answer->rotated;
  };
  next(history(site, token));
  next(site.run(service::subtokens(*site.context, asking(site, token), {})));
  next(site.run(service::list_mytokens(*site.context, asking(site, token), {})));
  next(site.run(service::token_notifications(*site.context, asking(site, token), {})));
  EXPECT_EQ(site.events(id),
            (Names{"created", "transfer_code_used", "token_rotated", "tokeninfo_history",
                   "token_rotated", "tokeninfo_subtokens", "token_rotated",
                   "tokeninfo_list_mytokens", "token_rotated", "tokeninfo_notifications"}));
}

TEST(Tokeninfo, a_repeated_request_gets_the_successor_again_and_counts_once) {
  Installation site;
  service::TokenWish wish = able_to({"tokeninfo"});
  wish.rotation = token::Rotation{false, true, Seconds(0), true};
  token::Clause clause;
  clause.usages_other = 2;
  wish.restrictions = {clause};
  const Secret token = site.login_token(wish);
  auto first = history(site, token);
  auto again = history(site, token);
  ASSERT_TRUE(first && again) << again.error().description;
  EXPECT_EQ(first->rotated.reveal(), again->rotated.reveal());
  EXPECT_EQ(again->body.at("token_update"), first->body.at("token_update"));
  EXPECT_TRUE(again->body.contains("events"));
  EXPECT_EQ(site.count("SELECT used_other FROM clauses"), 1);
  EXPECT_TRUE(history(site, first->rotated));
}

TEST(Tokeninfo, W32_a_limit_of_other_uses_alone_admits_exactly_as_many) {
  Installation site;
  service::TokenWish wish = able_to({"tokeninfo", "manage_mytokens"});
  token::Clause clause;
  clause.usages_other = 2;
  wish.restrictions = {clause};
  const Secret token = site.login_token(wish);
  EXPECT_TRUE(history(site, token));
  EXPECT_TRUE(site.run(service::list_mytokens(*site.context, asking(site, token), {})));
  EXPECT_EQ(code(site.run(service::subtokens(*site.context, asking(site, token), {}))),
            "403 usage_restricted");
}

TEST(Tokeninfo, a_missing_capability_is_told_before_a_used_up_clause) {
  Installation site;
  service::TokenWish wish = able_to({"tokeninfo:introspect"});
  token::Clause clause;
  clause.usages_other = 0;
  wish.restrictions = {clause};
  const Secret token = site.login_token(wish);
  EXPECT_EQ(code(history(site, token)), "403 insufficient_capabilities");
}

TEST(Tokeninfo, several_tokens_have_their_notifications_by_mom_id) {
  Installation site;
  const Secret token = site.login_token(able_to({"tokeninfo", "create_mytoken"}));
  const Made child = child_of(site, token, able_to({"tokeninfo"}));
  auto none = site.run(service::token_notifications(*site.context, asking(site, token), {}));
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->body.empty());
  auto both = site.run(
      service::token_notifications(*site.context, asking(site, token), {"this", child.mom_id}));
  ASSERT_TRUE(both);
  EXPECT_EQ(both->body.at("mom_id_mapping").as_object().size(), 2u);
  EXPECT_EQ(both->body.at("mom_id_mapping").as_object().at(child.mom_id), json::object());
  auto foreign = site.run(service::token_notifications(*site.context, asking(site, child.token),
                                                       {std::string(88, 'A')}));
  EXPECT_EQ(code(foreign), "403 insufficient_capabilities");
}

json::object judged(Installation& site, const Secret& token, service::DescribedUse use) {
  auto answer = site.run(service::introspect(*site.context, site.present(token), std::move(use)));
  EXPECT_TRUE(answer) << answer.error().description;
  return answer ? answer->at("use").as_object() : json::object();
}
service::DescribedUse access_to(std::vector<std::string> scopes,
                                std::vector<std::string> audiences = {}) {
  service::DescribedUse use;
  use.request.use = token::Use::access_token;
  use.request.scopes = std::move(scopes);
  use.request.audiences = std::move(audiences);
  return use;
}
Names claims_against(const json::object& use, std::size_t clause) {
  Names list;
  const auto& judged = use.at("clauses").as_array().at(clause).as_object();
  if (const auto* reasons = judged.if_contains("refused_by")) {
    for (const auto& reason : reasons->as_array()) {
      EXPECT_FALSE(string_member(reason.as_object(), "explanation").empty());
      list.emplace_back(reason.at("claim").as_string());
    }
  }
  return list;
}

TEST(DescribedUse, tells_which_clause_would_permit_it_and_what_stands_against_the_others) {
  Installation site;
  service::TokenWish wish = able_to({"AT", "tokeninfo"});
  token::Clause narrow;
  narrow.scope = {"openid"};
  narrow.hosts = {"198.51.100.0/24"};
  narrow.exp = site.clock.now() + Seconds(100);
  token::Clause wide;
  wide.scope = {"openid", "profile"};
  wide.usages_at = 1;
  wish.restrictions = {narrow, wide};
  const Secret token = site.login_token(wish);

  json::object use = judged(site, token, access_to({"profile"}));
  EXPECT_TRUE(use.at("allowed").as_bool());
  EXPECT_EQ(use.at("clause").as_uint64(), 1u);
  EXPECT_EQ(claims_against(use, 0), (Names{"scope", "hosts"}));
  EXPECT_EQ(claims_against(use, 1), Names{});

  service::DescribedUse elsewhere = access_to({"openid"});
  elsewhere.address = "198.51.100.7";
  EXPECT_EQ(judged(site, token, elsewhere).at("clause").as_uint64(), 0u);
  elsewhere.time = site.clock.now() + Seconds(101);
  EXPECT_EQ(judged(site, token, elsewhere).at("clause").as_uint64(), 1u);

  ASSERT_TRUE(site.run(service::access_token(*site.context, [&] {
    auto request = site.access(token);
    request.scopes = {"profile"};
    return request;
  }())));
  use = judged(site, token, access_to({"profile"}));
  EXPECT_FALSE(use.at("allowed").as_bool());
  EXPECT_EQ(use.if_contains("clause"), nullptr);
  EXPECT_EQ(claims_against(use, 1), (Names{"usages_AT"}));
  // Asking has counted nothing.
  EXPECT_EQ(site.count("SELECT sum(used_at) + sum(used_other) FROM clauses"), 1);
}

TEST(DescribedUse, a_capability_that_is_missing_and_an_ancestor_that_is_used_up_count_too) {
  Installation site;
  service::TokenWish wish = able_to({"AT", "tokeninfo", "create_mytoken"});
  token::Clause clause;
  clause.usages_at = 1;
  wish.restrictions = {clause};
  const Secret parent = site.login_token(wish);
  const Made child = child_of(site, parent, able_to({"AT", "tokeninfo"}));
  const Made mute = child_of(site, parent, able_to({"tokeninfo"}));
  EXPECT_TRUE(judged(site, child.token, access_to({})).at("allowed").as_bool());
  EXPECT_FALSE(judged(site, mute.token, access_to({})).at("capability").as_bool());
  EXPECT_FALSE(judged(site, mute.token, access_to({})).at("allowed").as_bool());
  ASSERT_TRUE(site.run(service::access_token(*site.context, site.access(parent))));
  const json::object use = judged(site, child.token, access_to({}));
  EXPECT_FALSE(use.at("allowed").as_bool());
  EXPECT_EQ(claims_against(use, 0), (Names{"usages_AT"}));
  service::DescribedUse other;
  EXPECT_TRUE(judged(site, child.token, other).at("allowed").as_bool());
}

}  // namespace
}  // namespace mytoken::test
