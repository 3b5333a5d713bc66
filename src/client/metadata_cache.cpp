// The cached file is one JSON object {"url","fetched","document"}; the document is checked again
// when it is read.
#include "client/metadata_cache.h"

#include <mytoken/client.h>

#include <array>

#include "base/encoding.h"
#include "base/json.h"
#include "client/durable_file.h"
#include "client/url.h"

namespace mytoken::client {
namespace {

constexpr std::size_t longest_document = 1 << 20;

Outcome<std::string> endpoint(const json::object& document, std::string_view name,
                              const std::string& server_url) {
  const std::string_view text = string_member(document, name);
  if (text.empty()) return std::string();
  if (!is_announceable(text, server_url)) {
    return failure(ErrorKind::protocol, "the server announces an unusable " + std::string(name));
  }
  return std::string(text);
}

}  // namespace

Outcome<Metadata> parse_metadata(std::string_view text, const std::string& server_url) {
  auto value = parse_json(text);
  if (!value || !value->is_object()) {
    return failure(ErrorKind::protocol, server_url + " does not answer like a mytoken server");
  }
  Metadata metadata;
  metadata.document = text;
  const json::object& document = value->get_object();
  metadata.issuer = string_member(document, "issuer");
  if (!same_issuer(metadata.issuer, server_url)) {
    return failure(ErrorKind::protocol,
                   server_url + " says it is another server" +
                       (metadata.issuer.empty() ? "" : " (" + sanitised(metadata.issuer) + ")"));
  }
  struct Wanted {
    const char* name;
    std::string Metadata::*member;
  };
  static constexpr std::array<Wanted, 9> wanted{
      {{"mytoken_endpoint", &Metadata::mytoken_endpoint},
       {"access_token_endpoint", &Metadata::access_token_endpoint},
       {"tokeninfo_endpoint", &Metadata::tokeninfo_endpoint},
       {"revocation_endpoint", &Metadata::revocation_endpoint},
       {"token_transfer_endpoint", &Metadata::token_transfer_endpoint},
       {"usersettings_endpoint", &Metadata::usersettings_endpoint},
       {"notifications_endpoint", &Metadata::notifications_endpoint},
       {"profiles_endpoint", &Metadata::profiles_endpoint},
       {"jwks_uri", &Metadata::jwks_uri}}};
  for (const auto& [name, member] : wanted) {
    auto address = endpoint(document, name, server_url);
    if (!address) return failure(std::move(address.error()));
    metadata.*member = std::move(*address);
  }
  if (metadata.mytoken_endpoint.empty() || metadata.access_token_endpoint.empty()) {
    return failure(ErrorKind::protocol, server_url + " does not announce its mytoken endpoints");
  }
  const auto* providers = document.if_contains("providers_supported");
  if (const auto* list = providers ? providers->if_array() : nullptr) {
    for (const auto& entry : *list) {
      const auto* object = entry.if_object();
      if (!object || string_member(*object, "issuer").empty()) continue;
      SupportedProvider provider;
      provider.issuer = string_member(*object, "issuer");
      provider.name = string_member(*object, "name");
      const auto* scopes = object->if_contains("scopes_supported");
      if (const auto* words = scopes ? scopes->if_array() : nullptr) {
        for (const auto& word : *words) {
          if (const auto* scope = word.if_string())
            provider.scopes.emplace_back(std::string_view(*scope));
        }
      }
      metadata.providers_supported.push_back(std::move(provider));
    }
  }
  return metadata;
}

MetadataCache::MetadataCache(std::filesystem::path directory, Seconds lifetime)
    : directory_(std::move(directory)), lifetime_(lifetime) {}

std::filesystem::path MetadataCache::file(const std::string& server_url) const {
  // Percent-encoding keeps different servers apart and slashes out.
  return directory_ / ("server-" + percent_encode(server_url) + ".json");
}

std::optional<MetadataCache::Cached> MetadataCache::load(const std::string& server_url,
                                                         Time now) const {
  if (directory_.empty()) return std::nullopt;
  const auto text = read_own_file(file(server_url), longest_document);
  if (!text) return std::nullopt;
  const auto value = parse_json(text->reveal());
  const auto* cached = value ? value->if_object() : nullptr;
  if (!cached || string_member(*cached, "url") != server_url) return std::nullopt;
  const auto* fetched = cached->if_contains("fetched");
  if (!fetched || !fetched->is_int64()) return std::nullopt;
  const std::int64_t age = to_unix(now) - fetched->get_int64();
  if (age < 0 || age >= lifetime_.count()) return std::nullopt;  // also when the clock was set back
  auto metadata = parse_metadata(string_member(*cached, "document"), server_url);
  if (!metadata) return std::nullopt;
  return Cached{std::move(*metadata), now + lifetime_ - Seconds(age)};
}

void MetadataCache::store(const std::string& server_url, std::string_view document,
                          Time now) const {
  if (directory_.empty()) return;
  std::error_code problem;
  std::filesystem::create_directories(directory_.parent_path(), problem);
  if (std::filesystem::create_directory(directory_, problem)) {
    std::filesystem::permissions(directory_, std::filesystem::perms::owner_all, problem);
  }
  json::object cached;
  cached["url"] = server_url;
  cached["fetched"] = to_unix(now);
  cached["document"] = document;
  // A cache that cannot be written costs a request, nothing else.
  (void)replace_file(file(server_url), json::serialize(cached), Durability::none);
}

void MetadataCache::forget(const std::string& server_url) const {
  if (directory_.empty()) return;
  std::error_code problem;
  std::filesystem::remove(file(server_url), problem);
}

}  // namespace mytoken::client
