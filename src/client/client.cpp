// The calls but for waiting (authorization.cpp). Each builds a body, posts it, and reads the
// answer; post() is the one place where a rotated token is seen and made safe.
#include "client/client.h"

#include "client/url.h"

namespace mytoken::client {
namespace {

Options completed(Options options) {
  if (options.transport.user_agent.empty())
    options.transport.user_agent = "mytoken client " MYTOKEN_VERSION;
  return options;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    text += word;
  }
  return text;
}

json::array array_of(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& text : texts)
    array.emplace_back(text);
  return array;
}

json::object common_members(const MytokenRequest& request) {
  json::object body;
  if (!request.oidc_issuer.empty()) body["oidc_issuer"] = request.oidc_issuer;
  if (!request.restrictions.empty()) body["restrictions"] = request.restrictions;
  if (request.capabilities) body["capabilities"] = array_of(*request.capabilities);
  if (!request.name.empty()) body["name"] = request.name;
  if (!request.response_type.empty()) body["response_type"] = request.response_type;
  if (request.rotation) body["rotation"] = *request.rotation;
  if (request.max_token_len > 0) body["max_token_len"] = request.max_token_len;
  if (!request.application_name.empty()) body["application_name"] = request.application_name;
  return body;
}

}  // namespace

Outcome<std::unique_ptr<Client>> Client::open(std::string_view server_url, Options options) {
  auto url = parse_server_url(server_url);
  if (!url) return failure(std::move(url.error()));
  return std::unique_ptr<Client>(new Client(std::move(*url), completed(std::move(options))));
}

Client::Client(std::string server_url, Options options)
    : server_url_(std::move(server_url)),
      options_(std::move(options)),
      transport_(options_.transport),
      cache_(options_.cache_directory, options_.cache_lifetime) {}

Outcome<std::shared_ptr<const Metadata>> Client::metadata(const Call& call) {
  {
    const std::lock_guard lock(mutex_);
    if (metadata_) return metadata_;
    if (auto cached = cache_.load(server_url_, options_.clock->now())) {
      metadata_ = std::make_shared<const Metadata>(std::move(*cached));
      is_from_disk_ = true;
      return metadata_;
    }
  }
  return fetch_metadata(call);
}

Outcome<std::shared_ptr<const Metadata>> Client::fetch_metadata(const Call& call) {
  auto answer = transport_.get(server_url_ + "/.well-known/mytoken-configuration",
                               options_.longest_answer, call);
  if (!answer) return failure(std::move(answer.error()));
  if (answer->status != 200) {
    auto reason = parse_answer(answer->status, answer->body.reveal(), answer->retry_after);
    if (!reason && reason.error().is_transient()) return failure(std::move(reason.error()));
    ClientError error;
    error.http_status = answer->status;
    error.description =
        server_url_ + " is not a mytoken server (status " + std::to_string(answer->status) + ")";
    return failure(std::move(error));
  }
  auto parsed = parse_metadata(answer->body.reveal(), server_url_);
  if (!parsed) return failure(std::move(parsed.error()));
  cache_.store(server_url_, answer->body.reveal(), options_.clock->now());
  auto fresh = std::make_shared<const Metadata>(std::move(*parsed));
  const std::lock_guard lock(mutex_);
  metadata_ = fresh;
  is_from_disk_ = false;
  return fresh;
}

Outcome<json::object> Client::post(std::string Metadata::*which, const json::object& body,
                                   std::size_t limit, TokenLease* lease,
                                   std::optional<TokenUpdate>* update, const Call& call) {
  auto known = metadata(call);
  if (!known) return failure(std::move(known.error()));
  std::string endpoint = (**known).*which;
  if (endpoint.empty())
    return failure(ErrorKind::usage, server_url_ + " does not support this function");
  const Secret text(json::serialize(body));
  auto answer = transport_.post(endpoint, text, limit, call);
  if (answer && answer->status == 404) {
    // The copy on disk may be of a server that moved its endpoints. A 404 did nothing, so asking
    // again is safe.
    bool was_from_disk = false;
    {
      const std::lock_guard lock(mutex_);
      was_from_disk = is_from_disk_;
    }
    if (was_from_disk) {
      cache_.forget(server_url_);
      auto fresh = fetch_metadata(call);
      if (fresh && (**fresh).*which != endpoint && !((**fresh).*which).empty()) {
        answer = transport_.post((**fresh).*which, text, limit, call);
      }
    }
  }
  if (!answer) return failure(std::move(answer.error()));
  auto members = parse_answer(answer->status, answer->body.reveal(), answer->retry_after);
  if (!members || !lease) return members;
  if (Secret successor = successor_in(*members); !successor.empty()) {
    TokenUpdate changed;
    if (auto committed = lease->commit(successor); !committed)
      changed.not_stored = std::move(committed.error());
    changed.mytoken = std::move(successor);
    if (update) *update = std::move(changed);
  }
  return members;
}

