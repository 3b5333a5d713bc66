// The guest provider's three endpoints (spec api.md §12, oidc.md §17), and the way on which the
// server itself reaches them: as a provider among others, but without a network, so that trying the
// service needs no address that the server can reach itself under.
#pragma once
#include "api/api.h"
#include "net/http_client.h"

namespace mytoken::api {

// Answers requests to the guest provider's endpoints with their handlers. `api` outlives it.
class GuestClient final : public net::HttpClient {
 public:
  explicit GuestClient(const Api& api) : api_(api) {}
  Task<net::HttpResponse> send(net::HttpRequest request) override;

 private:
  const Api& api_;
};

}  // namespace mytoken::api
