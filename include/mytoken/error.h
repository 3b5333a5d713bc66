// What can go wrong between a program and a mytoken server, as a value. The kind decides what a
// program does next (exit code, retry, new login); code and description are the server's own words
// and safe to show, never a secret. Source: spec cli.md §2.2.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <mytoken/export.h>
#include <mytoken/secret.h>

namespace mytoken::client {

enum class ErrorKind {
  usage,             // the caller asked for something impossible
  network,           // no connection, or it broke
  timeout,           // the deadline or the total time of a request passed
  tls,               // certificate or handshake
  protocol,          // the answer is not what a mytoken server says
  server,            // the server refused, see code
  cancelled,         // the stop token of the call fired
  polling_expired,   // nobody approved in time
  consent_declined,  // somebody declined
  token_source       // the mytoken could not be read, locked or stored
};

struct ClientError {
  ErrorKind kind = ErrorKind::protocol;
  std::string code;         // member `error` of the answer, or ours for token_source; may be empty
  std::string description;  // for people
  int http_status = 0;      // 0: there was no answer
  std::chrono::seconds retry_after{0};  // > 0: the server said when to come again
  // A mytoken that replaced the presented one and could not be stored; null: none.
  std::shared_ptr<const Secret> unsaved{};

  // True if the same call may succeed later without anybody changing anything.
  bool is_transient() const {
    return kind == ErrorKind::network || kind == ErrorKind::timeout || http_status == 429 ||
           http_status >= 500;
  }
  // "code: description", or the one that is there.
  std::string text() const {
    if (code.empty() || kind != ErrorKind::server) return description;
    return description.empty() ? code : code + ": " + description;
  }
};

// `code` of an error of kind usage: the server does not offer the function.
inline constexpr const char* not_supported = "not_supported";

// An error on its way to become the Outcome of whatever function returns it.
struct Failure {
  ClientError error;
};
inline Failure failure(ErrorKind kind, std::string description, std::string code = {}) {
  return {
      ClientError{kind, std::move(code), std::move(description), 0, std::chrono::seconds(0), {}}};
}
inline Failure failure(ClientError error) {
  return {std::move(error)};
}

// A value or the reason why there is none. Reading the one that is not there is undefined, as with
// std::optional.
template <class T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Outcome(Failure failed) : state_(std::in_place_index<1>, std::move(failed.error)) {}
  // From whatever T can be made of (nullptr, a derived pointer, a literal).
  template <class U>
  requires(std::is_convertible_v<U&&, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
           !std::is_same_v<std::remove_cvref_t<U>, Outcome> &&
           !std::is_same_v<std::remove_cvref_t<U>, Failure>) Outcome(U&& value)
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& operator*() & { return *std::get_if<0>(&state_); }
  const T& operator*() const& { return *std::get_if<0>(&state_); }
  T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }

  ClientError& error() { return *std::get_if<1>(&state_); }
  const ClientError& error() const { return *std::get_if<1>(&state_); }

 private:
  std::variant<T, ClientError> state_;
};

template <>
class [[nodiscard]] Outcome<void> {
 public:
  Outcome() = default;
  Outcome(Failure failed) : error_(std::move(failed.error)) {}

  bool has_value() const { return !error_; }
  explicit operator bool() const { return has_value(); }

  ClientError& error() { return *error_; }
  const ClientError& error() const { return *error_; }

 private:
  std::optional<ClientError> error_;
};

}  // namespace mytoken::client
