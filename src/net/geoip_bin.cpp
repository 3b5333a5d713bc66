// IP2Location's BIN format, as far as countries go. Integers are little-endian, offsets into the
// file; those of tables count from 1.
//
//   file   := header(64) table string …
//   header := type(1) columns(1) year(1) month(1) day(1) rows4(4) table4(4) rows6(4) table6(4)
//             index4(4) index6(4) …
//   table  := row*, ascending: first address (4 or 16 bytes), then columns - 1 offsets (4 bytes);
//             the first offset is the country's. A row holds up to the next row's first address.
//   string := length(1) bytes
//
// The index only saves steps of the search and is not used.
#include <algorithm>

#include "net/geoip.h"

namespace mytoken::net {
namespace {

constexpr std::size_t header_size = 64;

struct Table {
  std::size_t offset = 0;  // from 0
  std::size_t rows = 0;
  std::size_t row_size = 0;
  std::size_t key_size = 0;
};

class Bin final : public CountryDatabase {
 public:
  Bin(std::string content, const Table& v4, const Table& v6)
      : content_(std::move(content)), v4_(v4), v6_(v6) {}

  std::string country(const Address& address) const override {
    const Table& table = address.is_v4() ? v4_ : v6_;
    // The last row that does not begin behind the address.
    std::size_t from = 0;
    std::size_t to = table.rows;
    while (from < to) {
      const std::size_t middle = from + (to - from) / 2;
      if (begins_behind(table, middle, address)) {
        to = middle;
      } else {
        from = middle + 1;
      }
    }
    if (from == 0) return {};
    return country_at(number(table.offset + (from - 1) * table.row_size + table.key_size));
  }

  // 0 where the file ends before.
  std::uint32_t number(std::size_t offset) const {
    if (offset > content_.size() || content_.size() - offset < 4) return 0;
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;)
      value = value << 8 | static_cast<unsigned char>(content_[offset + i]);
    return value;
  }

 private:
  bool begins_behind(const Table& table, std::size_t row, const Address& address) const {
    const char* const key = content_.data() + table.offset + row * table.row_size;
    for (std::size_t i = 0; i < table.key_size; ++i) {  // ours is big-endian
      const auto byte = static_cast<unsigned char>(key[table.key_size - 1 - i]);
      if (byte != address.bytes()[i]) return byte > address.bytes()[i];
    }
    return false;
  }

  std::string country_at(std::size_t offset) const {
    if (offset > content_.size() || content_.size() - offset < 3 || content_[offset] != 2)
      return {};
    std::string code = content_.substr(offset + 1, 2);
    if (!is_country_code(code)) return {};  // "-": none
    std::transform(code.begin(), code.end(), code.begin(),
                   [](char c) { return static_cast<char>(c & ~0x20); });
    return code;
  }

  std::string content_;
  Table v4_;
  Table v6_;
};

// False: it does not fit into the file.
bool fits(const Table& table, std::size_t file_size) {
  return table.offset >= header_size && table.offset <= file_size &&
         table.rows <= (file_size - table.offset) / table.row_size;
}

}  // namespace

Result<std::shared_ptr<const CountryDatabase>> read_bin(std::string content) {
  if (content.size() < header_size) return fail(internal_error("too short for a BIN database"));
  const std::size_t columns = static_cast<unsigned char>(content[1]);
  const int month = content[3];
  const int day = content[4];
  if (columns < 2 || month < 1 || month > 12 || day < 1 || day > 31)
    return fail(internal_error("no BIN database with countries"));
  const Bin header(content.substr(0, header_size), {}, {});
  const auto table = [&header, columns](std::size_t at, std::size_t key_size) {
    const std::size_t offset = header.number(at + 4);
    return Table{offset == 0 ? 0 : offset - 1, header.number(at), key_size + (columns - 1) * 4,
                 key_size};
  };
  const Table v4 = table(5, 4);
  const Table v6 = table(13, 16);
  if (v4.rows == 0 && v6.rows == 0) return fail(internal_error("a BIN database without addresses"));
  if ((v4.rows > 0 && !fits(v4, content.size())) || (v6.rows > 0 && !fits(v6, content.size())))
    return fail(internal_error("the BIN database is cut off or damaged"));
  return std::make_shared<const Bin>(std::move(content), v4, v6);
}

}  // namespace mytoken::net
