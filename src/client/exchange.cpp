// From an exchange to an answer: the address from the server's documents, the token where it
// belongs, and the one place where a rotated token is seen and made safe.
#include <mytoken/inspect.h>

#include <cstdlib>

#include "base/encoding.h"
#include "client/durable_file.h"
#include "client/impl.h"
#include "client/reading.h"
#include "client/url.h"

namespace mytoken::client {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

Options completed(Options options) {
  // What OpenSSL itself would do; libcurl brings a bundle of its own and does not look there.
  if (options.ca_file.empty() && options.ca_directory.empty()) {
    options.ca_file = variable("SSL_CERT_FILE");
    options.ca_directory = variable("SSL_CERT_DIR");
  }
  if (options.user_agent.empty()) options.user_agent = "mytoken client " MYTOKEN_VERSION;
  if (!options.timer) options.timer = std::make_shared<SystemTimer>();
  return options;
}

// Endpoints that the user settings document announces (api.md §3.5).
bool is_setting(const std::string& endpoint) {
  return endpoint == "grant_type_endpoint" || endpoint == "email_endpoint" ||
         endpoint == "tags_endpoint";
}

Secret bearer(const Secret& token) {
  std::string value = "Bearer ";
  value.reserve(value.size() + token.size());
  value.append(token.reveal());
  return Secret(std::move(value));
}

Secret basic(const std::string& user, const Secret& password) {
  std::string both;
  both.reserve(user.size() + 1 + password.size());
  both.append(user).append(":").append(password.reveal());
  const Secret plain(std::move(both));
  const Secret encoded(base64(plain.reveal()));
  std::string value = "Basic ";
  value.reserve(value.size() + encoded.size());
  value.append(encoded.reveal());
  return Secret(std::move(value));
}

constexpr std::chrono::milliseconds longest_first_attempt{8000};

// True if the mytoken says that using it replaces it. A short token says nothing.
bool rotates(const Secret& token) {
  const auto jwt = decode_jwt(token.reveal());
  const auto payload = parse_json(jwt ? jwt->payload : "");
  const auto* rotation =
      payload && payload->is_object() ? member(payload->get_object(), "rotation") : nullptr;
  const auto* object = rotation ? rotation->if_object() : nullptr;
  return object && (bool_member(*object, "on_AT") || bool_member(*object, "on_other"));
}
bool never_rotates(const Secret& token) {
  return classify(token.reveal()) == TokenKind::mytoken_jwt && !rotates(token);
}

std::string function_name(std::string endpoint) {
  if (endpoint.ends_with("_endpoint")) endpoint.resize(endpoint.size() - 9);
  for (char& c : endpoint) {
    if (c == '_') c = ' ';
  }
  return endpoint;
}

}  // namespace

Client::Impl::Impl(std::string url, Options chosen)
    : server_url(std::move(url)),
      options(completed(std::move(chosen))),
      transport(options),
      cache(options.cache_directory, options.cache_lifetime) {}

Time Client::Impl::now() const {
  return options.date ? options.date() : SystemClock().now();
}

Outcome<std::shared_ptr<const Metadata>> Client::Impl::metadata(const Call& call) {
  {
    const std::lock_guard lock(mutex);
    if (known && now() < known_until) return known;
    if (auto cached = cache.load(server_url, now())) {
      known = std::make_shared<const Metadata>(std::move(cached->metadata));
      known_until = cached->until;
      known_etag.clear();
      is_from_disk = true;
      return known;
    }
  }
  return fetch_metadata(call);
}

Outcome<std::shared_ptr<const Metadata>> Client::Impl::fetch_metadata(const Call& call) {
  HttpRequest request;
  request.url = server_url + "/.well-known/mytoken-configuration";
  request.limit = options.longest_answer;
  std::shared_ptr<const Metadata> before;
  {
    const std::lock_guard lock(mutex);
    before = known;
    request.etag = known ? known_etag : "";
  }
  auto answer = send(request, call);
  if (!answer) return failure(std::move(answer.error()));
  if (answer->status == 304 && before) {
    const std::lock_guard lock(mutex);
    known_until = now() + options.cache_lifetime;
    settings.reset();
    return before;
  }
  if (answer->status != 200) {
    auto reason = parse_answer(answer->status, answer->body.reveal(), answer->retry_after);
    if (!reason && reason.error().is_transient()) return failure(std::move(reason.error()));
    ClientError error;
    error.http_status = answer->status;
    error.description =
        server_url + " is not a mytoken server (status " + std::to_string(answer->status) + ")";
    return failure(std::move(error));
  }
  auto parsed = parse_metadata(answer->body.reveal(), server_url);
  if (!parsed) return failure(std::move(parsed.error()));
  cache.store(server_url, answer->body.reveal(), now());
  auto fresh = std::make_shared<const Metadata>(std::move(*parsed));
  const std::lock_guard lock(mutex);
  known = fresh;
  known_until = now() + options.cache_lifetime;
  known_etag = answer->etag;
  is_from_disk = false;
  settings.reset();
  return fresh;
}

