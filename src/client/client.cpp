// The calls but for waiting (authorization.cpp): each builds a body and reads the answer.
#include <mytoken/client.h>

#include "client/impl.h"
#include "client/reading.h"

namespace mytoken::client {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    text += word;
  }
  return text;
}

Exchange posted(const char* endpoint, Exchange::Token token) {
  Exchange exchange;
  exchange.method = Exchange::Method::post;
  exchange.endpoint = endpoint;
  exchange.token = token;
  return exchange;
}

// Error usage: `text` is no JSON of the wanted kind.
Outcome<void> put_json(json::object& body, const char* name, const std::string& text,
                       json::kind kind) {
  if (text.empty()) return {};
  auto value = parse_json(text);
  if (!value || value->kind() != kind) {
    return failure(ErrorKind::usage, std::string(name) + " must be a JSON " +
                                         (kind == json::kind::array ? "array" : "object"));
  }
  body[name] = std::move(*value);
  return {};
}

Outcome<json::object> common_members(const MytokenRequest& request) {
  json::object body;
  if (!request.other_members.empty()) {
    auto value = parse_json(request.other_members);
    if (!value || !value->is_object())
      return failure(ErrorKind::usage, "the other members of a request must be a JSON object");
    body = std::move(value->get_object());
  }
  if (!request.oidc_issuer.empty()) body["oidc_issuer"] = request.oidc_issuer;
  if (auto put = put_json(body, "restrictions", request.restrictions, json::kind::array); !put)
    return failure(std::move(put.error()));
  if (request.capabilities) body["capabilities"] = array_of(*request.capabilities);
  if (!request.name.empty()) body["name"] = request.name;
  if (!request.response_type.empty()) body["response_type"] = request.response_type;
  if (auto put = put_json(body, "rotation", request.rotation, json::kind::object); !put)
    return failure(std::move(put.error()));
  if (request.max_token_len > 0) body["max_token_len"] = request.max_token_len;
  if (!request.application_name.empty()) body["application_name"] = request.application_name;
  if (request.include.size() == 1) body["include"] = request.include.front();
  if (request.include.size() > 1) body["include"] = array_of(request.include);
  if (!request.tags.empty()) {
    json::array tags;
    for (const std::string& name : request.tags) {
      json::object tag{{"tag", name}};
      if (request.tags_include_children) tag["include_children"] = true;
      tags.push_back(std::move(tag));
    }
    body["tags"] = std::move(tags);
  }
  return body;
}

// `answer` with the successor that came with it. One that could not be stored is not lost with an
// answer that cannot be read.
template <class Answer>
Outcome<Answer> with_update(Outcome<Answer> answer, std::optional<TokenUpdate> update) {
  if (answer) {
    answer->token_update = std::move(update);
  } else if (update && update->not_stored) {
    add_unsaved(answer.error(), *update);
  }
  return answer;
}

}  // namespace

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

Outcome<std::unique_ptr<Client>> Client::open(std::string_view server_url, Options options) {
  auto url = parse_server_url(server_url);
  if (!url) return failure(std::move(url.error()));
  return std::unique_ptr<Client>(
      new Client(std::make_unique<Impl>(std::move(*url), std::move(options))));
}

const std::string& Client::server_url() const {
  return impl_->server_url;
}

Outcome<std::shared_ptr<const Metadata>> Client::metadata(const Call& call) {
  return impl_->metadata(call);
}

Outcome<std::string> Client::jwks(const Call& call) {
  auto metadata = impl_->metadata(call);
  if (!metadata) return failure(std::move(metadata.error()));
  if ((*metadata)->jwks_uri.empty()) {
    return failure(ErrorKind::usage, "not supported by this server: it announces no keys",
                   not_supported);
  }
  return impl_->document((*metadata)->jwks_uri, call);
}

Outcome<std::string> Client::capabilities(const Call& call) {
  auto tree = impl_->document(impl_->server_url + "/api/v0/capabilities", call);
  if (!tree && tree.error().http_status == 404) {
    return failure(
        ErrorKind::usage,
        "not supported by this server: " + impl_->server_url + " does not list its capabilities",
        not_supported);
  }
  return tree;
}

Outcome<AccessToken> Client::access_token(TokenLease& lease, const AccessTokenRequest& request,
                                          const Call& call) {
  json::object body{{"grant_type", "mytoken"}};
  if (!request.scope.empty()) body["scope"] = joined(request.scope);
  if (!request.audience.empty()) body["audience"] = joined(request.audience);
  if (!request.comment.empty()) body["comment"] = request.comment;
  std::optional<TokenUpdate> update;
  auto answer =
      impl_->perform_object(&lease, posted("access_token_endpoint", Exchange::Token::in_body),
                            std::move(body), update, call);
  if (!answer) return failure(std::move(answer.error()));
  return with_update(parse_access_token(*answer), std::move(update));
}

Outcome<Mytoken> Client::sub_token(TokenLease& lease, const MytokenRequest& request,
                                   const Call& call) {
  auto body = common_members(request);
  if (!body) return failure(std::move(body.error()));
  (*body)["grant_type"] = "mytoken";
  if (request.error_on_restrictions) (*body)["error_on_restrictions"] = true;
  std::optional<TokenUpdate> update;
  auto answer = impl_->perform_object(&lease, posted("mytoken_endpoint", Exchange::Token::in_body),
                                      std::move(*body), update, call);
  if (!answer) return failure(std::move(answer.error()));
  return with_update(parse_mytoken(*answer), std::move(update));
}

