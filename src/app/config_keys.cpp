// The table of keys, in the order of the reference's documentation; ours after theirs.
#include "app/config_keys.h"

#include <algorithm>
#include <array>

namespace mytoken::app {
namespace {

using enum KeyType;
using enum KeyUse;

constexpr std::string_view embedded =
    "write it into database.url: sqlite:///path/of/file or "
    "postgresql://user:password@host1,host2/db";
constexpr std::string_view no_federation = "without effect while features.federation is off";

constexpr auto rules = std::to_array<KeyRule>({
    {"issuer", text, used},
    {"service_operator.name", text, used},
    {"service_operator.homepage", text, accepted},
    {"service_operator.mail_contact", text, used},
    {"service_operator.mail_privacy", text, accepted},
    {"service_documentation", text, used},
    {"api.min_supported_version", integer, accepted},

    {"server.port", integer, used},
    {"server.listen", texts, used},
    {"server.threads", integer, used},
    {"server.secure", boolean, used},
    {"server.tls.enabled", boolean, used},
    {"server.tls.cert", text, used},
    {"server.tls.key", text, used},
    {"server.tls.redirect_http", boolean, feature,
     "let the proxy or another server redirect port 80"},
    {"server.tls.hsts_max_age", duration, used},
    {"server.tls.min_version", text, used},
    {"server.tls.ciphers", text, replaced, "the TLS library's choice is used"},
    {"server.tls.reload_interval", duration, replaced,
     "restart the server to use a new certificate"},
    {"server.http2", boolean, feature, "HTTP/2 is the matter of a proxy in front"},
    {"server.proxy_protocol", boolean, feature},
    {"server.proxy_header", text, used},
    {"server.trusted_proxies", texts, used},
    {"server.distributed_servers", boolean, feature},
    {"server.request_limits.enabled", boolean, used},
    {"server.request_limits.max_requests", integer, used},
    {"server.request_limits.window", duration, used},
    {"server.request_limits.always_allow", texts, used},
    {"server.request_limits.max_wrong_codes", integer, used},
    {"server.request_limits.exempt_static", boolean, accepted},
    {"server.request_limits.classes", any, replaced, "one limit holds for all endpoints"},
    {"server.limits.header_bytes", integer, used},
    {"server.limits.body_bytes", integer, used},
    {"server.limits.connections", integer, used},
    {"server.limits.request_timeout", duration, used},
    {"server.limits.write_timeout", duration, used},
    {"server.limits.idle_timeout", duration, used},
    {"server.drain_timeout", duration, used},
    {"server.handover", text, used},
    {"server.healthcheck.enabled", boolean, used},
    {"server.healthcheck.port", integer, used},
    {"server.healthcheck.listen", text, used},
    {"management.listen", text, replaced, "use server.healthcheck"},

    {"database.url", text, used},
    {"database.driver", text, used},
    {"database.journal", text, used},
    {"database.hosts", texts, replaced, embedded},
    {"database.user", text, replaced, embedded},
    {"database.password", text, replaced, embedded},
    {"database.password_file", text, replaced, embedded},
    {"database.db", text, replaced, embedded},
    {"database.try_reconnect_interval", duration, replaced, embedded},
    {"database.schedule_cleanup", boolean, accepted},
    {"database.pool", integer, replaced, embedded},
    {"database.statement_timeout", duration, replaced, embedded},

    {"cache.internal.default_ttl", duration, replaced, "no cache has to be configured"},
    {"cache.internal.cleanup_interval", duration, replaced, "no cache has to be configured"},
    {"cache.external.redis.addr", text, replaced, "no external cache is needed"},
    {"cache.external.redis.username", text, accepted},
    {"cache.external.redis.password", text, accepted},
    {"cache.external.redis.db", integer, accepted},

    {"signing.mytoken.alg", text, used},
    {"signing.mytoken.key_file", text, used},
    {"signing.mytoken.rsa_key_len", integer, used},
    {"signing.mytoken.keys[].key_file", text, used},
    {"signing.mytoken.keys[].alg", text, used},
    {"signing.mytoken.keys[].state", text, used},
    {"signing.alg", text, used},
    {"signing.key_file", text, used},
    {"signing.rsa_key_len", integer, used},
    {"signing.oidc.alg", text, accepted, no_federation},
    {"signing.oidc.key_file", text, accepted, no_federation},
    {"signing.oidc.rsa_key_len", integer, accepted, no_federation},
    {"signing.oidc.key_dir", text, accepted, no_federation},
    {"signing.oidc.algs", texts, accepted, no_federation},
    {"signing.oidc.default_alg", text, accepted, no_federation},
    {"signing.oidc.generate_keys", boolean, accepted, no_federation},

    {"geo_ip_db_file", text, used},
    {"geoip.file", text, used},
    {"geoip.format", text, used},
    {"geoip.home_country", text, used},
    {"geoip.auto_update", boolean, feature, "replace the file and send the server SIGHUP"},

    {"logging.access.dir", text, used},
    {"logging.access.stderr", boolean, used},
    {"logging.access.level", text, accepted},
    {"logging.internal.dir", text, used},
    {"logging.internal.stderr", boolean, used},
    {"logging.internal.level", text, used},
    {"logging.internal.smart.enabled", boolean, feature},
    {"logging.internal.smart.dir", text, accepted},
    {"logging.format", text, used},
    {"logging.redact_ips", text, replaced,
     "addresses are logged as they are; leave the access log off"},
    {"observability.metrics", boolean, feature},
    {"observability.otlp_endpoint", text, replaced, "there are no traces"},
    {"observability.trace_sample", text, accepted},

    {"features.oidc_flows.authorization_code.expires_after", duration, used},
    {"features.oidc_flows.authorization_code.web.trusted_redirect_uris", texts, used},
    {"features.oidc_flows.authorization_code.web.cookie_lifetime", duration, used},
    {"features.unsupported_restrictions", texts, used},
    {"features.token_revocation.enabled", boolean, used},
    {"features.short_tokens.enabled", boolean, used},
    {"features.short_tokens.len", integer, used},
    {"features.transfer_codes.enabled", boolean, used},
    {"features.polling_codes.enabled", boolean, used},
    {"features.polling_codes.len", integer, used},
    {"features.polling_codes.expires_after", duration, used},
    {"features.polling_codes.polling_interval", duration, used},
    {"features.token_rotation.enabled", boolean, used},
    {"features.token_rotation.grace", duration, used},
    {"features.strict_usage_inheritance", boolean, used},
    {"features.tokeninfo.introspect.enabled", boolean, used},
    {"features.tokeninfo.event_history.enabled", boolean, used},
    {"features.tokeninfo.subtoken_tree.enabled", boolean, used},
    {"features.tokeninfo.list_mytokens.enabled", boolean, used},
    {"features.web_interface.enabled", boolean, feature,
     "the pages of the login flow are always there"},
    {"features.web_interface.overwrite_dir", text, replaced, "pages cannot be replaced"},
    {"features.ssh.enabled", boolean, feature,
     "users can switch the grant on and off, but there is no ssh server yet"},
    {"features.ssh.use_proxy_protocol", boolean, accepted},
    {"features.ssh.keys", texts, accepted},
    {"features.server_profiles.enabled", boolean, used},
    {"features.server_profiles.groups", text_map, used},
    {"features.guest_mode.enabled", boolean, used},
    {"features.guest_mode.mytokens_max_lifetime", duration, used},
    {"features.notifications.email.enabled", boolean, feature},
    {"features.notifications.email.mail_server.host", text, accepted},
    {"features.notifications.email.mail_server.port", integer, accepted},
    {"features.notifications.email.mail_server.user", text, accepted},
    {"features.notifications.email.mail_server.password", text, accepted},
    {"features.notifications.email.mail_server.from_address", text, accepted},
    {"features.notifications.email.overwrite_dir", text, accepted},
    {"features.notifications.ics.enabled", boolean, feature},
    {"features.notifications.ws.enabled", boolean, feature},
    {"features.notifications.notifier_server_url", text, replaced, "there are no notifications"},
    {"features.federation.enabled", boolean, feature},
    {"features.federation.trust_anchors", any, accepted},
    {"features.federation.authority_hints", texts, accepted},
    {"features.federation.entity_configuration_lifetime", duration, accepted},
    {"features.federation.signing.alg", text, accepted},
    {"features.federation.signing.key_file", text, accepted},
    {"features.federation.signing.rsa_key_len", integer, accepted},
    {"features.federation.op_discovery", any, accepted},
    {"features.federation.access_token_caching", any, accepted},
    {"web.browser_binding", text, used},
    {"retention.events", duration, used},
    {"retention.expired_tokens", duration, used},
    {"retention.access_log", duration, replaced, "rotate the file with logrotate"},

    {"providers[].issuer", text, used},
    {"providers[].name", text, used},
    {"providers[].client_id", text, used},
    {"providers[].client_secret", text, used},
    {"providers[].scopes", texts, used},
    {"providers[].mytokens_max_lifetime", duration, used},
    {"providers[].audience.use_rfc8707", boolean, used},
    {"providers[].audience.request_parameter", text, used},
    {"providers[].audience.space_separate_auds", boolean, used},
    {"providers[].enforced_restrictions.claim_sources", text_map, used},
    {"providers[].enforced_restrictions.mapping", text_map, used},
    {"providers[].enforced_restrictions.default_template", text, used},
    {"providers[].enforced_restrictions.forbid_on_default", boolean, used},
    {"providers[].enforced_restrictions.help_html", text, used},
    {"providers[].enforced_restrictions.help_html_file", text, used},
    {"providers[].access_token_caching", any, replaced,
     "every access token is asked for at the provider"},
    {"providers[].quirks.offline_access", text, used},
    {"providers[].quirks.prompt", text, used},
    {"providers[].quirks.refresh_scope", text, replaced, "the scope is always sent"},
    {"providers[].quirks.refresh_offline_access", text, used},
    {"providers[].quirks.token_auth_method", text, used},
    {"providers[].quirks.rotating_refresh_tokens", boolean, used},
    {"providers[].quirks.extra_auth_params", text_map, used},
    {"providers[].quirks.extra_refresh_params", text_map, used},
    {"providers[].quirks.rt_invalid_errors", texts, used},
    {"providers[].quirks.rt_keepalive", duration, replaced,
     "refresh tokens are used when a client asks"},
    {"providers[].quirks.id_token_validation", text, used},
    {"providers[].quirks.issuer_template", boolean, feature},
});

// How many letters to insert, remove, change or swap with their neighbour.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      const bool same = a[i - 1] == b[j - 1];
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (same ? 0u : 1u)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

std::string_view last_part(std::string_view path) {
  return path.substr(path.rfind('.') + 1);
}

}  // namespace

std::span<const KeyRule> key_rules() {
  return rules;
}

const KeyRule* find_rule(std::string_view path) {
  for (const KeyRule& rule : rules) {
    if (rule.path == path) return &rule;
  }
  return nullptr;
}

bool has_keys_below(std::string_view path) {
  return std::any_of(rules.begin(), rules.end(), [path](const KeyRule& rule) {
    return rule.path.starts_with(path) && rule.path.size() > path.size() &&
           (rule.path[path.size()] == '.' || rule.path[path.size()] == '[');
  });
}

std::string suggest_key(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  const std::string parent(path.substr(0, dot == std::string_view::npos ? 0 : dot + 1));
  const std::string_view name = last_part(path);
  std::string best;
  std::size_t least = std::max<std::size_t>(1, name.size() / 3) + 1;
  for (const KeyRule& rule : rules) {  // keys beside it first: these are likelier
    if (!rule.path.starts_with(parent)) continue;
    std::string_view sibling = rule.path.substr(parent.size());
    sibling = sibling.substr(0, sibling.find_first_of(".["));
    if (const std::size_t d = distance(name, sibling); d < least) {
      least = d;
      best = parent + std::string(sibling);
    }
  }
  if (!best.empty()) return best;
  for (const KeyRule& rule : rules) {
    if (last_part(rule.path) == name) return std::string(rule.path);
  }
  return {};
}

}  // namespace mytoken::app
