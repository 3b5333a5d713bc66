// The file of countries, and the addresses that no such file knows.
#include "net/geoip.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace mytoken::net {
namespace {

constexpr std::size_t largest_file = std::size_t{1} << 30;
// Before the metadata at the end of every MMDB file.
constexpr std::string_view mmdb_mark = "\xab\xcd\xefMaxMind.com";

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

// Loopback, RFC 1918, unique local (RFC 4193) and link-local addresses.
bool is_at_home(const Address& address) {
  static const std::array<Network, 8> networks = {
      *Network::parse("127.0.0.0/8"),    *Network::parse("10.0.0.0/8"),
      *Network::parse("172.16.0.0/12"),  *Network::parse("192.168.0.0/16"),
      *Network::parse("169.254.0.0/16"), *Network::parse("::1"),
      *Network::parse("fc00::/7"),       *Network::parse("fe80::/10")};
  for (const Network& network : networks) {
    if (network.contains(address)) return true;
  }
  return false;
}

Result<std::string> read_whole(const std::string& file) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  const auto size = in ? in.tellg() : std::ifstream::pos_type(-1);
  if (size < 0) return fail(internal_error("cannot read " + file + ": " + std::strerror(errno)));
  if (static_cast<std::size_t>(size) > largest_file)
    return fail(internal_error(file + " is larger than 1 GiB"));
  std::string content(static_cast<std::size_t>(size), '\0');
  in.seekg(0);
  if (!in.read(content.data(), static_cast<std::streamsize>(content.size())))
    return fail(internal_error("cannot read " + file));
  return content;
}

}  // namespace

bool is_country_code(std::string_view text) {
  return text.size() == 2 && is_letter(text[0]) && is_letter(text[1]);
}

Result<std::shared_ptr<const CountryDatabase>> open_country_database(
    const GeoIpSettings& settings) {
  auto content = read_whole(settings.file);
  if (!content) return fail(content.error());
  const bool mmdb =
      settings.format == GeoIpFormat::mmdb ||
      (settings.format == GeoIpFormat::automatic && content->find(mmdb_mark) != std::string::npos);
  auto database = mmdb ? read_mmdb(std::move(*content)) : read_bin(std::move(*content));
  const bool guessed = settings.format == GeoIpFormat::automatic && !mmdb;
  if (!database) {
    return fail(internal_error(settings.file + ": " +
                               (guessed ? "no MMDB database, or a damaged one, and " : "") +
                               database.error().cause));
  }
  return database;
}

Result<void> GeoIp::load() {
  auto database = open_country_database(settings_);
  if (!database) return fail(database.error());
  const std::lock_guard lock(mutex_);
  database_ = std::move(*database);
  return {};
}

std::optional<std::string> GeoIp::country(std::string_view text) const {
  std::shared_ptr<const CountryDatabase> database;
  {
    const std::lock_guard lock(mutex_);
    database = database_;
  }
  const auto address = Address::parse(text);
  if (!database || !address) return std::nullopt;
  if (is_at_home(*address)) return upper(settings_.home_country);
  return database->country(*address);
}

}  // namespace mytoken::net
