// Putting the server together, and the tokens that the load presents.
#include "installation.h"

#include <boost/asio/co_spawn.hpp>
#include <fstream>
#include <stdexcept>

#include "base/encoding.h"
#include "base/random.h"
#include "crypto/hash.h"
#include "in_process_provider.h"
#include "service/mint.h"
#include "service/refresh.h"
#include "sql/sqlite.h"
#include "store/ids.h"
#include "store/proxies.h"
#include "store/refresh_tokens.h"
#include "store/schema.h"
#include "store/tokens.h"

namespace mytoken::bench {
namespace {

constexpr std::size_t logins_at_once = 1000;
constexpr std::size_t tokens_per_transaction = 1000;
constexpr std::size_t bare_size = 1500;

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

Task<http::Response> bare(std::shared_ptr<const std::string> body) {
  http::Response response;
  response.headers.add("Content-Type", "application/json");
  response.shared = std::move(body);
  co_return response;
}

// One clause that never ends during a run, as most tokens have.
token::Restrictions usual_restrictions(Time now) {
  token::Clause clause;
  clause.exp = now + std::chrono::hours(24 * 30);
  clause.scope = {"openid", "profile", "email"};
  return {clause};
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
  resolver_ = net::make_system_resolver(clock_);
  if (options_.issuer.empty()) {
    options_.issuer = in_process_issuer;
    http_ = std::make_unique<InProcessProvider>(options_.issuer, options_.delay);
  } else {
    http_ = net::make_curl_client({});
  }
  providers_.add(std::make_shared<oidc::Provider>(provider_settings(), *http_, clock_, log_));
  sql::SqliteOptions file;
  file.file = options_.folder / "mytoken.sqlite";
  database_ = require(sql::open_sqlite(file, log_));
  require(database_->migrate(store::migrations()));
  journal_ = require(service::Journal::open(options_.folder / "journal", log_));
  const crypto::Key key = crypto::Key::generate(options_.algorithm);
  service::Settings settings;
  settings.issuer = "https://mytoken.example.org";
  context_.reset(new service::Context{settings, *database_, providers_, key, crypto::KeySet({key}),
                                      service::derive_installation_secret(key), *resolver_, clock_,
                                      log_, "bench-server", *journal_});
  api_.emplace(api::Api{*context_, {}});
  router_.emplace();
  api::add_routes(*router_, *api_);
  const auto body = std::make_shared<const std::string>(bare_size, 'm');
  router_->add({"GET", bare_path, [body](http::Request&) { return bare(body); }});
  http::ServerSettings serving;
  serving.threads = options_.threads;
  serving.limits.connections = 12'000;
  serving.issuer = settings.issuer;
  server_ = std::make_unique<http::Server>(serving, *router_, log_);
}

Installation::~Installation() {
  database_.reset();  // finishes what is queued
  server_.reset();
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

void Installation::make_tokens(std::size_t count) {
  std::vector<Secret> granted = refresh_tokens(count);
  std::ofstream jwts(options_.folder / "jwt");
  std::ofstream short_tokens(options_.folder / "short");
  const store::ClientInfo client{"192.0.2.1", "bench/1"};
  for (std::size_t first = 0; first < count; first += tokens_per_transaction) {
    std::vector<Sealed> batch;
    for (std::size_t i = first; i < std::min(count, first + tokens_per_transaction); ++i) {
      const Secret family_key(random_bytes(32));
      service::MintRequest wanted;
      wanted.oidc_sub = "user-1";
      wanted.oidc_iss = options_.issuer;
      wanted.name = "benchmark";
      wanted.capabilities = {"AT", "tokeninfo", "create_mytoken"};
      wanted.restrictions = usual_restrictions(clock_.now());
      Sealed one;
      one.token = require(service::mint(*context_, wanted, family_key));
      one.short_token = service::deliver(*context_, one.token.id, one.token.jwt,
                                         token::ResponseType::short_token, 0);
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
        r = service::store_minted(db, *context_, one.token, *user, id, std::nullopt,
                                  "Used grant_type oidc_flow", client);
        if (!r) return r;
        if (r = store::add_proxy(db, *one.short_token.proxy); !r) return r;
      }
      return {};
    };
    require(database_->write_now(work));
  }
}

std::uint16_t Installation::listen() {
  require(server_->listen());
  return server_->ports().at(0);
}

void Installation::run() {
  server_->run();
}

void Installation::stop() {
  server_->drain(std::chrono::seconds(2));
}

}  // namespace mytoken::bench
