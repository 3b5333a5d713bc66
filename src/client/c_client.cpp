// C interface: servers, requests, logins.
#include <array>
#include <charconv>

#include "client/c_api.h"

using namespace mytoken;
using namespace mytoken::client;

namespace {

Outcome<void> set_option(Options& options, const std::string& name, const std::string& value) {
  struct Text {
    std::string_view name;
    std::string Options::*member;
  };
  static constexpr std::array<Text, 4> texts{{{"user_agent", &Options::user_agent},
                                              {"ca_file", &Options::ca_file},
                                              {"ca_directory", &Options::ca_directory},
                                              {"proxy", &Options::proxy}}};
  for (const Text& text : texts) {
    if (text.name != name) continue;
    options.*text.member = value;
    return {};
  }
  if (name == "cache_directory") {
    options.cache_directory = value;
    return {};
  }
  const bool is_connect = name == "connect_timeout_ms";
  if (!is_connect && name != "total_timeout_ms")
    return failure(ErrorKind::usage, "there is no option '" + name + "'");
  constexpr int longest = 86'400'000;  // a day
  int number = 0;
  const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (problem != std::errc() || end != value.data() + value.size() || number <= 0 ||
      number > longest) {
    return failure(ErrorKind::usage, "option '" + name + "': not a number of milliseconds");
  }
  (is_connect ? options.connect_timeout : options.total_timeout) =
      std::chrono::milliseconds(number);
  return {};
}

std::vector<std::string> words(const char* text) {
  std::vector<std::string> list;
  std::string word;
  for (const char c : c::text_of(text) + " ") {
    if (c != ' ') {
      word += c;
    } else if (!word.empty()) {
      list.push_back(std::move(word));
      word.clear();
    }
  }
  return list;
}

Outcome<std::vector<std::string>> list_of(const char* what, const char* const* texts, int count) {
  std::vector<std::string> list;
  if (count > 0 && !texts) return c::is_null(what);
  for (int i = 0; i < count; ++i) {
    if (!texts[i]) return c::is_null(what);
    list.emplace_back(texts[i]);
  }
  return list;
}

// One call with a lease of its own; `ask` (client, lease, call) makes an answer.
template <class Ask>
mytoken_result ask_with_token(mytoken_client* client, mytoken_token* token,
                              const mytoken_call* call, mytoken_answer** answer,
                              mytoken_error* error, const Ask& ask) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!client) return c::is_null("client");
    if (!token) return c::is_null("token");
    const Call limits = c::call_of(call);
    return c::give(
        with_token(*token->source, limits,
                   [&](TokenLease& lease) { return ask(*client->client, lease, limits); }),
        answer);
  });
}

}  // namespace

extern "C" {

mytoken_result mytoken_options_new(mytoken_options** options, mytoken_error* error) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!options) return c::is_null("options");
    *options = new mytoken_options;
    return {};
  });
}

mytoken_result mytoken_options_set(mytoken_options* options, const char* name, const char* value,
                                   mytoken_error* error) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!options) return c::is_null("options");
    if (!name) return c::is_null("name");
    if (!value) return c::is_null("value");
    return set_option(options->options, name, value);
  });
}

void mytoken_options_free(mytoken_options* options) {
  delete options;
}

mytoken_result mytoken_client_open(const char* url, const mytoken_options* options,
                                   mytoken_client** client, mytoken_error* error) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!url) return c::is_null("url");
    if (!client) return c::is_null("client");
    auto opened = Client::open(url, options ? options->options : Options{});
    if (!opened) return failure(std::move(opened.error()));
    *client = new mytoken_client{std::move(*opened)};
    return {};
  });
}

void mytoken_client_close(mytoken_client* client) {
  delete client;
}

const char* mytoken_client_url(const mytoken_client* client) {
  return client ? client->client->server_url().c_str() : "";
}

mytoken_result mytoken_client_metadata(mytoken_client* client, const mytoken_call* call,
                                       char** json, mytoken_error* error) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!client) return c::is_null("client");
    if (!json) return c::is_null("json");
    auto metadata = client->client->metadata(c::call_of(call));
    if (!metadata) return failure(std::move(metadata.error()));
    *json = c::copy_of((*metadata)->document);
    return {};
  });
}

mytoken_result mytoken_access_token(mytoken_client* client, mytoken_token* token, const char* scope,
                                    const char* audience, const char* comment,
                                    const mytoken_call* call, mytoken_answer** answer,
                                    mytoken_error* error) {
  return ask_with_token(client, token, call, answer, error,
                        [&](Client& server, TokenLease& lease, const Call& limits) {
                          return server.access_token(
                              lease, {words(scope), words(audience), c::text_of(comment)}, limits);
                        });
}

mytoken_result mytoken_sub_token(mytoken_client* client, mytoken_token* token, const char* request,
                                 const mytoken_call* call, mytoken_answer** answer,
                                 mytoken_error* error) {
  return ask_with_token(
      client, token, call, answer, error,
      [&](Client& server, TokenLease& lease, const Call& limits) -> Outcome<Mytoken> {
        const auto wanted = c::request_of(request);
        if (!wanted) return failure(wanted.error());
        return server.sub_token(lease, *wanted, limits);
      });
}

mytoken_result mytoken_create_transfer_code(mytoken_client* client, mytoken_token* token,
                                            const mytoken_call* call, mytoken_answer** answer,
                                            mytoken_error* error) {
  return ask_with_token(client, token, call, answer, error,
                        [&](Client& server, TokenLease& lease, const Call& limits) {
                          return server.create_transfer_code(lease, limits);
                        });
}

