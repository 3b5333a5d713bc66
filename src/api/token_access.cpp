// POST token/access: access tokens, in JSON, as form, and as the refresh grant of an ordinary OAuth
// client (spec api.md §5).
#include "api/common.h"
#include "api/endpoints.h"
#include "service/access.h"

namespace mytoken::api {
namespace {

constexpr std::size_t longest_comment = 255;
// What is asked for is kept with the access token for a year.
constexpr std::size_t most_scopes = 200;
constexpr std::size_t longest_scope = 256;
constexpr std::size_t most_audiences = 32;
constexpr std::size_t longest_audience = 2048;

Result<void> check_words(const char* field, const std::vector<std::string>& words, std::size_t most,
                         std::size_t longest) {
  if (words.size() > most) {
    return fail(invalid_request(std::string(field) + " has more than " + std::to_string(most) +
                                " entries"));
  }
  for (const std::string& word : words) {
    if (word.size() > longest) {
      return fail(invalid_request(std::string(field) + " has an entry of more than " +
                                  std::to_string(longest) + " bytes"));
    }
  }
  return {};
}

Result<service::AccessRequest> parse(const http::Parameters& parameters) {
  service::AccessRequest wanted;
  auto grant_type = parameters.text("grant_type");
  if (!grant_type) return tl::unexpected(grant_type.error());
  if (grant_type->value_or("") == "refresh_token") {
    wanted.as_oauth_refresh = true;
  } else if (grant_type->value_or("") != "mytoken") {
    return fail(invalid_grant("Unsupported grant_type"));
  }
  auto issuer = parameters.text("oidc_issuer");
  if (issuer && !*issuer) issuer = parameters.text("issuer");
  if (!issuer) return tl::unexpected(issuer.error());
  wanted.oidc_issuer = issuer->value_or("");
  auto scope = parameters.text("scope");
  if (!scope) return tl::unexpected(scope.error());
  wanted.scopes = token::words(scope->value_or(""));
  if (auto r = check_words("scope", wanted.scopes, most_scopes, longest_scope); !r)
    return tl::unexpected(r.error());
  auto audience = parameters.text("audience");
  if (!audience) return tl::unexpected(audience.error());
  wanted.audiences = token::words(audience->value_or(""));
  if (auto r = check_words("audience", wanted.audiences, most_audiences, longest_audience); !r)
    return tl::unexpected(r.error());
  auto resources = parameters.list("resource");
  if (!resources) return tl::unexpected(resources.error());
  if (auto r = check_words("resource", *resources, most_audiences, longest_audience); !r)
    return tl::unexpected(r.error());
  for (auto& resource : *resources) {
    auto& list = wanted.audiences;
    if (!resource.empty() && std::find(list.begin(), list.end(), resource) == list.end()) {
      list.push_back(std::move(resource));
    }
  }
  auto comment = parameters.text("comment");
  if (!comment) return tl::unexpected(comment.error());
  wanted.comment = comment->value_or("");
  if (wanted.comment.size() > longest_comment)
    return fail(invalid_request("comment is longer than 255 bytes"));
  return wanted;
}

}  // namespace

Task<http::Response> token_access(const Api& api, http::Request& request) {
  TokenSource source = TokenSource::body;
  service::AccessRequest wanted;
  {
    // Gone before the provider is waited for: thousands may wait.
    auto parameters = http::Parameters::parse(request);
    if (!parameters) co_return error_answer(api, parameters.error(), request);
    auto parsed = parse(*parameters);
    if (!parsed) co_return error_answer(api, parsed.error(), request);
    auto presented = require_token(api, request, *parameters, {"mytoken", "refresh_token"});
    if (!presented) co_return error_answer(api, presented.error(), request);
    wanted = std::move(*parsed);
    wanted.presentation = std::move(presented->presentation);
    source = presented->source;
  }
  request.body.clear();
  request.body.shrink_to_fit();
  auto answer = co_await service::access_token(api.context, std::move(wanted));
  if (!answer) co_return error_answer(api, answer.error(), request);
  http::Response response = http::Response::json(200, std::move(answer->body));
  if (!answer->rotated.empty() && source == TokenSource::cookie) {
    set_token_cookie(response, api, answer->rotated);
  }
  co_return response;
}

}  // namespace mytoken::api
