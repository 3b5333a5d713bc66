// One POST at most, and its answer read with suspicion.
#include "oidc/token_endpoint.h"

namespace mytoken::oidc {

namespace {

constexpr int failures_until_closed = 5;
constexpr Seconds closed_for{10};
using Outcome = net::HttpResponse::Outcome;

}  // namespace

TokenEndpoint::TokenEndpoint(const ProviderSettings& settings, net::HttpClient& http,
                             const Clock& clock, Log& log)
    : settings_(settings), http_(http), clock_(clock), log_(log) {}

Task<net::HttpResponse> TokenEndpoint::post(std::shared_ptr<const Metadata> metadata,
                                            std::string url, Form form) {
  // Made anew for the repetition, so that a request that waits holds its body once.
  const auto make = [&](Form fields) {
    net::HttpRequest request;
    request.method = "POST";
    request.url = url;
    authenticate(settings_, *metadata, fields, request);
    request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    request.headers.emplace_back("Accept", "application/json");
    request.body = encode_form(fields);
    return request;
  };
  net::HttpRequest request = make(form);
  net::HttpResponse response = co_await http_.send(std::move(request));
  if (response.outcome != Outcome::not_sent || !repeats_.load()) co_return response;
  net::HttpRequest again = make(std::move(form));
  co_return co_await http_.send(std::move(again));
}

bool TokenEndpoint::is_left_alone() {
  const std::lock_guard lock(mutex_);
  return clock_.now() < closed_until_;
}

void TokenEndpoint::note(const net::HttpResponse& response) {
  const std::lock_guard lock(mutex_);
  if (response.outcome == Outcome::answered) {
    failures_ = 0;
    return;
  }
  if (++failures_ < failures_until_closed) return;
  closed_until_ = clock_.now() + closed_for;
  log_.warning(
      "a provider does not answer and is left alone for a while",
      {{"issuer", settings_.issuer}, {"problem", response.problem}, {"failures", failures_}});
}

Task<ProviderResult<TokenAnswer>> TokenEndpoint::request(std::shared_ptr<const Metadata> metadata,
                                                         Form form, std::vector<Secret> secrets) {
  if (is_left_alone()) {
    ProviderError error;
    error.kind = ProviderError::Kind::unavailable;
    error.cause = settings_.issuer + " did not answer several times";
    co_return tl::unexpected(std::move(error));
  }
  const net::HttpResponse response =
      co_await post(metadata, metadata->token_endpoint, std::move(form));
  note(response);
  secrets.push_back(settings_.client_secret);
  co_return read_token_answer(response, secrets);
}

}  // namespace mytoken::oidc
