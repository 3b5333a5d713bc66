// A provider as the server sees it, with the scripted provider at the other end of a real
// connection.
#pragma once
#include <gtest/gtest.h>

#include <boost/url.hpp>

#include "base/encoding.h"
#include "net/curl_client.h"
#include "oidc/provider.h"
#include "support/manual_clock.h"
#include "support/run_task.h"
#include "support/scripted_provider.h"

namespace mytoken::oidc {

using test::ProviderKnobs;
using test::ProviderOptions;
using test::ScriptedProvider;
using namespace std::chrono_literals;

class CollectingLog final : public Log {
 public:
  CollectingLog() : Log(2, LogLevel::debug, Format::text) {}
  std::string lines;

 protected:
  void emit(std::string_view line) override { lines += line; }
};

struct ProviderTest : testing::Test {
  static ProviderOptions with_clock(ProviderOptions options, const Clock& clock) {
    options.clock = &clock;
    return options;
  }
  explicit ProviderTest(ProviderOptions options = {})
      : scripted(with_clock(options, clock)), http(net::make_curl_client({})) {
    settings.issuer = scripted.issuer();
    settings.client_id = "client";
    settings.client_secret = Secret("client-secret");
    settings.scopes = {"openid", "email"};
  }

  Provider& provider() {
    if (!made) made = std::make_unique<Provider>(settings, *http, clock, log);
    return *made;
  }
  template <class T>
  T run(Task<T> task) {
    return test::run(context, std::move(task));
  }
  void set(const std::function<void(ProviderKnobs&)>& change) { scripted.set(change); }

  AuthorizationRequest request() {
    AuthorizationRequest request;
    request.redirect_uri = "https://mytoken.example/redirect";
    request.state = "the-state";
    request.nonce = "the-nonce";
    // RFC 7636, appendix B.
    request.code_challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    request.scopes = {"email"};
    return request;
  }
  static Secret verifier() { return Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"); }

  // Follows the authorization URL as a browser would; result: the query of the redirect.
  std::map<std::string, std::string> login(AuthorizationRequest authorization) {
    const auto url = run(provider().authorization_url(std::move(authorization)));
    if (!url) return {};
    net::HttpRequest visit;
    visit.url = *url;
    const net::HttpResponse response = run(http->send(std::move(visit)));
    std::map<std::string, std::string> query;
    const std::string location(response.header("location"));
    const auto parsed = boost::urls::parse_uri(location);
    if (!parsed) return {};
    for (const auto& parameter : parsed->params())
      query[parameter.key] = parameter.value;
    return query;
  }
  ProviderResult<TokenAnswer> exchange(std::string code) {
    return run(provider().exchange_code(Secret(std::move(code)), verifier(),
                                        "https://mytoken.example/redirect"));
  }
  ProviderResult<TokenAnswer> log_in() { return exchange(login(request())["code"]); }
  Result<Identity> identify_after_login() {
    const auto answer = log_in();
    if (!answer) return fail(to_error(answer.error()));
    return run(provider().identify(*answer, "the-nonce"));
  }
  ProviderResult<TokenAnswer> refresh(const std::string& token,
                                      std::vector<std::string> scopes = {},
                                      std::vector<std::string> audiences = {},
                                      bool offline = false) {
    return run(provider().refresh(Secret(token), std::move(scopes), std::move(audiences), offline));
  }

  test::ManualClock clock;
  CollectingLog log;
  ScriptedProvider scripted;
  std::unique_ptr<net::HttpClient> http;
  asio::io_context context{1};
  ProviderSettings settings;
  std::unique_ptr<Provider> made;
};

}  // namespace mytoken::oidc
