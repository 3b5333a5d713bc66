// MaxMind's MMDB format, version 2, as far as countries go. Integers are big-endian.
//
//   file     := tree zero(16) data mark metadata
//   tree     := node*, the first is the root; node := left right, of record_size (24, 28, 32) bits.
//               Of 28 bits, the byte in the middle holds the upper halves of both.
//               record < node_count: the node for the next bit of the address; = node_count:
//               nothing is known; greater: the value at record - node_count - 16 of data
//   metadata := a map: node_count, record_size, ip_version …; a tree of IPv6 holds IPv4 in ::/96
//   value    := control [type - 7] [size] content; control := type(3 bits, 0: the next byte has it)
//               size(5 bits, from 29 on continued in the next 1 to 3 bytes)
//   pointer  := control(type 1, width(2 bits), 3 bits of the offset) offset; from the section's
//               begin, never to another pointer
//   map      := key value …; key is a string or a pointer to one
//
// Whatever a file says, a look-up reads a limited number of values, each within the file.
#include <algorithm>
#include <optional>

#include "net/geoip.h"

namespace mytoken::net {
namespace {

constexpr std::string_view mark = "\xab\xcd\xefMaxMind.com";
constexpr std::size_t longest_metadata = std::size_t{128} * 1024;
constexpr std::size_t gap = 16;  // between tree and data
// What one look-up reads at most: a country has some names in some languages.
constexpr std::size_t most_values = 10'000;

enum class Type : unsigned {
  pointer = 1,
  text = 2,
  uint16 = 5,
  uint32 = 6,
  map = 7,
  array = 11,
  boolean = 14
};

struct Value {
  Type type = Type::pointer;
  std::size_t size = 0;     // bytes; entries of a map or array; where a pointer leads
  std::size_t content = 0;  // offset behind control, type and size
};

// Values of data or metadata, read for one question. Nothing (nullopt): not there, or damaged.
class Section {
 public:
  explicit Section(std::string_view bytes) : bytes_(bytes) {}

  // The value of a key in the map at `offset`.
  std::optional<std::size_t> member(std::size_t offset, std::string_view key) {
    const auto map = target(offset);
    if (!map || map->type != Type::map) return std::nullopt;
    std::size_t at = map->content;
    for (std::size_t i = 0; i < map->size; ++i) {
      const auto name = text(at);
      const auto value = behind(at);
      if (!name || !value) return std::nullopt;
      if (*name == key) return value;
      const auto next = behind(*value);
      if (!next) return std::nullopt;
      at = *next;
    }
    return std::nullopt;
  }

  std::optional<std::string_view> text(std::size_t offset) {
    const auto value = target(offset);
    if (!value || value->type != Type::text || !holds(value->content, value->size))
      return std::nullopt;
    return bytes_.substr(value->content, value->size);
  }

  std::optional<std::size_t> number(std::size_t offset) {
    const auto value = target(offset);
    if (!value || (value->type != Type::uint16 && value->type != Type::uint32) || value->size > 4)
      return std::nullopt;
    return integer(value->content, value->size);
  }

 private:
  bool holds(std::size_t offset, std::size_t size) const {
    return offset <= bytes_.size() && size <= bytes_.size() - offset;
  }

  std::optional<std::size_t> integer(std::size_t offset, std::size_t size) const {
    if (!holds(offset, size)) return std::nullopt;
    std::size_t value = 0;
    for (const char c : bytes_.substr(offset, size))
      value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }

