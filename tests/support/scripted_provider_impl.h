// The inside of the scripted provider: its state and one function per endpoint. One mutex over
// everything: requests come from one thread, knobs and ledger are looked at by others.
#pragma once
#include <algorithm>
#include <mutex>
#include <random>
#include <unordered_map>

#include "base/encoding.h"
#include "base/json.h"
#include "crypto/jose.h"
#include "support/scripted_provider.h"
#include "support/tiny_http_server.h"

namespace mytoken::test {

using Fields = std::multimap<std::string, std::string>;

inline Fields decode(std::string_view form) {
  Fields fields;
  while (!form.empty()) {
    const std::string_view pair = form.substr(0, form.find('&'));
    form.remove_prefix(std::min(form.size(), pair.size() + 1));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view value =
        equals < pair.size() ? pair.substr(equals + 1) : std::string_view{};
    fields.emplace(percent_decode(pair.substr(0, equals), true).value_or(""),
                   percent_decode(value, true).value_or(""));
  }
  return fields;
}

inline std::string first(const Fields& fields, const std::string& name) {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string{} : found->second;
}

inline std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> list;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (!word.empty()) list.emplace_back(word);
  }
  return list;
}

inline std::string joined(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& word : list)
    text += (text.empty() ? "" : " ") + word;
  return text;
}

inline bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

inline TinyResponse error_answer(int status, std::string_view error,
                                 std::string_view description = {}) {
  json::object body{{"error", error}};
  if (!description.empty()) body["error_description"] = description;
  TinyResponse response;
  response.status = status;
  response.body = json::serialize(body);
  return response;
}

inline TinyResponse html(int status) {
  TinyResponse response;
  response.status = status;
  response.content_type = "text/html";
  response.body = "<html><body><h1>" + std::to_string(status) + "</h1></body></html>";
  return response;
}

struct ScriptedProvider::Impl {
  struct Code {
    std::string user;
    std::vector<std::string> scopes;
    std::string nonce;
    std::string challenge;
    std::string redirect_uri;
    bool used = false;
  };
  struct Issued {  // a refresh token
    std::size_t session;
    std::size_t number;
    std::chrono::sys_time<std::chrono::microseconds> replaced{};
  };

  Impl(ProviderOptions given, ProviderKnobs start)
      : options(std::move(given)),
        knobs(std::move(start)),
        clock(options.clock != nullptr ? *options.clock : system_clock),
        random(std::random_device{}()),
        key(new_key()),
        other_key(new_key()),
        server([this](const TinyRequest& request) { return answer(request); }, options.port) {
    issuer = "http://127.0.0.1:" + std::to_string(server.port());
    server.start();
  }

  const ProviderOptions options;
  mutable std::mutex mutex;
  ProviderKnobs knobs;
  SystemClock system_clock;
  const Clock& clock;
  std::mt19937_64 random;  // names, not secrets
  crypto::Key key;
  crypto::Key other_key;
  std::unordered_map<std::string, Code> codes;
  std::unordered_map<std::string, Issued> refresh_tokens;
  std::unordered_map<std::string, std::string>
      access_tokens;  // of codes: token to user, for userinfo
  std::vector<Session> sessions;
  Counters counters;
  std::optional<std::size_t> last_refreshed;  // session of the request under way
  std::map<std::string, Seen> seen;
  std::string issuer;
  TinyHttpServer server;  // last: its thread uses the rest

  crypto::Key new_key() const;
  std::string fresh(std::string_view prefix);
  std::int64_t now() const { return to_unix(clock.now()) + knobs.clock_offset.count(); }

  std::string issue_refresh_token(std::size_t number);
  TinyResponse answer(const TinyRequest& request);
  TinyResponse discovery();
  TinyResponse jwks();
  TinyResponse authorize(const TinyRequest& request);
  TinyResponse control(const TinyRequest& request);
  TinyResponse ledger(const TinyRequest& request) const;

  // The client authenticated in a way that is accepted.
  bool authenticated(const TinyRequest& request, const Fields& fields) const;
  TinyResponse token(const TinyRequest& request);
  TinyResponse refused(std::string_view why);
  TinyResponse redeem(const Fields& fields);
  std::vector<std::string> narrowed(std::vector<std::string> scopes) const;
  TinyResponse refresh(const Fields& fields);
  std::string new_access_token(const std::string& user, const Fields& fields);
  std::string sign(const crypto::Key& with, const json::object& claims) const;
  void add_email(json::object& claims) const;
  static void add_all(json::object& claims, const json::object& more) {
    for (const auto& [name, value] : more)
      claims[name] = value;
  }
  std::string id_token(const Code& code, const std::string& access_token);

  TinyResponse token_answer(const std::string& access_token, const std::vector<std::string>& scopes,
                            const std::string& refresh_token,
                            const std::string& token_of_user) const;
  TinyResponse userinfo(const TinyRequest& request);
  TinyResponse revoke(const TinyRequest& request);
};

}  // namespace mytoken::test
