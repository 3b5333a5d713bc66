// Sections `server`, `features` and `web` of the configuration.
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <thread>

#include "app/config.h"
#include "app/config_values.h"
#include "base/encoding.h"
#include "base/ip_address.h"

namespace mytoken::app {
namespace {

using std::chrono::milliseconds;

constexpr Seconds hour{3600};
constexpr Seconds year{365 * 24 * 3600};

bool is_listen_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return false;
  const auto port = parse_integer(std::string_view(text).substr(colon + 1));
  const std::string_view host = std::string_view(text).substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  return port && *port >= 0 && *port <= 65535 &&
         (bracketed || host.find(':') == std::string_view::npos);
}

void read_tls(Values& values, Config& config) {
  const std::string certificate = values.text("server.tls.cert");
  const std::string key = values.text("server.tls.key");
  const bool enabled = values.boolean("server.tls.enabled", true);
  if (enabled && !certificate.empty() && !key.empty()) {
    config.http.tls = http::Tls{certificate, key};
  } else if (enabled && certificate.empty() != key.empty()) {
    values.error("server.tls", "needs cert and key; give both or none");
  }
  config.http.hsts_max_age =
      values.duration("server.tls.hsts_max_age", config.http.hsts_max_age, Seconds(0), year * 10);
  if (values.choice("server.tls.min_version", 0, {"1.2", "1.3"}) != 0) {
    values.warning("server.tls.min_version",
                   "not available in this version, TLS 1.2 is accepted too");
  }
}

void read_listen(Values& values, Config& config) {
  const std::int64_t port = values.integer("server.port", 8000, 0, 65535);
  if (!values.has("server.listen")) {
    config.http.listen = {fmt::format("[::]:{}", config.http.tls ? 443 : port)};
    if (config.http.tls && values.has("server.port") && port != 443) {
      values.warning("server.port",
                     "without effect with TLS, which listens on 443; use server.listen");
    }
    return;
  }
  config.http.listen = values.texts("server.listen");
  if (config.http.listen.empty())
    values.error("server.listen", "names no address; give one like 127.0.0.1:8000");
  if (config.http.listen == std::vector<std::string>{"fd"}) {  // those that a supervisor passes
    config.http.listen.clear();
    return;
  }
  for (const std::string& address : config.http.listen) {
    if (address.starts_with("unix:")) {
      values.error("server.listen",
                   "sockets of this kind are not available in this version; use host:port");
    } else if (address == "fd") {
      values.error("server.listen", "fd stands alone: the supervisor passes all sockets");
    } else if (!is_listen_address(address)) {
      values.error("server.listen", "must be addresses like 127.0.0.1:8000 or [::]:8000");
    }
  }
}

void read_proxies(Values& values, Config& config) {
  config.http.proxy_header = values.text("server.proxy_header");
  std::vector<std::string> networks = values.texts("server.trusted_proxies");
  for (const std::string& network : networks) {
    if (network != "*" && !Network::parse(network)) {
      values.error("server.trusted_proxies", "must be addresses or networks like 10.0.0.0/8");
    }
  }
  if (!config.http.proxy_header.empty() && networks.empty()) {
    networks = {"127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"};
    values.warning("server.proxy_header",
                   "believed from loopback and private networks only; list your proxies in "
                   "server.trusted_proxies");
  }
  config.http.trusted_proxies.networks = std::move(networks);
}

void read_limits(Values& values, Config& config) {
  http::Limits& limits = config.http.limits;
  const auto size = [&](std::string_view key, std::size_t otherwise, std::int64_t least,
                        std::int64_t most) {
    return static_cast<std::size_t>(
        values.integer(key, static_cast<std::int64_t>(otherwise), least, most));
  };
  const auto time = [&](std::string_view key, milliseconds otherwise) {
    return milliseconds(
        values.duration(key, std::chrono::duration_cast<Seconds>(otherwise), Seconds(1), hour));
  };
  limits.header_bytes = size("server.limits.header_bytes", limits.header_bytes, 4096, 1 << 20);
  limits.body_bytes = size("server.limits.body_bytes", limits.body_bytes, 16384, 1 << 26);
  limits.connections = size("server.limits.connections", limits.connections, 1, 1'000'000);
  limits.request_timeout = time("server.limits.request_timeout", limits.request_timeout);
  limits.write_timeout = time("server.limits.write_timeout", limits.write_timeout);
  limits.idle_timeout = time("server.limits.idle_timeout", limits.idle_timeout);
  config.drain_timeout =
      milliseconds(values.duration("server.drain_timeout", Seconds(30), Seconds(0), hour));

  config.handover = values.text("server.handover");

  http::RateLimit rate;
  rate.enabled = values.boolean("server.request_limits.enabled", true);
  rate.max_requests = static_cast<std::uint32_t>(
      values.integer("server.request_limits.max_requests", 100, 1, 1'000'000'000));
  rate.window =
      values.duration("server.request_limits.window", rate.window, Seconds(1), Seconds(86400));
  if (values.has("server.request_limits.always_allow")) {
    rate.always_allow = values.texts("server.request_limits.always_allow");
    const auto is_name = [](const std::string& text) { return !Network::parse(text); };
    if (std::any_of(rate.always_allow.begin(), rate.always_allow.end(), is_name)) {
      values.warning("server.request_limits.always_allow",
                     "host names are ignored; use addresses and networks");
    }
  }
  http::RateLimit codes = rate;
  const std::int64_t wrong =
      values.integer("server.request_limits.max_wrong_codes", 20, 0, 1'000'000);
  codes.enabled = wrong > 0;
  codes.max_requests = static_cast<std::uint32_t>(wrong);
  if (codes.enabled) config.http.code_tries = std::move(codes);
  if (rate.enabled) config.http.rate_limit = std::move(rate);
}

void read_health(Values& values, Config& config) {
  const std::int64_t port = values.integer("server.healthcheck.port", 0, 0, 65535);
  std::string listen = values.text("server.healthcheck.listen", "127.0.0.1");
  if (!is_listen_address(listen)) listen += fmt::format(":{}", port);
  if (!is_listen_address(listen))
    values.error("server.healthcheck.listen", "must be an address like 127.0.0.1");
  if (values.boolean("server.healthcheck.enabled", false)) config.health_listen = std::move(listen);
}

void read_redirects(Values& values, Config& config) {
  constexpr std::string_view key =
      "features.oidc_flows.authorization_code.web.trusted_redirect_uris";
  config.service.trusted_redirect_uris = values.texts(key);
  for (std::size_t i = 0; i < config.service.trusted_redirect_uris.size(); ++i) {
    const std::string& pattern = config.service.trusted_redirect_uris[i];
    if (!re2::RE2(pattern, re2::RE2::Quiet).ok()) {
      values.error(key, fmt::format("entry {} is not a regular expression (RE2)", i + 1));
    } else if (!pattern.ends_with('$') && !pattern.ends_with(".*")) {
      values.warning(
          key,
          fmt::format("entry {} is compared with the whole address; for a beginning end it in .*",
                      i + 1));
    }
  }
}

void read_guest_mode(Values& values, Config& config) {
  config.api.guest_mode = values.boolean("features.guest_mode.enabled", false);
  config.api.guest_lifetime = values.duration("features.guest_mode.mytokens_max_lifetime",
                                              config.api.guest_lifetime, Seconds(0), year);
  if (config.api.guest_mode) {
    values.warning("features.guest_mode",
                   "lets everybody in without a login; for trying only, never on a server that "
                   "people use");
  }
}

// A file that cannot be used does not stop the server, so its problem is told here.
void read_geoip(Values& values, Config& config) {
  net::GeoIpSettings& geoip = config.geoip;
  const std::string_view key = values.has("geoip.file") ? "geoip.file" : "geo_ip_db_file";
  if (values.has("geoip.file") && values.has("geo_ip_db_file"))
    values.error("geo_ip_db_file", "given beside geoip.file; remove one of them");
  geoip.file = values.text(key);
  geoip.format =
      static_cast<net::GeoIpFormat>(values.choice("geoip.format", 0, {"auto", "mmdb", "bin"}));
  geoip.home_country = values.text("geoip.home_country");
  if (!geoip.home_country.empty() && !net::is_country_code(geoip.home_country)) {
    values.error("geoip.home_country", "must be a country code of two letters");
  }
  if (geoip.file.empty()) return;
  if (auto database = net::open_country_database(geoip); !database) {
    values.warning(key, database.error().cause +
                            "; until it can be read, clauses with countries permit nothing");
  }
}

// Whoever knows a group's password writes its templates.
void read_template_groups(Values& values, Config& config) {
  constexpr std::string_view key = "features.server_profiles.groups";
  config.api.server_profiles = values.boolean("features.server_profiles.enabled", true);
  for (auto& [group, password] : values.pairs(key)) {
    const auto is_bad = [](unsigned char c) { return c <= 0x20 || c == 0x7f || c == '/'; };
    if (group.empty() || characters(group) > 64 ||
        std::any_of(group.begin(), group.end(), is_bad)) {
      values.error(key,
                   "the name of a group has 1 to 64 characters, none of them a slash or blank");
    } else if (password.empty()) {
      values.error(key, fmt::format("group {} has no password; give it one or remove it", group));
    } else if (auto parsed = crypto::Password::parse(Secret(password)); !parsed) {
      values.error(key,
                   fmt::format("the password of group {} {}", group, parsed.error().description));
    } else {
      config.api.template_groups.emplace_back(group, std::move(*parsed));
    }
  }
}

}  // namespace

void read_server(Values& values, Config& config) {
  read_tls(values, config);
  read_listen(values, config);
  read_proxies(values, config);
  read_limits(values, config);
  read_health(values, config);
  read_geoip(values, config);
  const std::int64_t threads = values.integer("server.threads", 0, 0, 1024);
  config.http.threads = threads > 0 ? static_cast<unsigned>(threads)
                                    : std::max(1u, std::thread::hardware_concurrency());
}

void read_features(Values& values, Config& config) {
  service::Settings& service = config.service;
  token::RepresentationOptions& forms = service.representations;
  forms.short_tokens = values.boolean("features.short_tokens.enabled", true);
  forms.transfer_codes = values.boolean("features.transfer_codes.enabled", true);
  // Shorter ones would be taken for codes; polling codes end below, so the two always differ.
  forms.short_token_length = static_cast<std::size_t>(
      values.integer("features.short_tokens.len", 64, token::shortest_token, 1024));
  service.transfer_code_length =
      static_cast<std::size_t>(values.integer("features.polling_codes.len", 8, 8, 30));
  service.polling_codes = values.boolean("features.polling_codes.enabled", true);
  service.transfer_code_lifetime = values.duration("features.polling_codes.expires_after",
                                                   Seconds(300), Seconds(1), Seconds(86400));
  service.polling_interval = values.duration("features.polling_codes.polling_interval", Seconds(5),
                                             Seconds(1), Seconds(15));
  service.flow_lifetime = values.duration("features.oidc_flows.authorization_code.expires_after",
                                          Seconds(600), Seconds(30), Seconds(86400));
  service.token_rotation = values.boolean("features.token_rotation.enabled", true);
  service.ssh = values.boolean("features.ssh.enabled", false);
  service.rotation_grace =
      values.duration("features.token_rotation.grace", Seconds(10), Seconds(0), Seconds(300));
  service.strict_usage_inheritance = values.boolean("features.strict_usage_inheritance", true);
  constexpr Seconds day{86400};
  service.retention.events = values.duration("retention.events", 365 * day, day, 100 * year);
  service.retention.expired_tokens =
      values.duration("retention.expired_tokens", 30 * day, day, 100 * year);
  service.browser_binding = static_cast<service::Settings::BrowserBinding>(
      values.choice("web.browser_binding", 0, {"strict", "warn", "off"}));

  constexpr std::string_view known[] = {"nbf",         "exp",         "scope",          "audience",
                                        "hosts",       "geoip_allow", "geoip_disallow", "usages_AT",
                                        "usages_other"};
  service.unsupported_restrictions = values.texts("features.unsupported_restrictions");
  for (const std::string& name : service.unsupported_restrictions) {
    if (std::find(std::begin(known), std::end(known), name) == std::end(known)) {
      values.error("features.unsupported_restrictions",
                   "must be of nbf, exp, scope, audience, hosts, geoip_allow, geoip_disallow, "
                   "usages_AT, usages_other");
    }
  }
  read_redirects(values, config);
  read_template_groups(values, config);

  const Seconds cookie =
      values.duration("features.oidc_flows.authorization_code.web.cookie_lifetime", Seconds(604800),
                      Seconds(60), year);
  config.api.cookie_lifetime = config.web.cookie_lifetime = cookie;
  config.api.token_revocation = values.boolean("features.token_revocation.enabled", true);
  auto& actions = config.api.tokeninfo_actions;
  for (const auto& [action, key] : {std::pair{"introspect", "introspect"},
                                    {"event_history", "event_history"},
                                    {"subtokens", "subtoken_tree"},
                                    {"list_mytokens", "list_mytokens"}}) {
    if (!values.boolean("features.tokeninfo." + std::string(key) + ".enabled", true))
      std::erase(actions, action);
  }
  if (actions.size() == 1) actions.clear();  // notifications have no switch of their own
  read_guest_mode(values, config);
}

}  // namespace mytoken::app
