// A string that must not leak: it wipes its memory, has no stream or format operator, and compares
// in constant time. Tokens, codes, refresh tokens, keys and passwords travel as Secret; only the
// code that must send or derive from one calls reveal(). Copying is allowed (both copies wipe
// themselves). Not thread-safe beyond what std::string is.
#pragma once
#include <string>
#include <string_view>
#include <utility>

#include <mytoken/export.h>

namespace mytoken {

class MYTOKEN_API Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret& other);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { wipe(); }

  // The value itself. The view dies with this object.
  std::string_view reveal() const { return value_; }
  bool empty() const { return value_.empty(); }
  std::size_t size() const { return value_.size(); }

  // Constant time for values of equal length; the length itself is not secret.
  friend bool operator==(const Secret& a, const Secret& b) { return equal(a.value_, b.value_); }

  // Compares two byte strings in time that depends on their lengths only.
  static bool equal(std::string_view a, std::string_view b);

 private:
  void wipe();
  std::string value_;
};

}  // namespace mytoken
