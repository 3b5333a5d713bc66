// In which country an address is (spec tokens.md §5.5), from a database in a file: MMDB (MaxMind's
// format, also of freely licensed data) or BIN (IP2Location's, which the reference reads). The file
// is read into memory as a whole, so that whoever overwrites it disturbs nobody, and looked at with
// suspicion.
#pragma once
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ip_address.h"

namespace mytoken::net {

enum class GeoIpFormat { automatic, mmdb, bin };

struct GeoIpSettings {
  std::string file;  // "" = none
  GeoIpFormat format = GeoIpFormat::automatic;
  std::string home_country;  // of private and loopback addresses; "" = unknown
};

// Two letters, in any case.
bool is_country_code(std::string_view text);

// Immutable; thread-safe.
class CountryDatabase {
 public:
  virtual ~CountryDatabase() = default;
  // Two upper-case letters; "" if the address is in no country that is known.
  virtual std::string country(const Address& address) const = 0;
};

// Reads the file. The cause of an error says what is wrong with it.
Result<std::shared_ptr<const CountryDatabase>> open_country_database(const GeoIpSettings& settings);
// The same from a file's content.
Result<std::shared_ptr<const CountryDatabase>> read_mmdb(std::string content);
Result<std::shared_ptr<const CountryDatabase>> read_bin(std::string content);

// The database in use. Thread-safe.
class GeoIp {
 public:
  explicit GeoIp(GeoIpSettings settings) : settings_(std::move(settings)) {}
  // Reads the file again; look-ups go on meanwhile. An error leaves what was read before.
  Result<void> load();
  // nullopt: nothing can be said, because no database was read or the text is no address; "":
  // unknown. Private, link-local and loopback addresses are in the home country.
  std::optional<std::string> country(std::string_view address) const;

 private:
  const GeoIpSettings settings_;
  mutable std::mutex mutex_;  // of the pointer only
  std::shared_ptr<const CountryDatabase> database_;
};

}  // namespace mytoken::net
