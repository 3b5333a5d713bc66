// Reading hashes, and libargon2; see password.h.
#include "crypto/password.h"

#include <argon2.h>
#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/encoding.h"
#include "base/random.h"
#include "crypto/hash.h"

namespace mytoken::crypto {
namespace {

// Shorter salts repeat, shorter tags are guessed; longer ones gain nothing (RFC 9106 §3.1).
constexpr std::size_t shortest_salt = 8;
constexpr std::size_t longest_salt = 64;
constexpr std::size_t shortest_tag = 16;
constexpr std::size_t longest_tag = 64;

// RFC 9106 leaves less memory to the user; these are the usual minimum for passwords of people.
constexpr std::uint32_t usual_memory = 19 * 1024;
constexpr std::uint32_t usual_passes = 2;

// Up to the separator, which is taken away, too.
std::string_view next_part(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

// "m=19456"; nullopt: another name, or no number in decimal digits.
std::optional<std::uint32_t> parameter(std::string_view part, std::string_view name) {
  if (!part.starts_with(name)) return std::nullopt;
  part.remove_prefix(name.size());
  std::uint32_t number = 0;
  const auto [end, problem] = std::from_chars(part.data(), part.data() + part.size(), number);
  if (problem != std::errc() || end != part.data() + part.size()) return std::nullopt;
  return number;
}

std::optional<std::string> decode_unpadded(std::string_view text) {
  if (text.find('=') != std::string_view::npos) return std::nullopt;
  std::string padded(text);
  padded.resize((text.size() + 3) / 4 * 4, '=');
  return decode_base64(padded);
}

std::string encode_unpadded(std::string_view bytes) {
  std::string text = base64(bytes);
  while (text.ends_with('='))
    text.pop_back();
  return text;
}

// The tag of `size` bytes. All lanes are computed on the calling thread.
Result<std::string> argon2id(const Secret& password, std::string salt, std::uint32_t memory,
                             std::uint32_t passes, std::uint32_t lanes, std::size_t size) {
  std::string tag(size, '\0');
  std::string copy(password.reveal());
  argon2_context context{};
  context.out = reinterpret_cast<std::uint8_t*>(tag.data());
  context.outlen = static_cast<std::uint32_t>(tag.size());
  context.pwd = reinterpret_cast<std::uint8_t*>(copy.data());
  context.pwdlen = static_cast<std::uint32_t>(copy.size());
  context.salt = reinterpret_cast<std::uint8_t*>(salt.data());
  context.saltlen = static_cast<std::uint32_t>(salt.size());
  context.t_cost = passes;
  context.m_cost = memory;
  context.lanes = lanes;
  context.threads = 1;
  context.version = ARGON2_VERSION_13;
  const int problem = argon2_ctx(&context, Argon2_id);
  const Secret wiped(std::move(copy));
  if (problem != ARGON2_OK)
    return fail(unavailable(std::string("argon2: ") + argon2_error_message(problem)));
  return tag;
}

}  // namespace

Result<Password> Password::parse(Secret configured) {
  std::string_view text = configured.reveal();
  if (!text.starts_with("$argon2")) return Password(std::move(configured));
  if (!text.starts_with("$argon2id$v=19$"))
    return fail(invalid_request("is an Argon2 hash of another kind; make one of $argon2id$v=19$"));
  text.remove_prefix(std::string_view("$argon2id$v=19$").size());
  std::string_view costs = next_part(text, '$');
  const auto memory = parameter(next_part(costs, ','), "m=");
  const auto passes = parameter(next_part(costs, ','), "t=");
  const auto lanes = parameter(costs, "p=");
  auto salt = decode_unpadded(next_part(text, '$'));
  auto tag = decode_unpadded(text);
  if (!memory || !passes || !lanes || !salt || !tag) {
    return fail(invalid_request(
        "is a broken Argon2 hash, not $argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<tag>"));
  }
  if (*lanes < 1 || *passes < 1 || *memory < std::uint64_t{8} * *lanes) {
    return fail(invalid_request("is an Argon2 hash without a pass, a lane, or 8 KiB for a lane"));
  }
  if (*memory > most_memory || *passes > most_passes || *lanes > most_lanes ||
      std::uint64_t{*memory} * *passes > most_work) {
    return fail(invalid_request(
        fmt::format("is an Argon2 hash that costs too much: m is at most {}, t {}, p {}, and m "
                    "times t {}",
                    most_memory, most_passes, most_lanes, most_work)));
  }
  if (salt->size() < shortest_salt || salt->size() > longest_salt || tag->size() < shortest_tag ||
      tag->size() > longest_tag) {
    return fail(invalid_request(fmt::format(
        "is an Argon2 hash whose salt is not of {} to {} bytes or whose tag not of {} to {}",
        shortest_salt, longest_salt, shortest_tag, longest_tag)));
  }
  Password password;
  password.salt_ = std::move(*salt);
  password.tag_ = std::move(*tag);
  password.memory_ = *memory;
  password.passes_ = *passes;
  password.lanes_ = *lanes;
  return password;
}

Result<std::string> Password::hash(const Secret& password) {
  const std::string salt = random_bytes(16);
  auto tag = argon2id(password, salt, usual_memory, usual_passes, 1, 32);
  if (!tag) return tag;
  return fmt::format("$argon2id$v=19$m={},t={},p=1${}${}", usual_memory, usual_passes,
                     encode_unpadded(salt), encode_unpadded(*tag));
}

Result<bool> Password::matches(const Secret& given) const {
  if (!is_hashed()) {
    const bool same = Secret::equal(sha256(plain_.reveal()), sha256(given.reveal()));
    return same && !plain_.empty();
  }
  auto tag = argon2id(given, salt_, memory_, passes_, lanes_, tag_.size());
  if (!tag) return tl::unexpected(tag.error());
  return Secret::equal(*tag, tag_) && !given.empty();
}

}  // namespace mytoken::crypto
