// MaxMind's MMDB format, read by libmaxminddb. The library maps files; it is given a copy in
// memory, because a mapped file that somebody cuts short ends the process.
#include <maxminddb.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "net/geoip.h"

namespace mytoken::net {
namespace {

class Mmdb final : public CountryDatabase {
 public:
  Mmdb() = default;
  Mmdb(const Mmdb&) = delete;
  Mmdb& operator=(const Mmdb&) = delete;
  ~Mmdb() override {
    if (is_open_) MMDB_close(&database_);
  }

  // 0, or an error of the library.
  int open(const std::string& path) {
    const int problem = MMDB_open(path.c_str(), MMDB_MODE_MMAP, &database_);
    is_open_ = problem == MMDB_SUCCESS;
    return problem;
  }

  std::string country(const Address& address) const override {
    sockaddr_storage storage{};
    if (address.is_v4()) {
      auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
      v4->sin_family = AF_INET;
      std::memcpy(&v4->sin_addr, address.bytes().data(), 4);
    } else {
      auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
      v6->sin6_family = AF_INET6;
      std::memcpy(&v6->sin6_addr, address.bytes().data(), 16);
    }
    int problem = MMDB_SUCCESS;
    MMDB_lookup_result_s found =
        MMDB_lookup_sockaddr(&database_, reinterpret_cast<const sockaddr*>(&storage), &problem);
    if (problem != MMDB_SUCCESS || !found.found_entry) return {};
    // MaxMind's own layout, and that of databases that hold nothing but countries.
    constexpr const char* nested[] = {"country", "iso_code", nullptr};
    constexpr const char* flat[] = {"country_code", nullptr};
    std::string code = code_at(found, nested);
    return code.empty() ? code_at(found, flat) : code;
  }

 private:
  static std::string code_at(MMDB_lookup_result_s& found, const char* const* path) {
    MMDB_entry_data_s data{};
    if (MMDB_aget_value(&found.entry, &data, path) != MMDB_SUCCESS || !data.has_data ||
        data.type != MMDB_DATA_TYPE_UTF8_STRING) {
      return {};
    }
    std::string code(data.utf8_string, data.data_size);
    if (!is_country_code(code)) return {};
    std::transform(code.begin(), code.end(), code.begin(),
                   [](char c) { return static_cast<char>(c & ~0x20); });
    return code;
  }

  MMDB_s database_{};
  bool is_open_ = false;
};

// A file without a name; it ends with the last who has it open or mapped.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("countries", MFD_CLOEXEC)) {}
  ~MemoryFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  bool write(std::string_view content) {
    while (!content.empty()) {
      const ssize_t written = ::write(descriptor_, content.data(), content.size());
      if (written <= 0) return false;
      content.remove_prefix(static_cast<std::size_t>(written));
    }
    return descriptor_ >= 0;
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace

Result<std::shared_ptr<const CountryDatabase>> read_mmdb(const std::string& content) {
  MemoryFile file;
  if (!file.write(content))
    return fail(internal_error(std::string("no memory for the database: ") + std::strerror(errno)));
  auto database = std::make_shared<Mmdb>();
  if (const int problem = database->open(file.path()); problem != MMDB_SUCCESS)
    return fail(internal_error(std::string("no MMDB database: ") + MMDB_strerror(problem)));
  return database;
}

}  // namespace mytoken::net
