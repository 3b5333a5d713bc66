// What a Client keeps. The functions of the parts of the library (settings.h, notifications.h, …)
// go through Client::exchange like everybody else.
#pragma once
#include <mytoken/client.h>

#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "client/metadata_cache.h"
#include "client/transport.h"

namespace mytoken::client {

// Thread-safe.
struct MYTOKEN_HIDDEN Client::Impl {
  Impl(std::string url, Options chosen);

  Time now() const;
  Outcome<std::shared_ptr<const Metadata>> metadata(const Call& call);
  Outcome<std::shared_ptr<const Metadata>> fetch_metadata(const Call& call);
  // The address of `endpoint` (Exchange::endpoint). Error usage: not offered.
  Outcome<std::string> address(const std::string& endpoint, const Call& call);
  // The JSON document at an address of the metadata that needs no token.
  Outcome<std::string> document(const std::string& url, const Call& call);

  // Does `exchange` with `members` as its body. A rotated token is committed to `lease` and goes to
  // `update`.
  Outcome<json::value> perform(TokenLease* lease, const Exchange& exchange, json::object members,
                               std::optional<TokenUpdate>& update, const Call& call);
  Outcome<json::value> perform_over_ssh(const Exchange& exchange, json::object members,
                                        const Call& call);
  // For answers that must be objects.
  Outcome<json::object> perform_object(TokenLease* lease, const Exchange& exchange,
                                       json::object members, std::optional<TokenUpdate>& update,
                                       const Call& call);
  // Sends, and once more to a busy server that says when. `is_unknown`: see Transport::send.
  Outcome<HttpAnswer> send(const HttpRequest& request, const Call& call, bool& is_unknown);
  Outcome<HttpAnswer> send(const HttpRequest& request, const Call& call);
  // The HTTP request of perform() to `address`.
  HttpRequest request(const std::string& address, const TokenLease* lease, const Exchange& exchange,
                      json::object& members) const;

  const std::string server_url;
  std::string ssh_host;  // not empty: no HTTP at all
  const Options options;
  Transport transport;
  MetadataCache cache;
  std::mutex mutex;  // of what follows
  std::shared_ptr<const Metadata> known;
  Time known_until{};  // then it is asked for again
  std::string known_etag;
  bool is_from_disk = false;
  std::optional<json::object> settings;  // the user settings document
};

}  // namespace mytoken::client
