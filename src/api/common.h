// What every endpoint does before and after its use case: find the mytoken (spec api.md §2.3), say
// who asks, write the answer, the error, and the cookie of a rotated token (§§2.5, 2.6).
#pragma once
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "api/api.h"
#include "http/body.h"
#include "http/message.h"
#include "service/authenticate.h"
#include "service/operation.h"
#include "service/token_wish.h"

namespace mytoken::api {

enum class TokenSource { body, header, cookie };

struct FoundToken {
  Secret text;
  TokenSource source = TokenSource::body;
};

service::ClientInfo client_of(const http::Request& request);

// First hit of the body members in their order, the Bearer header, the cookie (of requests from our
// own origin); a hit that turns out unusable is not replaced by a later one. nullopt: none. Error
// invalid_request: a member of another type than string.
Result<std::optional<FoundToken>> find_token(const Api& api, const http::Request& request,
                                             const http::Parameters& parameters,
                                             std::initializer_list<std::string_view> members);

// The same with the error of a missing token, ready for the use cases.
struct Presented {
  service::Presentation presentation;
  TokenSource source = TokenSource::body;
};
Result<Presented> require_token(const Api& api, const http::Request& request,
                                const http::Parameters& parameters,
                                std::initializer_list<std::string_view> members = {"mytoken"});

// A use case that goes the common way (service/operation.h), and its answer: `status_if_empty`
// (204, 201) without body where the answer has no members, else the body with 200, or 201 if that
// was the status asked for (§2.5); the cookie follows a rotation.
service::OperationRequest operation_request(const http::Request& request,
                                            service::Presentation presentation);
http::Response operation_answer(const Api& api, const http::Request& request, TokenSource source,
                                Result<service::OperationAnswer> answer, int status_if_empty = 200);

// The error object; the log learns code and cause, with the request's id.
http::Response error_answer(const Api& api, const Error& error, const http::Request& request);

// Sets or deletes the cookie `mytoken` (§2.6). Deleting is said twice: the reference set it with a
// Domain.
void set_token_cookie(http::Response& response, const Api& api, const Secret& token);
void delete_token_cookie(http::Response& response, const Api& api);

// The members of a token request that two grants share (§4.2); see service/token_wish.h.
Task<Result<service::TokenWish>> parse_wish(const Api& api, const http::Parameters& parameters);

}  // namespace mytoken::api