  std::optional<Value> pointer(std::size_t control, std::size_t offset) const {
    constexpr std::size_t begins[] = {0, 2048, 526'336, 0};
    const std::size_t width = control >> 3 & 3;
    const auto rest = integer(offset, width + 1);
    if (!rest) return std::nullopt;
    const std::size_t high = width == 3 ? 0 : (control & 7) << (8 * (width + 1));
    return Value{Type::pointer, (high | *rest) + begins[width], offset + width + 1};
  }

  // The value at an offset, a pointer as such.
  std::optional<Value> read(std::size_t offset) {
    if (values_++ == most_values) return std::nullopt;
    const auto control = integer(offset++, 1);
    if (!control) return std::nullopt;
    Value value{static_cast<Type>(*control >> 5), *control & 31, offset};
    if (value.type == Type::pointer) return pointer(*control, offset);
    if (*control >> 5 == 0) {
      const auto extended = integer(value.content++, 1);
      if (!extended || *extended == 0) return std::nullopt;
      value.type = static_cast<Type>(*extended + 7);
    }
    if (value.size < 29) return value;
    constexpr std::size_t begins[] = {29, 285, 65'821};
    const std::size_t width = value.size - 28;
    const auto more = integer(value.content, width);
    if (!more) return std::nullopt;
    value.size = begins[width - 1] + *more;
    value.content += width;
    return value;
  }

  // The value that stands there or that a pointer there leads to.
  std::optional<Value> target(std::size_t offset) {
    const auto value = read(offset);
    if (!value || value->type != Type::pointer) return value;
    const auto led = read(value->size);
    return led && led->type != Type::pointer ? led : std::nullopt;
  }

  // The offset behind a value and all that it holds.
  std::optional<std::size_t> behind(std::size_t offset) {
    for (std::size_t left = 1; left > 0; --left) {
      const auto value = read(offset);
      if (!value) return std::nullopt;
      offset = value->content;
      if (value->type == Type::map) {
        left += 2 * value->size;
      } else if (value->type == Type::array) {
        left += value->size;
      } else if (value->type != Type::pointer && value->type != Type::boolean) {
        if (!holds(offset, value->size)) return std::nullopt;
        offset += value->size;
      }
    }
    return offset;
  }

  std::string_view bytes_;
  std::size_t values_ = 0;
};

struct Layout {
  std::size_t nodes = 0;
  std::size_t node_size = 0;
  bool is_v6 = false;
  std::size_t data_size = 0;

  std::size_t tree_size() const { return nodes * node_size; }
};

class Mmdb final : public CountryDatabase {
 public:
  Mmdb(std::string content, const Layout& layout) : content_(std::move(content)), layout_(layout) {}

  std::string country(const Address& address) const override {
    const auto offset = data_of(address);
    if (!offset) return {};
    Section data(std::string_view(content_).substr(layout_.tree_size() + gap, layout_.data_size));
    // MaxMind's own layout, and that of databases that hold nothing but countries.
    std::optional<std::string_view> code;
    if (const auto country = data.member(*offset, "country")) {
      if (const auto iso_code = data.member(*country, "iso_code")) code = data.text(*iso_code);
    }
    if (!code) {
      if (const auto flat = data.member(*offset, "country_code")) code = data.text(*flat);
    }
    if (!code || !is_country_code(*code)) return {};
    std::string upper(*code);
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](char c) { return static_cast<char>(c & ~0x20); });
    return upper;
  }

 private:
  std::size_t byte(std::size_t offset) const {
    return static_cast<unsigned char>(content_[offset]);
  }

  std::size_t record(std::size_t node, bool right) const {
    const std::size_t begin = node * layout_.node_size;
    const std::size_t whole_bytes = layout_.node_size / 2;
    std::size_t value = 0;
    if (layout_.node_size == 7) value = right ? byte(begin + 3) & 15 : byte(begin + 3) >> 4;
    const std::size_t from = begin + (right ? layout_.node_size - whole_bytes : 0);
    for (std::size_t i = 0; i < whole_bytes; ++i)
      value = value << 8 | byte(from + i);
    return value;
  }

  // Where the address's value is in the data.
  std::optional<std::size_t> data_of(const Address& address) const {
    if (!address.is_v4() && !layout_.is_v6) return std::nullopt;
    std::size_t node = 0;
    const std::size_t zeros = address.is_v4() && layout_.is_v6 ? 96 : 0;
    const std::size_t bits = zeros + (address.is_v4() ? 32 : 128);
    for (std::size_t i = 0; i < bits && node < layout_.nodes; ++i) {
      const std::size_t at = i - zeros;
      const bool bit = i >= zeros && (address.bytes()[at / 8] >> (7 - at % 8) & 1) != 0;
      node = record(node, bit);
    }
    if (node < layout_.nodes + gap) return std::nullopt;  // also a tree deeper than the address
    return node - layout_.nodes - gap;
  }

  std::string content_;
  Layout layout_;
};

}  // namespace

Result<std::shared_ptr<const CountryDatabase>> read_mmdb(std::string content) {
  const std::size_t end = content.rfind(mark);
  if (end == std::string::npos || content.size() - end > longest_metadata)
    return fail(internal_error("no MMDB database"));
  Section metadata(std::string_view(content).substr(end + mark.size()));
  const auto number = [&metadata](std::string_view key) -> std::size_t {
    const auto value = metadata.member(0, key);
    return value ? metadata.number(*value).value_or(0) : 0;
  };
  if (number("binary_format_major_version") != 2)
    return fail(internal_error("not an MMDB database of version 2"));
  const std::size_t record_size = number("record_size");
  const std::size_t ip_version = number("ip_version");
  const Layout layout{number("node_count"), record_size / 4, ip_version == 6, 0};
  if (record_size != 24 && record_size != 28 && record_size != 32)
    return fail(internal_error("an MMDB database with an impossible record_size"));
  if (ip_version != 4 && ip_version != 6)
    return fail(internal_error("an MMDB database with an impossible ip_version"));
  if (layout.nodes == 0) return fail(internal_error("an MMDB database without addresses"));
  if (end < gap || layout.tree_size() > end - gap)
    return fail(internal_error("the MMDB database is cut off or damaged"));
  Layout whole = layout;
  whole.data_size = end - gap - layout.tree_size();
  return std::make_shared<const Mmdb>(std::move(content), whole);
}

}  // namespace mytoken::net
