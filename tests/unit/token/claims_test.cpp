// Claims: the vectors, the payload text, acceptance, rotation.
#include "token/claims.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "unit/token/vectors.h"

namespace mytoken::token {
namespace {

const Time now = from_unix(1'700'000'000);

Claims example() {
  Claims claims;
  claims.iss = claims.aud = "https://mytoken.example.org";
  claims.oidc_sub = "example";
  claims.oidc_iss = "https://op.example.com";
  claims.sub = subject(claims.oidc_sub, claims.oidc_iss);
  claims.seq_no = 3;
  claims.name = "a <b> & c";
  claims.capabilities = {"AT", "tokeninfo"};
  claims.exp = from_unix(1'700'001'000);
  claims.nbf = now;
  claims.iat = now;
  claims.auth_time = from_unix(1'699'999'000);
  claims.jti = "50bb3a97-5480-4ff5-9373-25589bb8dab2";
  claims.restrictions = clauses(R"([{"exp":1700001000,"scope":"a  b","usages_AT":0}])");
  claims.rotation = Rotation{true, false, Seconds(60), true};
  return claims;
}

AcceptanceOptions options() {
  return {"https://mytoken.example.org", Seconds(5), true};
}

std::string refusal(const Claims& claims, Time at = now) {
  const auto result = accept(claims, at, options());
  if (result) return "";
  EXPECT_EQ(result.error().code, "invalid_token");
  EXPECT_EQ(result.error().status, 401);
  return result.error().description;
}

std::optional<Time> time_or_null(const json::value& value) {
  if (value.is_null()) return std::nullopt;
  return from_unix(value.to_number<std::int64_t>());
}

TEST(SubjectVectors, all) {
  const json::object file = vectors("subject");
  for (const json::value& test : file.at("mom_id").as_array()) {
    const auto id = mytoken_id(text(test.at("jti")));
    ASSERT_TRUE(id) << json::serialize(test);
    EXPECT_EQ(mom_id(*id), text(test.at("mom_id")));
    EXPECT_EQ(parse_mom_id(text(test.at("mom_id"))), id);
  }
  for (const json::value& test : file.at("cases").as_array()) {
    EXPECT_EQ(subject(text(test.at("oidc_sub")), text(test.at("oidc_iss"))), text(test.at("sub")))
        << text(test.at("name"));
  }
  EXPECT_GE(file.at("cases").as_array().size(), 12u);
}

TEST(ExpiryVectors, all) {
  const json::object file = vectors("expiry");
  std::size_t count = 0;
  for (const json::value& test : file.at("cases").as_array()) {
    SCOPED_TRACE(text(test.at("name")));
    const Time at = from_unix(test.at("now").to_number<std::int64_t>());
    const json::value& expected = test.at("expected");
    const auto rotation = parse_rotation(&test.at("rotation"));
    ASSERT_TRUE(rotation);
    const auto restrictions =
        with_maximum_lifetime(claimed(test.at("restrictions")), at,
                              Seconds(test.at("max_lifetime").to_number<std::int64_t>()));
    EXPECT_EQ(restrictions, claimed(expected.at("restrictions")));
    if (test.at("event") == "create") {
      const Validity validity = validity_at_creation(restrictions, *rotation, at);
      EXPECT_EQ(validity.exp, time_or_null(expected.at("exp")));
      EXPECT_EQ(validity.nbf, time_or_null(expected.at("nbf")));
      EXPECT_EQ(validity.iat, time_or_null(expected.at("iat")));
      EXPECT_EQ(validity.stored_expires_at, time_or_null(expected.at("stored_expires_at")));
    } else {
      Claims claims = example();
      claims.restrictions = restrictions;
      claims.rotation = *rotation;
      claims.exp = time_or_null(test.at("previous_exp"));
      const Claims successor = rotated(claims, at);
      EXPECT_EQ(successor.exp, time_or_null(expected.at("exp")));
      EXPECT_EQ(successor.nbf, time_or_null(expected.at("nbf")));
      EXPECT_EQ(successor.iat, time_or_null(expected.at("iat")));
    }
    ++count;
  }
  EXPECT_GE(count, 26u);
}

TEST(Claims, the_payload_has_the_order_and_escaping_of_the_specification) {
  EXPECT_EQ(
      serialize(example()),
      R"({"ver":"0.7","token_type":"mytoken","iss":"https://mytoken.example.org",)"
      R"("sub":"E0Cr0NTVuBVGJo5wvry4a63qM3Aedlgk+iseXTUEOPw=","seq_no":3,"name":"a \u003cb\u003e \u0026 c",)"
      R"("aud":"https://mytoken.example.org","oidc_sub":"example","oidc_iss":"https://op.example.com",)"
      R"("capabilities":["AT","tokeninfo"],"exp":1700001000,"nbf":1700000000,"iat":1700000000,)"
      R"("auth_time":1699999000,"jti":"50bb3a97-5480-4ff5-9373-25589bb8dab2",)"
      R"("restrictions":[{"exp":1700001000,"scope":"a  b","usages_AT":0}],)"
      R"("rotation":{"on_AT":true,"lifetime":60,"auto_revoke":true}})");
}

TEST(Claims, what_is_empty_is_left_out_but_capabilities_stay) {
  Claims claims;
  claims.iss = claims.aud = "i";
  claims.rotation = Rotation{};
  EXPECT_EQ(
      serialize(claims),
      R"({"ver":"0.7","token_type":"mytoken","iss":"i","sub":"","seq_no":1,"aud":"i","oidc_sub":"","oidc_iss":"",)"
      R"("capabilities":null,"nbf":0,"iat":0,"jti":"","rotation":{}})");
}

TEST(Claims, text_and_json_agree) {
  EXPECT_EQ(json::serialize(json::parse(serialize(example()))),
            json::serialize(to_json(example())));
}

TEST(Claims, are_read_back_as_written) {
  EXPECT_EQ(parse_claims(serialize(example())).value(), example());
  Claims claims = example();
  claims.seq_no = std::numeric_limits<std::uint64_t>::max();
  claims.exp.reset();
  claims.auth_time.reset();
  claims.rotation.reset();
  claims.restrictions.clear();
  claims.capabilities.clear();
  EXPECT_EQ(parse_claims(serialize(claims)).value(), claims);
}

TEST(Claims, old_tokens_are_understood) {
  const auto claims = parse_claims(
      R"({"iss":"i","sub":"s","seq_no":1,"aud":"i","oidc_sub":"a","oidc_iss":"b","capabilities":["AT"],"exp":0,"nbf":5,
          "iat":5,"jti":"j","subtoken_capabilities":["AT"],"restrictions":[{"ip":["10.0.0.1"]}],"auth_time":0,
          "rotation":{"on_AT":true,"fly":1}})");
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->ver, "0.0");
  EXPECT_FALSE(claims->exp);
  EXPECT_FALSE(claims->auth_time);
  EXPECT_EQ(claims->restrictions.front().hosts, std::vector<std::string>{"10.0.0.1"});
  EXPECT_EQ(claims->rotation, Rotation{.on_at = true});
}

TEST(Claims, a_payload_that_is_none_is_refused) {
  const json::value good = json::parse(serialize(example()));
  const auto with = [&good](std::string_view name, std::string_view value) {
    json::object object = good.as_object();
    object[name] = json::parse(value);
    return json::serialize(object);
  };
  ASSERT_TRUE(parse_claims(json::serialize(good)));
  for (const std::string& payload : {std::string(),
                                     std::string("{"),
                                     std::string("null"),
                                     std::string("[]"),
                                     std::string("{}"),
                                     std::string("\"x\""),
                                     with("ver", "7"),
                                     with("ver", R"("seven")"),
                                     with("ver", R"("0.")"),
                                     with("ver", R"("0.7.1")"),
                                     with("token_type", R"("other")"),
                                     with("token_type", "5"),
                                     with("iss", "null"),
                                     with("iss", "5"),
                                     with("aud", R"(["https://mytoken.example.org"])"),
                                     with("seq_no", "-1"),
                                     with("seq_no", "1.0"),
                                     with("seq_no", R"("1")"),
                                     with("seq_no", "null"),
                                     with("name", "5"),
                                     with("capabilities", R"("AT")"),
                                     with("capabilities", "[5]"),
                                     with("exp", R"("5")"),
                                     with("exp", "1.5"),
                                     with("exp", "1e999"),
                                     with("nbf", "true"),
                                     with("iat", "18446744073709551615"),
                                     with("jti", "5"),
                                     with("restrictions", "{}"),
                                     with("restrictions", "[5]"),
                                     with("rotation", "[]"),
                                     with("rotation", R"({"on_AT":1})"),
                                     with("rotation", R"({"lifetime":-1})"),
                                     serialize(example()) + "x",
                                     std::string(40, '[') + std::string(40, ']')}) {
    const auto result = parse_claims(payload);
    ASSERT_FALSE(result) << payload;
    EXPECT_EQ(result.error().code, "invalid_token");
    EXPECT_EQ(result.error().status, 401);
  }
}

TEST(Claims, a_good_token_is_accepted_until_its_last_second) {
  EXPECT_EQ(refusal(example()), "");
  EXPECT_EQ(refusal(example(), from_unix(1'700'001'000)), "");
  EXPECT_EQ(refusal(example(), from_unix(1'700'001'001)), "token is expired");
}

TEST(Claims, a_small_skew_is_tolerated_on_iat_and_nbf_only) {
  EXPECT_EQ(refusal(example(), now - Seconds(5)), "");
  EXPECT_EQ(refusal(example(), now - Seconds(6)), "token used before issued");
  Claims claims = example();
  claims.iat = now - Seconds(100);
  EXPECT_EQ(refusal(claims, now - Seconds(6)), "token is not valid yet");
  claims.exp = now;
  EXPECT_EQ(refusal(claims, now + Seconds(1)), "token is expired");
}

TEST(Claims, times_are_not_looked_at_when_a_code_is_redeemed) {
  AcceptanceOptions relaxed = options();
  relaxed.check_times = false;
  EXPECT_TRUE(accept(example(), from_unix(5), relaxed));
  EXPECT_TRUE(accept(example(), from_unix(1'900'000'000), relaxed));
  relaxed.issuer = "https://mytoken.example.org/";
  EXPECT_FALSE(accept(example(), now, relaxed));
}

TEST(Claims, issuer_audience_id_and_subject_must_be_right) {
  Claims claims = example();
  claims.iss += '/';
  EXPECT_EQ(refusal(claims), "invalid issuer");
  claims = example();
  claims.aud = "";
  EXPECT_EQ(refusal(claims), "invalid audience");
  for (const char* jti :
       {"", "00000000-0000-0000-0000-000000000000", "50bb3a97-5480-4ff5-9373-25589bb8dab",
        "50bb3a9754804ff5937325589bb8dab2", "{50bb3a97-5480-4ff5-9373-25589bb8dab2}",
        "50bb3a97-5480-4ff5-9373-25589bb8dabg", "50bb3a97-5480-4ff5-937325589bb8dab2-"}) {
    claims = example();
    claims.jti = jti;
    EXPECT_EQ(refusal(claims), "invalid id") << jti;
    EXPECT_FALSE(mytoken_id(jti)) << jti;
  }
  claims = example();
  claims.oidc_sub = "other";
  EXPECT_EQ(refusal(claims), "invalid subject");
  claims.oidc_sub = "";
  claims.sub = subject("", claims.oidc_iss);
  EXPECT_EQ(refusal(claims), "invalid subject");
}

TEST(Claims, order_of_the_checks) {
  Claims claims = example();
  claims.iss = claims.aud = claims.jti = claims.sub = "x";
  EXPECT_EQ(refusal(claims, from_unix(1'800'000'000)), "token is expired");
  EXPECT_EQ(refusal(claims), "invalid issuer");
  claims.iss = example().iss;
  EXPECT_EQ(refusal(claims), "invalid audience");
  claims.aud = claims.iss;
  EXPECT_EQ(refusal(claims), "invalid id");
  claims.jti = example().jti;
  EXPECT_EQ(refusal(claims), "invalid subject");
}

TEST(MomId, W30_compares_byte_for_byte) {
  const std::string id = mom_id(mytoken_id(example().jti).value());
  ASSERT_EQ(id.size(), 88u);
  std::string other_case = id;
  for (char& c : other_case)
    c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  EXPECT_EQ(parse_mom_id(id), mytoken_id(example().jti));
  EXPECT_NE(parse_mom_id(other_case), parse_mom_id(id));
}

TEST(MomId, has_one_text_only) {
  const std::string id = mom_id(std::string(64, '\xff'));
  EXPECT_EQ(parse_mom_id(id), std::string(64, '\xff'));
  EXPECT_FALSE(parse_mom_id(""));
  EXPECT_FALSE(parse_mom_id(id.substr(0, 86)));
  EXPECT_FALSE(parse_mom_id(id + "="));
  EXPECT_FALSE(parse_mom_id(" " + id.substr(1)));
  EXPECT_FALSE(parse_mom_id(id.substr(0, 85) + "x=="));  // bits behind the 64 bytes
  EXPECT_FALSE(parse_mom_id(base64(std::string(65, 'a')).substr(0, 88)));
}

TEST(Rotation, is_read_strictly) {
  const auto parse = [](std::string_view text) {
    const json::value value = json::parse(text);
    return parse_rotation(&value);
  };
  EXPECT_EQ(parse_rotation(nullptr).value(), std::nullopt);
  EXPECT_EQ(parse("null").value(), std::nullopt);
  EXPECT_EQ(parse("\"\"").value(), std::nullopt);
  EXPECT_EQ(parse("{}").value(), Rotation{});
  EXPECT_EQ(parse(R"({"on_AT":true,"on_other":true,"lifetime":60,"auto_revoke":true})").value(),
            (Rotation{true, true, Seconds(60), true}));
  EXPECT_EQ(parse(R"({"on_at":true,"lifetime":null,"include":[]})").value(),
            Rotation{.on_at = true});
  const auto refusal_of = [&parse](std::string_view text) {
    const auto result = parse(text);
    EXPECT_FALSE(result) << text;
    if (result) return std::string();
    EXPECT_EQ(result.error().code, "invalid_request");
    return result.error().description;
  };
  EXPECT_EQ(refusal_of(R"({"on_AT":1})"), "rotation: on_AT must be true or false");
  EXPECT_EQ(refusal_of(R"({"on_other":"true"})"), "rotation: on_other must be true or false");
  for (const char* value : {"-1", "1.0", R"("60")", "true", "9223372036854775808"}) {
    EXPECT_EQ(refusal_of(R"({"lifetime":)" + std::string(value) + "}"),
              "rotation: lifetime must be a number of seconds");
  }
  EXPECT_EQ(refusal_of(R"({"fly":null})"), "rotation: unknown member 'fly'");
  EXPECT_EQ(refusal_of(R"({"on_AT":true,"On_AT":false})"), "rotation: on_AT is given twice");
  EXPECT_EQ(refusal_of(R"({"include":"x y"})"), "unknown template 'x'");
  EXPECT_EQ(refusal_of(R"({"include":["x"]})"), "unknown template 'x'");
  EXPECT_EQ(refusal_of(R"("x")"), "unknown template 'x'");
  EXPECT_EQ(refusal_of("[]"), "rotation must be an object");
  EXPECT_EQ(refusal_of("true"), "rotation must be an object");
}

TEST(Rotation, W8_lifetime_never_outlives_the_restrictions) {
  Claims claims = example();
  claims.rotation->lifetime = Seconds(5000);
  EXPECT_EQ(rotated(claims, now).exp, from_unix(1'700'001'000));
  EXPECT_EQ(validity_at_creation(claims.restrictions, claims.rotation, now).exp,
            from_unix(1'700'001'000));
  claims.rotation->lifetime = Seconds::max();
  EXPECT_EQ(rotated(claims, now).exp, from_unix(1'700'001'000));
  claims.restrictions.clear();
  EXPECT_EQ(rotated(claims, now).exp, Time::max());
  claims.rotation->lifetime = Seconds(60);
  EXPECT_EQ(validity_at_creation({}, claims.rotation, now).exp, now + Seconds(60));
}

TEST(Rotation, changes_nothing_but_number_and_times) {
  Claims expected = example();
  expected.seq_no = 4;
  expected.iat = expected.nbf = now + Seconds(30);
  expected.exp = now + Seconds(90);
  EXPECT_EQ(rotated(example(), now + Seconds(30)), expected);
}

}  // namespace
}  // namespace mytoken::token
