// C interface: errors, texts, stops, answers.
#include "client/c_api.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

#include "client/durable_file.h"
#include "client/reading.h"

namespace mytoken::client::c {
namespace {

mytoken_result result_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return MYTOKEN_USAGE;
    case ErrorKind::network:
      return MYTOKEN_NETWORK;
    case ErrorKind::timeout:
      return MYTOKEN_TIMEOUT;
    case ErrorKind::tls:
      return MYTOKEN_TLS;
    case ErrorKind::protocol:
      return MYTOKEN_PROTOCOL;
    case ErrorKind::server:
      return MYTOKEN_SERVER;
    case ErrorKind::cancelled:
      return MYTOKEN_CANCELLED;
    case ErrorKind::polling_expired:
      return MYTOKEN_POLLING_EXPIRED;
    case ErrorKind::consent_declined:
      return MYTOKEN_CONSENT_DECLINED;
    case ErrorKind::token_source:
      return MYTOKEN_TOKEN_SOURCE;
  }
  return MYTOKEN_INTERNAL;
}

// Cuts between characters.
template <std::size_t size>
void put(char (&field)[size], std::string_view text) {
  std::string clean = sanitised(text, size);  // may add an ellipsis
  std::size_t length = std::min(clean.size(), size - 1);
  while (length > 0 && length < clean.size() &&
         (static_cast<unsigned char>(clean[length]) & 0xc0U) == 0x80U) {
    --length;
  }
  std::memcpy(field, clean.data(), length);
  field[length] = '\0';
}

long seconds_of(const std::optional<std::chrono::seconds>& lifetime) {
  return lifetime ? static_cast<long>(lifetime->count()) : -1;
}

void put_text(json::object& object, const char* name, const std::string& text) {
  if (!text.empty()) object[name] = text;
}
void put_json(json::object& object, const char* name, const std::string& text) {
  if (auto value = parse_json(text)) object[name] = std::move(*value);
}

}  // namespace

mytoken_result report(const ClientError& problem, mytoken_error* error) {
  const mytoken_result result = result_of(problem.kind);
  if (!error) return result;
  *error = mytoken_error{};
  error->result = result;
  error->http_status = problem.http_status;
  error->is_transient = problem.is_transient() ? 1 : 0;
  error->retry_after = static_cast<long>(problem.retry_after.count());
  put(error->code, problem.code);
  put(error->description, problem.description);
  return result;
}

mytoken_result report_internal(const char* what, mytoken_error* error) {
  if (error) {
    *error = mytoken_error{};
    error->result = MYTOKEN_INTERNAL;
    std::strncpy(error->description, what, sizeof error->description - 1);
  }
  return MYTOKEN_INTERNAL;
}

std::string text_of(const char* text) {
  return text ? text : "";
}

Failure is_null(const char* what) {
  return failure(ErrorKind::usage, std::string(what) + " must not be NULL");
}

Call call_of(const mytoken_call* call) {
  Call made;
  if (!call) return made;
  if (call->stop) made.stop = call->stop->source.get_token();
  if (call->timeout_ms > 0) {
    // Beyond a year there is nothing to be counted.
    const std::chrono::milliseconds time(std::min(call->timeout_ms, 31'536'000'000L));
    made.deadline = std::chrono::steady_clock::now() + time;
  }
  return made;
}

char* copy_of(std::string_view text) {
  auto* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (!copy) throw std::bad_alloc();
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

void put_update(mytoken_answer& answer, std::optional<TokenUpdate> update) {
  if (!update) return;
  answer.successor = std::move(update->mytoken);
  answer.not_stored = std::move(update->not_stored);
}

std::unique_ptr<mytoken_answer> answer_of(AccessToken token) {
  auto answer = std::make_unique<mytoken_answer>();
  json::object object{{"access_token", token.access_token.reveal()}};
  put_text(object, "token_type", token.token_type);
  put_text(object, "scope", token.scope);
  if (token.expires_in) object["expires_in"] = token.expires_in->count();
  if (!token.audience.empty()) object["audience"] = array_of(token.audience);
  answer->json = Secret(json::serialize(object));
  answer->expires_in = seconds_of(token.expires_in);
  answer->token = std::move(token.access_token);
  put_update(*answer, std::move(token.token_update));
  return answer;
}

std::unique_ptr<mytoken_answer> answer_of(Mytoken token) {
  auto answer = std::make_unique<mytoken_answer>();
  json::object object;
  if (!token.mytoken.empty()) object["mytoken"] = token.mytoken.reveal();
  if (!token.transfer_code.empty()) object["transfer_code"] = token.transfer_code.reveal();
  put_text(object, "mytoken_type", token.mytoken_type);
  put_text(object, "mom_id", token.mom_id);
  if (token.expires_in) object["expires_in"] = token.expires_in->count();
  put_json(object, "restrictions", token.restrictions);
  if (!token.capabilities.empty()) object["capabilities"] = array_of(token.capabilities);
  put_json(object, "rotation", token.rotation);
  answer->json = Secret(json::serialize(object));
  answer->expires_in = seconds_of(token.expires_in);
  answer->token = token.mytoken.empty() ? std::move(token.transfer_code) : std::move(token.mytoken);
  put_update(*answer, std::move(token.token_update));
  return answer;
}

std::unique_ptr<mytoken_answer> answer_of(Document document) {
  auto answer = std::make_unique<mytoken_answer>();
  answer->json = Secret(std::move(document.json));
  put_update(*answer, std::move(document.token_update));
  return answer;
}

std::unique_ptr<mytoken_answer> answer_of(Done done) {
  return answer_of(Document{"{}", std::move(done.token_update)});
}

Outcome<MytokenRequest> request_of(const char* json) {
  MytokenRequest request;
  if (!json) return request;
  const auto value = parse_json(json);
  if (!value || !value->is_object())
    return failure(ErrorKind::usage, "the request must be a JSON object");
  request.other_members = json;
  // Said either way, it goes out as it is.
  request.error_on_restrictions = !value->get_object().contains("error_on_restrictions");
  return request;
}

}  // namespace mytoken::client::c

using namespace mytoken::client;

extern "C" {

const char* mytoken_version(void) {
  return MYTOKEN_VERSION;
}

void mytoken_free(char* text) {
  if (text) OPENSSL_cleanse(text, std::strlen(text));
  std::free(text);
}

mytoken_result mytoken_stop_new(mytoken_stop** stop, mytoken_error* error) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!stop) return c::is_null("stop");
    *stop = new mytoken_stop;
    return {};
  });
}
void mytoken_stop_request(mytoken_stop* stop) {
  if (stop) stop->source.request_stop();
}
void mytoken_stop_free(mytoken_stop* stop) {
  delete stop;
}

const char* mytoken_answer_token(const mytoken_answer* answer) {
  return answer ? answer->token.reveal().data() : "";
}
long mytoken_answer_expires_in(const mytoken_answer* answer) {
  return answer ? answer->expires_in : -1;
}
const char* mytoken_answer_json(const mytoken_answer* answer) {
  return answer ? answer->json.reveal().data() : "";
}
const char* mytoken_answer_successor(const mytoken_answer* answer) {
  return answer ? answer->successor.reveal().data() : "";
}
mytoken_result mytoken_answer_not_stored(const mytoken_answer* answer, mytoken_error* error) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!answer) return c::is_null("answer");
    if (answer->not_stored) return failure(*answer->not_stored);
    return {};
  });
}
void mytoken_answer_free(mytoken_answer* answer) {
  delete answer;
}

}  // extern "C"