Outcome<Mytoken> Client::redeem_transfer_code(const Secret& code, const Call& call) {
  std::optional<TokenUpdate> update;
  auto answer = impl_->perform_object(
      nullptr, posted("mytoken_endpoint", Exchange::Token::none),
      {{"grant_type", "transfer_code"}, {"transfer_code", code.reveal()}}, update, call);
  if (!answer) return failure(std::move(answer.error()));
  return parse_mytoken(*answer);
}

Outcome<Mytoken> Client::create_transfer_code(TokenLease& lease, const Call& call) {
  std::optional<TokenUpdate> update;
  auto answer = impl_->perform_object(
      &lease, posted("token_transfer_endpoint", Exchange::Token::in_body), {}, update, call);
  if (!answer) return failure(std::move(answer.error()));
  auto token = parse_mytoken(*answer);
  if (token && token->transfer_code.empty())
    token = failure(ErrorKind::protocol, "the server answered without a transfer code");
  return with_update(std::move(token), std::move(update));
}

Outcome<Authorization> Client::start_authorization(const MytokenRequest& request,
                                                   const Call& call) {
  auto body = common_members(request);
  if (!body) return failure(std::move(body.error()));
  (*body)["grant_type"] = "oidc_flow";
  (*body)["oidc_flow"] = "authorization_code";
  (*body)["client_type"] = "native";
  std::optional<TokenUpdate> update;
  auto answer = impl_->perform_object(nullptr, posted("mytoken_endpoint", Exchange::Token::none),
                                      std::move(*body), update, call);
  if (!answer) return failure(std::move(answer.error()));
  return parse_authorization(*answer, impl_->server_url);
}

Outcome<Mytoken> Client::poll(const Secret& polling_code, const Call& call) {
  std::optional<TokenUpdate> update;
  auto answer = impl_->perform_object(
      nullptr, posted("mytoken_endpoint", Exchange::Token::none),
      {{"grant_type", "polling_code"}, {"polling_code", polling_code.reveal()}}, update, call);
  if (!answer) return failure(std::move(answer.error()));
  return parse_mytoken(*answer);
}

Outcome<Document> Client::tokeninfo(TokenLease& lease, const std::string& action,
                                    const std::vector<std::string>& mom_ids, const Call& call) {
  json::object body{{"action", action}};
  if (!mom_ids.empty()) body["mom_ids"] = array_of(mom_ids);
  Exchange exchange_ = posted("tokeninfo_endpoint", Exchange::Token::in_body);
  exchange_.is_long = true;
  exchange_.body = json::serialize(body);
  return exchange(&lease, exchange_, call);
}

Outcome<Document> Client::introspect(TokenLease& lease, const std::string& use, const Call& call) {
  json::object body{{"action", "introspect"}};
  if (auto put = put_json(body, "use", use, json::kind::object); !put)
    return failure(std::move(put.error()));
  Exchange asked = posted("tokeninfo_endpoint", Exchange::Token::in_body);
  asked.body = json::serialize(body);
  return exchange(&lease, asked, call);
}

Outcome<Done> Client::revoke(TokenLease& lease, const Revocation& revocation, const Call& call) {
  Exchange asked = posted("revocation_endpoint", Exchange::Token::in_body);
  asked.token_member = "token";  // as in RFC 7009
  json::object body;
  if (!revocation.mom_id.empty()) body["mom_id"] = revocation.mom_id;
  if (revocation.recursive) body["recursive"] = true;
  if (revocation.mom_id.empty()) {
    // What ends has no successor that could be lost, and a repetition would be refused.
    asked.token = Exchange::Token::none;
    body["token"] = lease.token().reveal();
  }
  Done done;
  auto answer = impl_->perform(&lease, asked, std::move(body), done.token_update, call);
  if (!answer) return failure(std::move(answer.error()));
  return done;
}

Outcome<Done> Client::add_tag(TokenLease& lease, const std::string& tag, const std::string& mom_id,
                              bool include_children, const Call& call) {
  json::object body{{"tag", tag}, {"include_children", include_children}};
  if (!mom_id.empty()) body["mom_id"] = mom_id;
  Exchange change = posted("mytoken_endpoint", Exchange::Token::in_body);
  change.path = {"tags"};
  Done done;
  auto answer = impl_->perform(&lease, change, std::move(body), done.token_update, call);
  if (!answer) return failure(std::move(answer.error()));
  return done;
}

Outcome<Done> Client::remove_tag(TokenLease& lease, const std::string& tag,
                                 const std::string& mom_id, bool include_children,
                                 const Call& call) {
  json::object body{{"tag", tag}, {"include_children", include_children}};
  if (!mom_id.empty()) body["mom_id"] = mom_id;
  Exchange change = posted("mytoken_endpoint", Exchange::Token::in_body);
  change.method = Exchange::Method::delete_;
  change.path = {"tags"};
  Done done;
  auto answer = impl_->perform(&lease, change, std::move(body), done.token_update, call);
  if (!answer) return failure(std::move(answer.error()));
  return done;
}

}  // namespace mytoken::client