Outcome<AccessToken> Client::access_token(TokenLease& lease, const AccessTokenRequest& request,
                                          const Call& call) {
  json::object body;
  body["grant_type"] = "mytoken";
  body["mytoken"] = lease.token().reveal();
  if (!request.scope.empty()) body["scope"] = joined(request.scope);
  if (!request.audience.empty()) body["audience"] = joined(request.audience);
  if (!request.comment.empty()) body["comment"] = request.comment;
  std::optional<TokenUpdate> update;
  auto answer =
      post(&Metadata::access_token_endpoint, body, options_.longest_answer, &lease, &update, call);
  if (!answer) return failure(std::move(answer.error()));
  auto token = parse_access_token(*answer);
  if (token) token->token_update = std::move(update);
  return token;
}

Outcome<Mytoken> Client::sub_token(TokenLease& lease, const MytokenRequest& request,
                                   const Call& call) {
  json::object body = common_members(request);
  body["grant_type"] = "mytoken";
  body["mytoken"] = lease.token().reveal();
  if (request.error_on_restrictions) body["error_on_restrictions"] = true;
  std::optional<TokenUpdate> update;
  auto answer =
      post(&Metadata::mytoken_endpoint, body, options_.longest_answer, &lease, &update, call);
  if (!answer) return failure(std::move(answer.error()));
  auto token = parse_mytoken(*answer);
  if (token) token->token_update = std::move(update);
  return token;
}

Outcome<Mytoken> Client::redeem_transfer_code(const Secret& code, const Call& call) {
  json::object body;
  body["grant_type"] = "transfer_code";
  body["transfer_code"] = code.reveal();
  auto answer =
      post(&Metadata::mytoken_endpoint, body, options_.longest_answer, nullptr, nullptr, call);
  if (!answer) return failure(std::move(answer.error()));
  return parse_mytoken(*answer);
}

Outcome<Mytoken> Client::create_transfer_code(TokenLease& lease, const Call& call) {
  json::object body;
  body["mytoken"] = lease.token().reveal();
  auto answer = post(&Metadata::token_transfer_endpoint, body, options_.longest_answer, &lease,
                     nullptr, call);
  if (!answer) return failure(std::move(answer.error()));
  auto token = parse_mytoken(*answer);
  if (token && token->transfer_code.empty()) {
    return failure(ErrorKind::protocol, "the server answered without a transfer code");
  }
  return token;
}

Outcome<Authorization> Client::start_authorization(const MytokenRequest& request,
                                                   const Call& call) {
  json::object body = common_members(request);
  body["grant_type"] = "oidc_flow";
  body["oidc_flow"] = "authorization_code";
  body["client_type"] = "native";
  auto answer =
      post(&Metadata::mytoken_endpoint, body, options_.longest_answer, nullptr, nullptr, call);
  if (!answer) return failure(std::move(answer.error()));
  return parse_authorization(*answer);
}

Outcome<Document> Client::tokeninfo(TokenLease& lease, const std::string& action,
                                    const std::vector<std::string>& mom_ids, const Call& call) {
  json::object body;
  body["action"] = action;
  body["mytoken"] = lease.token().reveal();
  if (!mom_ids.empty()) body["mom_ids"] = array_of(mom_ids);
  Document document;
  auto answer = post(&Metadata::tokeninfo_endpoint, body, options_.longest_list, &lease,
                     &document.token_update, call);
  if (!answer) return failure(std::move(answer.error()));
  document.members = std::move(*answer);
  document.members.erase("token_update");
  return document;
}

Outcome<Done> Client::revoke(TokenLease& lease, const Revocation& revocation, const Call& call) {
  json::object body;
  body["token"] = lease.token().reveal();
  if (!revocation.mom_id.empty()) body["mom_id"] = revocation.mom_id;
  if (revocation.recursive) body["recursive"] = true;
  Done done;
  auto answer = post(&Metadata::revocation_endpoint, body, options_.longest_answer, &lease,
                     &done.token_update, call);
  if (!answer) return failure(std::move(answer.error()));
  return done;
}

}  // namespace mytoken::client