Outcome<std::string> Client::Impl::document(const std::string& url, const Call& call) {
  HttpRequest request;
  request.url = url;
  request.limit = options.longest_answer;
  auto answer = send(request, call);
  if (!answer) return failure(std::move(answer.error()));
  auto value = parse_answer(answer->status, answer->body.reveal(), answer->retry_after, true);
  if (!value) return failure(std::move(value.error()));
  return json::serialize(*value);
}

Outcome<std::string> Client::Impl::address(const std::string& endpoint, const Call& call) {
  auto described = metadata(call);
  if (!described) return failure(std::move(described.error()));
  const auto not_offered = [&] {
    return failure(ErrorKind::usage,
                   "not supported by this server: " + server_url + " has no " + endpoint + " (" +
                       function_name(endpoint) + ")",
                   not_supported);
  };
  const auto read = [&](const json::object& document) -> Outcome<std::string> {
    const std::string_view text = string_member(document, endpoint);
    if (text.empty()) return not_offered();
    if (!is_announceable(text, server_url)) {
      return failure(ErrorKind::protocol,
                     "the server announces an unusable " + sanitised(endpoint));
    }
    return std::string(text);
  };
  if (!is_setting(endpoint)) {
    const auto value = parse_json((*described)->document);
    if (!value || !value->is_object()) return not_offered();
    return read(value->get_object());
  }
  if ((*described)->usersettings_endpoint.empty()) return not_offered();
  {
    const std::lock_guard lock(mutex);
    if (settings) return read(*settings);
  }
  auto text = document((*described)->usersettings_endpoint, call);
  if (!text) return failure(std::move(text.error()));
  const auto value = parse_json(*text);
  if (!value || !value->is_object()) {
    return failure(ErrorKind::protocol, "the settings document of the server is no JSON object");
  }
  const std::lock_guard lock(mutex);
  settings = value->get_object();
  return read(*settings);
}

Outcome<HttpAnswer> Client::Impl::send(const HttpRequest& request, const Call& call) {
  bool is_unknown = false;
  return send(request, call, is_unknown);
}

Outcome<HttpAnswer> Client::Impl::send(const HttpRequest& request, const Call& call,
                                       bool& is_unknown) {
  if (!ssh_host.empty()) return failure(ErrorKind::usage, "not available over ssh");
  auto answer = transport.send(request, call, is_unknown);
  const bool is_busy = answer && (answer->status == 429 || answer->status == 503) &&
                       answer->retry_after.count() > 0 &&
                       answer->retry_after <= options.longest_retry_after;
  if (!is_busy) return answer;
  const TimePoint again = options.timer->now() + answer->retry_after;
  if (call.deadline && *call.deadline <= again) return answer;
  options.timer->wait_until(again, call.stop);
  if (call.stop.stop_requested()) return failure(ErrorKind::cancelled, "interrupted");
  return transport.send(request, call, is_unknown);
}

HttpRequest Client::Impl::request(const std::string& address, const TokenLease* lease,
                                  const Exchange& exchange, json::object& members) const {
  HttpRequest made;
  made.method = exchange.method;
  made.url = address;
  made.limit = exchange.is_long ? options.longest_list : options.longest_answer;
  if (exchange.token == Exchange::Token::in_body)
    members[exchange.token_member] = lease->token().reveal();
  if (exchange.token == Exchange::Token::bearer) {
    made.authorization = bearer(lease->token());
    made.is_repeatable = never_rotates(lease->token());
  }
  if (!exchange.basic_user.empty())
    made.authorization = basic(exchange.basic_user, exchange.basic_password);
  // A short token does not say whether it rotates.
  made.outlives_stop = exchange.token != Exchange::Token::none && !never_rotates(lease->token());
  const bool may_be_empty =
      exchange.method == Exchange::Method::get || exchange.method == Exchange::Method::delete_;
  if (!members.empty() || !may_be_empty) made.body = Secret(json::serialize(members));
  return made;
}

