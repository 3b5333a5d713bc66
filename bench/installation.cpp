// The configuration of the server, and the tokens that the load presents.
#include "installation.h"

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <fstream>
#include <stdexcept>

#include "app/keys.h"
#include "base/encoding.h"
#include "base/random.h"
#include "crypto/hash.h"
#include "in_process_provider.h"
#include "net/curl_client.h"
#include "service/mint.h"
#include "service/refresh.h"
#include "sql/postgres.h"
#include "store/ids.h"
#include "store/proxies.h"
#include "store/refresh_tokens.h"
#include "store/tokens.h"

namespace mytoken::bench {
namespace {

constexpr std::size_t logins_at_once = 1000;
constexpr std::size_t tokens_per_transaction = 1000;
constexpr std::size_t bare_size = 1500;
constexpr std::size_t most_connections = 12'000;

template <class T>
T require(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().description + " " + result.error().cause);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// What a browser and the redirect would do, without id token and user.
Task<Secret> log_in(oidc::Provider& provider, net::HttpClient& http) {
  const Secret verifier(base64url(random_bytes(32)));
  oidc::AuthorizationRequest wanted;
  wanted.redirect_uri = "https://mytoken.example.org/redirect";
  wanted.state = random_text(20);
  wanted.nonce = random_text(20);
  wanted.code_challenge = base64url(crypto::sha256(verifier.reveal()));
  wanted.scopes = provider.settings().scopes;
  auto url = co_await provider.authorization_url(std::move(wanted));
  if (!url) throw std::runtime_error("no authorization URL: " + url.error().cause);
  net::HttpRequest visit;
  visit.url = *url;
  const net::HttpResponse response = co_await http.send(std::move(visit));
  const std::string_view location = response.header("location");
  const std::size_t at = location.find("code=");
  if (at == std::string_view::npos) throw std::runtime_error("the provider gave no code");
  const std::string_view rest = location.substr(at + 5);
  Secret code(std::string(rest.substr(0, rest.find('&'))));
  auto answer = co_await provider.exchange_code(std::move(code), verifier,
                                                "https://mytoken.example.org/redirect");
  if (!answer) throw std::runtime_error("no refresh token: " + answer.error().cause);
  co_return std::move(answer->refresh_token);
}

Task<http::Response> counters(sql::Database& database) {
  const auto* postgres = dynamic_cast<const sql::PostgresDatabase*>(&database);
  const sql::PostgresCounters counted = postgres ? postgres->counters() : sql::PostgresCounters();
  http::Response response;
  response.headers.add("Content-Type", "text/plain");
  response.body = std::to_string(counted.round_trips) + " " + std::to_string(counted.repeated);
  co_return response;
}

Task<http::Response> bare(std::shared_ptr<const std::string> body) {
  http::Response response;
  response.headers.add("Content-Type", "application/json");
  response.shared = std::move(body);
  co_return response;
}

}  // namespace

// A mytoken on its way into the database.
struct Installation::Sealed {
  service::Minted token;
  service::Delivery short_token;
  store::RefreshTokenId refresh_token_id = 0;
  std::string refresh_token;
};

Installation::Installation(InstallationOptions options) : options_(std::move(options)) {
  app::Overrides overrides;
  overrides.log = &log_;
  if (options_.issuer.empty()) {
    options_.issuer = in_process_issuer;
    provider_ =
        std::make_unique<InProcessProvider>(options_.issuer, options_.delay, options_.rotating);
    overrides.http = provider_.get();
  }
  app::Config config;
  config.service.issuer = config.http.issuer = "https://mytoken.example.org";
  config.http.threads = options_.threads;
  config.http.limits.connections = most_connections;
  config.providers = {provider_settings()};
  // An installation keeps its keys: one of each algorithm, and all of them verify.
  config.signing = key_of(options_.algorithm);
  for (const crypto::Algorithm other : {crypto::Algorithm::es256, crypto::Algorithm::es512}) {
    const app::SigningKeyFile key = key_of(other);
    if (other != options_.algorithm && std::filesystem::exists(key.file))
      config.verification_keys.push_back(key);
  }
  config.database_url = options_.database_url;
  config.database_file = (options_.folder / "mytoken.sqlite").string();
  config.journal_file = (options_.folder / ("journal-" + std::to_string(::getpid()))).string();
  require(app::make_key(config.signing, config.rsa_bits));
  instance_ = require(app::Instance::start(std::move(config), overrides));
  start_bare();
}

Installation::~Installation() {
  stop();
}

void Installation::stop() {
  if (bare_thread_.joinable()) {
    bare_->drain(std::chrono::seconds(2));
    bare_thread_.join();
  }
  instance_.reset();
}

void Installation::start_bare() {
  const auto body = std::make_shared<const std::string>(bare_size, 'm');
  bare_router_.add({"GET", bare_path, [body](http::Request&) { return bare(body); }});
  sql::Database& database = instance_->context().database;
  bare_router_.add(
      {"GET", counters_path, [&database](http::Request&) { return counters(database); }});
  http::ServerSettings settings;
  settings.threads = options_.threads;
  settings.issuer = instance_->config().http.issuer;
  bare_ = std::make_unique<http::Server>(settings, bare_router_, log_);
  require(bare_->listen());
  bare_thread_ = std::thread([this] { bare_->run(); });
}

app::SigningKeyFile Installation::key_of(crypto::Algorithm algorithm) const {
  const std::string file = "key-" + std::string(crypto::name(algorithm)) + ".pem";
  return {algorithm, (options_.folder / file).string()};
}

oidc::ProviderSettings Installation::provider_settings() const {
  oidc::ProviderSettings settings;
  settings.issuer = options_.issuer;
  settings.client_id = "client";
  settings.client_secret = Secret("client-secret");
  settings.scopes = {"openid", "profile", "email", "offline_access"};
  return settings;
}

std::vector<Secret> Installation::refresh_tokens(std::size_t count) {
  std::vector<Secret> tokens(count);
  if (options_.issuer == in_process_issuer) {
    for (Secret& token : tokens)
      token = Secret(random_text(300));
    return tokens;
  }
  asio::io_context io(1);
  const auto http = net::make_curl_client({});
  oidc::Provider provider(provider_settings(), *http, clock_, log_);
  for (std::size_t first = 0; first < count; first += logins_at_once) {
    for (std::size_t i = first; i < std::min(count, first + logins_at_once); ++i) {
      auto keep = [&tokens, i](std::exception_ptr error, Secret token) {
        if (error) std::rethrow_exception(error);
        tokens[i] = std::move(token);
      };
      asio::co_spawn(io.get_executor(), log_in(provider, *http), keep);
    }
    io.restart();
    // The client's idle connections keep no work, so this returns after the last login.
    io.run();
  }
  return tokens;
}

void Installation::make_tokens(std::size_t count, Shape shape) {
  service::Context& context = instance_->context();
  std::vector<Secret> granted = refresh_tokens(count);
  std::ofstream jwts(options_.folder / "jwt");
  std::ofstream short_tokens(options_.folder / "short");
  const store::ClientInfo client{"192.0.2.1", "bench/1"};
  for (std::size_t first = 0; first < count; first += tokens_per_transaction) {
    std::vector<Sealed> batch;
    for (std::size_t i = first; i < std::min(count, first + tokens_per_transaction); ++i) {
      const Secret family_key(random_bytes(32));
      Sealed one;
      one.token =
          require(service::mint(context, wanted(shape, options_.issuer, clock_.now()), family_key));
      one.short_token = service::deliver(context, one.token.id, one.token.jwt,
                                         token::ResponseType::short_token, 0, std::nullopt);
      one.refresh_token_id = store::random_id();
      one.refresh_token = service::seal_refresh_token(granted[i], one.refresh_token_id, family_key);
      jwts << one.token.jwt.reveal() << '\n';
      short_tokens << one.short_token.text.reveal() << '\n';
      batch.push_back(std::move(one));
    }
    auto work = [&](sql::Transaction& db) -> Result<void> {
      const Time now = clock_.now();
      auto user = store::find_or_add_user(db, "user-1", options_.issuer, std::nullopt, false, now);
      if (!user) return tl::unexpected(user.error());
      for (const Sealed& one : batch) {
        const auto id = one.refresh_token_id;
        auto r =
            store::add_refresh_token(db, id, *user, options_.issuer, one.refresh_token, true, now);
        if (!r) return r;
        auto parent = add_ancestors(db, shape, one.token, *user, id, now);
        if (!parent) return tl::unexpected(parent.error());
        r = service::store_minted(db, context, one.token, *user, id, *parent,
                                  "Used grant_type oidc_flow", client);
        if (!r) return r;
        if (r = add_belongings(db, clock_, shape, one.token, *user, id); !r) return r;
        if (r = store::add_proxy(db, *one.short_token.proxy); !r) return r;
      }
      return {};
    };
    require(context.database.write_now(work));
  }
}

}  // namespace mytoken::bench
