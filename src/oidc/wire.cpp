// Forms, client authentication, scopes and endpoint rules.
#include "oidc/wire.h"

#include <algorithm>
#include <boost/url.hpp>
#include <charconv>

#include "base/encoding.h"
#include "base/ip_address.h"

namespace mytoken::oidc {

namespace {

bool is_loopback_host(std::string_view host) {
  if (equals_ignoring_case(host, "localhost")) return true;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto address = Address::parse(host);
  if (!address) return false;
  if (address->is_v4()) return address->bytes()[0] == 127;
  return address->text() == "::1";
}

bool is_scope_token(std::string_view word) {
  return std::all_of(word.begin(), word.end(),
                     [](char c) { return c > ' ' && c <= '~' && c != '"' && c != '\\'; });
}

}  // namespace

std::string encode_form(const Form& form) {
  std::string text;
  for (const auto& [name, value] : form) {
    if (!text.empty()) text += '&';
    text += percent_encode(name);
    text += '=';
    text += percent_encode(value);
  }
  return text;
}

void add_audiences(Form& form, const AudienceParameter& parameter,
                   const std::vector<std::string>& audiences) {
  if (audiences.empty() || parameter.mode == AudienceParameter::Mode::none) return;
  if (parameter.mode == AudienceParameter::Mode::resource) {
    for (const std::string& audience : audiences)
      form.emplace_back("resource", audience);
    return;
  }
  const std::string name = parameter.name.empty() ? "resource" : parameter.name;
  if (parameter.space_separated) {
    form.emplace_back(name, join_scopes(audiences));
    return;
  }
  for (const std::string& audience : audiences)
    form.emplace_back(name, audience);
}

void authenticate(const ProviderSettings& settings, const Metadata& metadata, Form& form,
                  net::HttpRequest& request) {
  const auto add_client_id = [&] {
    const bool there = std::any_of(form.begin(), form.end(),
                                   [](const auto& field) { return field.first == "client_id"; });
    if (!there) form.emplace_back("client_id", settings.client_id);
  };
  if (settings.client_secret.empty()) {
    add_client_id();
    return;
  }
  const auto announced = [&](std::string_view method) {
    const auto& methods = metadata.token_endpoint_auth_methods;
    return std::find(methods.begin(), methods.end(), method) != methods.end();
  };
  const bool post = settings.authentication == ClientAuthentication::post ||
                    (settings.authentication == ClientAuthentication::automatic &&
                     announced("client_secret_post") && !announced("client_secret_basic"));
  if (post) {
    add_client_id();
    form.emplace_back("client_secret", settings.client_secret.reveal());
    return;
  }
  const std::string pair =
      percent_encode(settings.client_id) + ":" + percent_encode(settings.client_secret.reveal());
  request.headers.emplace_back("Authorization", "Basic " + base64(pair));
}

std::string join_scopes(const std::vector<std::string>& scopes) {
  std::string text;
  for (const std::string& scope : scopes) {
    if (!text.empty()) text += ' ';
    text += scope;
  }
  return text;
}

std::vector<std::string> split_scopes(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t blank = text.find(' ');
    const std::string_view word = text.substr(0, blank);
    text = blank == std::string_view::npos ? std::string_view{} : text.substr(blank + 1);
    if (word.empty() || !is_scope_token(word)) continue;
    if (std::find(words.begin(), words.end(), word) == words.end()) words.emplace_back(word);
    if (words.size() == 1000) break;  // nobody grants more; keeps the search above cheap
  }
  return words;
}

bool same_issuer(std::string_view a, std::string_view b) {
  if (a.ends_with('/')) a.remove_suffix(1);
  if (b.ends_with('/')) b.remove_suffix(1);
  return a == b;
}

bool is_acceptable_endpoint(std::string_view url, std::string_view issuer) {
  if (url.size() > 2048) return false;
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed || parsed->has_fragment() || parsed->has_userinfo()) return false;
  const std::string host(parsed->encoded_host());
  if (host.empty()) return false;
  // Boost.URL 1.81 reads "http://127.0.0.1.example/" as host 127.0.0.1 and path ".example/".
  const std::string_view path = parsed->encoded_path();
  if (!path.empty() && path.front() != '/') return false;
  if (parsed->scheme_id() == boost::urls::scheme::https) return true;
  // Plain http only from a provider that is itself on this machine: another one could make this
  // server talk to its neighbours.
  return parsed->scheme_id() == boost::urls::scheme::http && issuer.starts_with("http://") &&
         is_loopback_host(host);
}

Seconds time_to_live(std::string_view cache_control) {
  constexpr std::int64_t shortest = 60;
  constexpr std::int64_t longest = 24 * 3600;
  const std::string text = lower(cache_control);
  if (text.find("no-store") != std::string::npos || text.find("no-cache") != std::string::npos)
    return Seconds(shortest);
  const std::size_t place = text.find("max-age=");
  if (place == std::string::npos) return Seconds(longest);
  std::int64_t age = 0;
  const char* const begin = text.data() + place + 8;
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), age);
  if (error != std::errc{}) return Seconds(longest);
  return Seconds(std::clamp(age, shortest, longest));
}

}  // namespace mytoken::oidc