Outcome<json::value> Client::Impl::perform(TokenLease* lease, const Exchange& exchange,
                                           json::object members, std::optional<TokenUpdate>& update,
                                           const Call& call) {
  const bool presents_token = exchange.token != Exchange::Token::none;
  if (presents_token && !lease) return failure(ErrorKind::usage, "this needs a mytoken");
  if (!ssh_host.empty()) return perform_over_ssh(exchange, std::move(members), call);
  std::string path;
  for (const std::string& segment : exchange.path) {
    if (segment.empty() || segment == "." || segment == "..")
      return failure(ErrorKind::usage, "'" + segment + "' cannot be a name or id here");
    path += "/" + percent_encode(segment);
  }
  auto where = address(exchange.endpoint, call);
  if (!where) return failure(std::move(where.error()));
  bool is_unknown = false;
  HttpRequest first = request(*where + path, lease, exchange, members);
  // Servers answer a repetition for some ten seconds after the rotation, so that one must not come
  // later.
  if (presents_token && rotates(lease->token())) first.longest = longest_first_attempt;
  auto answer = send(first, call, is_unknown);
  if (is_unknown && presents_token && !call.stop.stop_requested()) {
    // If the server rotated the token, only the lost answer had the successor. It gives the same
    // answer to whoever repeats the request at once, so this is asked once more, with what is the
    // newest token now. Of a token that does not rotate nothing can be lost: only reading is
    // repeated.
    const Secret sent = lease->token();
    lease->refresh();
    const bool only_reads =
        exchange.method == Exchange::Method::get && answer.error().kind == ErrorKind::network;
    if (only_reads || rotates(sent) || !(lease->token() == sent))
      answer = send(request(*where + path, lease, exchange, members), call, is_unknown);
  }
  if (answer && answer->status == 404) {
    // The copy on disk may be of a server that moved its endpoints. A 404 did nothing, so asking
    // again is safe.
    bool was_from_disk = false;
    {
      const std::lock_guard lock(mutex);
      was_from_disk = is_from_disk;
    }
    if (was_from_disk) {
      cache.forget(server_url);
      const auto fresh = fetch_metadata(call);
      const auto moved = fresh ? address(exchange.endpoint, call) : where;
      if (moved && *moved != *where)
        answer = send(request(*moved + path, lease, exchange, members), call);
    }
  }
  if (!answer) return failure(std::move(answer.error()));
  auto value =
      parse_answer(answer->status, answer->body.reveal(), answer->retry_after, !presents_token);
  if (!lease) return value;
  // A refusal may come with a successor, too.
  const auto refusal = parse_json(value ? "" : answer->body.reveal());
  const auto* object = value ? value->if_object() : refusal ? refusal->if_object() : nullptr;
  if (!object) return value;
  auto found = successor_in(*object);
  if (!found) return failure(std::move(found.error()));
  if (Secret successor = std::move(*found); !successor.empty()) {
    TokenUpdate changed;
    if (auto committed = lease->commit(successor); !committed)
      changed.not_stored = std::move(committed.error());
    changed.mytoken = std::move(successor);
    if (!value && changed.not_stored) add_unsaved(value.error(), changed);
    update = std::move(changed);
  }
  return value;
}

Outcome<json::object> Client::Impl::perform_object(TokenLease* lease, const Exchange& exchange,
                                                   json::object members,
                                                   std::optional<TokenUpdate>& update,
                                                   const Call& call) {
  auto value = perform(lease, exchange, std::move(members), update, call);
  if (!value) return failure(std::move(value.error()));
  if (!value->is_object())
    return failure(ErrorKind::protocol, "the server answered with something that is no object");
  return std::move(value->get_object());
}

Outcome<Document> Client::exchange(TokenLease* lease, const Exchange& exchange, const Call& call) {
  json::object members;
  if (!exchange.body.empty()) {
    auto value = parse_json(exchange.body);
    if (!value || !value->is_object())
      return failure(ErrorKind::usage, "the body of a request must be a JSON object");
    members = std::move(value->get_object());
  }
  Document document;
  auto value = impl_->perform(lease, exchange, std::move(members), document.token_update, call);
  if (!value) return failure(std::move(value.error()));
  if (auto* object = value->if_object()) object->erase("token_update");
  document.json = json::serialize(*value);
  return document;
}

}  // namespace mytoken::client
