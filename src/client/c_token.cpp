// C interface: where mytokens come from, and looking at them.
#include <mytoken/inspect.h>
#include <mytoken/keyring.h>

#include <cstdlib>

#include "client/c_api.h"
#include "client/reading.h"

using namespace mytoken;
using namespace mytoken::client;

namespace {

MemoryTokenSource::OnRotation stored_by(mytoken_rotated rotated, void* context) {
  if (!rotated) return {};
  return [rotated, context](const Secret& successor) -> Outcome<void> {
    const Secret text(std::string(successor.reveal()));  // ends with 0
    if (rotated(context, text.reveal().data()) == 0) return {};
    return failure(ErrorKind::token_source, "the program could not store the rotated mytoken",
                   token_lost);
  };
}

// A handle for the source that `make` makes of `text`.
template <class Make>
mytoken_result token_from(const char* what, const char* text, mytoken_token** token,
                          mytoken_error* error, const Make& make) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!text) return c::is_null(what);
    if (!token) return c::is_null("token");
    *token = new mytoken_token{make(std::string(text))};
    return {};
  });
}

}  // namespace

extern "C" {

mytoken_result mytoken_token_from_string(const char* text, mytoken_rotated rotated, void* context,
                                         mytoken_token** token, mytoken_error* error) {
  return token_from("text", text, token, error, [&](std::string value) {
    return std::make_shared<MemoryTokenSource>(Secret(std::move(value)),
                                               stored_by(rotated, context));
  });
}

mytoken_result mytoken_token_from_file(const char* path, mytoken_token** token,
                                       mytoken_error* error) {
  return token_from("path", path, token, error, [](const std::string& file) {
    std::vector<std::filesystem::path> refuges;
    for (const char* name : {"XDG_RUNTIME_DIR", "HOME"}) {
      const char* folder = std::getenv(name);
      if (folder && folder[0] == '/') refuges.emplace_back(folder);
    }
    return std::make_shared<FileTokenSource>(file, std::move(refuges));
  });
}

mytoken_result mytoken_token_from_environment(const char* name, mytoken_token** token,
                                              mytoken_error* error) {
  return token_from("name", name, token, error, [](const std::string& variable) {
    return std::make_shared<EnvironmentTokenSource>(variable);
  });
}

mytoken_result mytoken_token_from_keyring(const char* name, mytoken_token** token,
                                          mytoken_error* error) {
  return token_from("name", name, token, error, [](const std::string& entry) {
    return std::make_shared<KeyringTokenSource>(entry);
  });
}

mytoken_result mytoken_token_from_callback(mytoken_read read, mytoken_rotated rotated,
                                           void* context, mytoken_token** token,
                                           mytoken_error* error) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!read) return c::is_null("read");
    if (!token) return c::is_null("token");
    const auto ask = [read, context]() -> Outcome<Secret> {
      char* text = nullptr;
      const int problem = read(context, &text);
      Secret found(c::text_of(text));
      mytoken_free(text);
      if (problem == 0) return found;
      return failure(ErrorKind::token_source, "the program has no mytoken", no_token);
    };
    *token =
        new mytoken_token{std::make_shared<CallbackTokenSource>(ask, stored_by(rotated, context))};
    return {};
  });
}

mytoken_result mytoken_token_first_of(mytoken_token* const* tokens, int count,
                                      mytoken_token** token, mytoken_error* error) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!tokens && count > 0) return c::is_null("tokens");
    if (!token) return c::is_null("token");
    std::vector<std::shared_ptr<TokenSource>> sources;
    for (int i = 0; i < count; ++i) {
      if (!tokens[i]) return c::is_null("a token");
      sources.push_back(tokens[i]->source);
    }
    *token = new mytoken_token{std::make_shared<ChainTokenSource>(std::move(sources))};
    return {};
  });
}

void mytoken_token_free(mytoken_token* token) {
  delete token;
}

mytoken_result mytoken_token_text(mytoken_token* token, const mytoken_call* call, char** text,
                                  mytoken_error* error) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!token) return c::is_null("token");
    if (!text) return c::is_null("text");
    return with_token(*token->source, c::call_of(call), [&](TokenLease& lease) -> Outcome<void> {
      *text = c::copy_of(lease.token().reveal());
      return {};
    });
  });
}

mytoken_result mytoken_write_file(const char* path, const char* text, mytoken_error* error) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!path) return c::is_null("path");
    if (!text) return c::is_null("text");
    return write_token_file(path, Secret(std::string(text)));
  });
}

mytoken_result mytoken_keyring_store(const char* name, const char* text, const char* server,
                                     const mytoken_call* call, mytoken_error* error) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!name) return c::is_null("name");
    if (!text) return c::is_null("text");
    return keyring_store(name, {Secret(std::string(text)), c::text_of(server)}, c::call_of(call));
  });
}

mytoken_result mytoken_keyring_list(const mytoken_call* call, char** json, mytoken_error* error) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!json) return c::is_null("json");
    auto names = keyring_list(c::call_of(call));
    if (!names) return failure(std::move(names.error()));
    *json = c::copy_of(json::serialize(array_of(*names)));
    return {};
  });
}

mytoken_result mytoken_keyring_remove(const char* name, const mytoken_call* call,
                                      mytoken_error* error) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!name) return c::is_null("name");
    return keyring_remove(name, c::call_of(call));
  });
}

mytoken_kind mytoken_classify(const char* text) {
  try {
    switch (classify(c::text_of(text))) {
      case TokenKind::mytoken_jwt:
        return MYTOKEN_KIND_JWT;
      case TokenKind::foreign_jwt:
        return MYTOKEN_KIND_FOREIGN_JWT;
      case TokenKind::short_token:
        return MYTOKEN_KIND_SHORT_TOKEN;
      case TokenKind::code:
        return MYTOKEN_KIND_CODE;
      case TokenKind::malformed:
        return MYTOKEN_KIND_MALFORMED;
    }
  } catch (...) {  // no memory: a server would have to decide
  }
  return MYTOKEN_KIND_MALFORMED;
}

mytoken_result mytoken_decode(const char* text, char** header, char** payload,
                              mytoken_error* error) {
  return c::guarded(error, [&]() -> Outcome<void> {
    const auto jwt = decode_jwt(c::text_of(text));
    if (!jwt) return failure(ErrorKind::usage, "this is no JWT");
    std::unique_ptr<char, decltype(&mytoken_free)> first(header ? c::copy_of(jwt->header) : nullptr,
                                                         &mytoken_free);
    if (payload) *payload = c::copy_of(jwt->payload);
    if (header) *header = first.release();
    return {};
  });
}

mytoken_result mytoken_verify(mytoken_client* client, const char* text, const mytoken_call* call,
                              char** payload, mytoken_error* error) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!client) return c::is_null("client");
    auto keys = client->client->jwks(c::call_of(call));
    if (!keys) return failure(std::move(keys.error()));
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    auto verified = verify_mytoken(c::text_of(text), *keys, client->client->server_url(), now);
    if (!verified) return failure(std::move(verified.error()));
    if (payload) *payload = c::copy_of(*verified);
    return {};
  });
}

}  // extern "C"
