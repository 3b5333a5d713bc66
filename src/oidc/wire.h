// What goes over the wire to providers, apart from the calls: forms, client authentication, URLs,
// and the reading of answers that strangers wrote. Pure functions, thread-safe.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "oidc/provider.h"

namespace mytoken::oidc {

using Form = std::vector<std::pair<std::string, std::string>>;

// application/x-www-form-urlencoded, fields in their order.
std::string encode_form(const Form& form);

// Adds the audience parameters of spec oidc.md §1.4.
void add_audiences(Form& form, const AudienceParameter& parameter,
                   const std::vector<std::string>& audiences);

// Authenticates the client (RFC 6749 §2.3.1, spec oidc.md §2 and §21.5): an Authorization header or
// fields of the form, never both. Without a client secret only `client_id` is added.
void authenticate(const ProviderSettings& settings, const Metadata& metadata, Form& form,
                  net::HttpRequest& request);

std::string join_scopes(const std::vector<std::string>& scopes);
// The words of a scope value, each once; what is no scope token (RFC 6749 §3.3) is left out.
std::vector<std::string> split_scopes(std::string_view text);

// One trailing slash does not matter.
bool same_issuer(std::string_view a, std::string_view b);
// https, or http to a loopback host; no user information, no fragment, at most 2048 characters.
bool is_acceptable_endpoint(std::string_view url, std::string_view issuer);

// Text of a provider for people: control characters and invalid UTF-8 removed, occurrences of
// `secrets` blanked, cut to `limit` bytes.
std::string sanitised(std::string_view text, std::size_t limit,
                      std::span<const Secret> secrets = {});

// The token endpoint's answer (RFC 6749 §§5.1, 5.2) or why it is none. `secrets` are what the
// request contained.
ProviderResult<TokenAnswer> read_token_answer(const net::HttpResponse& response,
                                              std::span<const Secret> secrets);

// `aud` of a JWT, unverified; nullopt if it is no JWT or has none.
std::optional<std::vector<std::string>> unverified_audience(std::string_view token);

// The OpenID Provider Metadata (OpenID Connect Discovery §§3, 4.3) for `settings`. Error: the
// reason, for the log.
tl::expected<Metadata, std::string> read_metadata(std::string_view body,
                                                  const ProviderSettings& settings);

// How long a document may be kept: max-age of Cache-Control within one minute and a day, a day if
// it says nothing.
Seconds time_to_live(std::string_view cache_control);

}  // namespace mytoken::oidc