mytoken_result mytoken_redeem_transfer_code(mytoken_client* client, const char* code,
                                            const mytoken_call* call, mytoken_answer** answer,
                                            mytoken_error* error) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!client) return c::is_null("client");
    if (!code) return c::is_null("code");
    if (!answer) return c::is_null("answer");  // the code works once: its token would be lost
    return c::give(
        client->client->redeem_transfer_code(Secret(std::string(code)), c::call_of(call)), answer);
  });
}

mytoken_result mytoken_tokeninfo(mytoken_client* client, mytoken_token* token, const char* action,
                                 const char* const* mom_ids, int count, const mytoken_call* call,
                                 mytoken_answer** answer, mytoken_error* error) {
  return ask_with_token(
      client, token, call, answer, error,
      [&](Client& server, TokenLease& lease, const Call& limits) -> Outcome<Document> {
        if (!action) return c::is_null("action");
        auto ids = list_of("mom_ids", mom_ids, count);
        if (!ids) return failure(std::move(ids.error()));
        return server.tokeninfo(lease, action, *ids, limits);
      });
}

mytoken_result mytoken_revoke(mytoken_client* client, mytoken_token* token, const char* mom_id,
                              int is_recursive, const mytoken_call* call, mytoken_answer** answer,
                              mytoken_error* error) {
  return ask_with_token(
      client, token, call, answer, error,
      [&](Client& server, TokenLease& lease, const Call& limits) {
        return server.revoke(lease, {c::text_of(mom_id), is_recursive != 0}, limits);
      });
}

mytoken_result mytoken_exchange(mytoken_client* client, mytoken_token* token,
                                mytoken_presentation presentation, const char* method,
                                const char* endpoint, const char* const* path, int count,
                                const char* body, const mytoken_call* call, mytoken_answer** answer,
                                mytoken_error* error) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!client) return c::is_null("client");
    if (!endpoint) return c::is_null("endpoint");
    Exchange exchange;
    const std::string verb = c::text_of(method);
    struct Method {
      std::string_view name;
      Exchange::Method method;
    };
    static constexpr std::array<Method, 4> methods{{{"GET", Exchange::Method::get},
                                                    {"POST", Exchange::Method::post},
                                                    {"PUT", Exchange::Method::put},
                                                    {"DELETE", Exchange::Method::delete_}}};
    bool is_known = false;
    for (const Method& each : methods) {
      if (each.name != verb) continue;
      exchange.method = each.method;
      is_known = true;
    }
    if (!is_known) return failure(ErrorKind::usage, "the method is GET, POST, PUT or DELETE");
    switch (presentation) {
      case MYTOKEN_NO_TOKEN:
        exchange.token = Exchange::Token::none;
        break;
      case MYTOKEN_BEARER:
        exchange.token = Exchange::Token::bearer;
        break;
      case MYTOKEN_IN_BODY:
        exchange.token = Exchange::Token::in_body;
        break;
      default:
        return failure(ErrorKind::usage, "there is no such way to present a token");
    }
    exchange.endpoint = endpoint;
    auto segments = list_of("path", path, count);
    if (!segments) return failure(std::move(segments.error()));
    exchange.path = std::move(*segments);
    exchange.body = c::text_of(body);
    exchange.is_long = true;
    const Call limits = c::call_of(call);
    if (exchange.token == Exchange::Token::none)
      return c::give(client->client->exchange(nullptr, exchange, limits), answer);
    if (!token) return c::is_null("token");
    return c::give(with_token(*token->source, limits,
                              [&](TokenLease& lease) {
                                return client->client->exchange(&lease, exchange, limits);
                              }),
                   answer);
  });
}

mytoken_result mytoken_login_start(mytoken_client* client, const char* oidc_issuer,
                                   const char* request, const mytoken_call* call,
                                   mytoken_login** login, mytoken_error* error) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!client) return c::is_null("client");
    if (!login) return c::is_null("login");
    auto wanted = c::request_of(request);
    if (!wanted) return failure(std::move(wanted.error()));
    wanted->oidc_issuer = c::text_of(oidc_issuer);
    auto started = client->client->start_authorization(*wanted, c::call_of(call));
    if (!started) return failure(std::move(started.error()));
    *login = new mytoken_login{client->client, std::move(*started), {}};
    return {};
  });
}

const char* mytoken_login_uri(const mytoken_login* login) {
  return login ? login->authorization.consent_uri.c_str() : "";
}

mytoken_result mytoken_login_wait(mytoken_login* login, mytoken_progress progress, void* context,
                                  const mytoken_call* call, mytoken_answer** answer,
                                  mytoken_error* error) {
  return c::guarded(error, [&]() -> Outcome<void> {
    if (!login) return c::is_null("login");
    if (!answer) return c::is_null("answer");
    Call limits = c::call_of(call);
    // Either stop ends it.
    std::stop_source either;
    const auto pass_on = [&either] { either.request_stop(); };
    const std::stop_callback by_call(limits.stop, pass_on);
    const std::stop_callback by_login(login->cancelled.get_token(), pass_on);
    limits.stop = either.get_token();
    Client::Progress told;
    if (progress) {
      told = [progress, context](std::chrono::seconds remaining) {
        progress(context, static_cast<long>(remaining.count()));
      };
    }
    return c::give(login->client->wait_for_authorization(login->authorization, told, limits),
                   answer);
  });
}

void mytoken_login_cancel(mytoken_login* login) {
  if (login) login->cancelled.request_stop();
}

void mytoken_login_free(mytoken_login* login) {
  delete login;
}

}  // extern "C"
