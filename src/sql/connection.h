// One connection to a SQL database and what runs on it. The same texts run on every engine:
// numbered parameters $1…, ON CONFLICT, RETURNING, recursive CTEs. Values: 64-bit integers, UTF-8
// text, blobs, NULL. Not thread-safe: a connection belongs to the thread that Database gave it to.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace mytoken::sql {

// Marks a parameter as bytes instead of text.
struct Blob {
  std::string_view bytes;
};

using Param = std::variant<std::monostate, std::int64_t, std::string_view, Blob>;

// Conversions of C++ values to parameters; an empty optional is NULL.
inline Param to_param(std::nullopt_t) {
  return std::monostate{};
}
inline Param to_param(Blob value) {
  return value;
}
inline Param to_param(std::string_view value) {
  return value;
}
inline Param to_param(const std::string& value) {
  return std::string_view(value);
}
inline Param to_param(const char* value) {
  return std::string_view(value);
}
template <class T>
requires std::is_integral_v<T> Param to_param(T value) {
  return static_cast<std::int64_t>(value);
}
inline Param to_param(Time value) {
  return to_unix(value);
}
inline Param to_param(Seconds value) {
  return std::int64_t{value.count()};
}
template <class T>
Param to_param(const std::optional<T>& value) {
  return value ? to_param(*value) : Param(std::monostate{});
}

// One row of a result; column views are valid until the row function returns. Columns count from 0.
class Row {
 public:
  virtual ~Row() = default;
  virtual bool is_null(int column) const = 0;
  virtual std::int64_t integer(int column) const = 0;   // 0 for NULL
  virtual std::string_view text(int column) const = 0;  // "" for NULL
  virtual std::string_view blob(int column) const = 0;  // "" for NULL

  std::string string(int column) const { return std::string(text(column)); }
  std::string bytes(int column) const { return std::string(blob(column)); }
  Time time(int column) const { return from_unix(integer(column)); }
  std::optional<Time> optional_time(int column) const {
    return is_null(column) ? std::nullopt : std::optional<Time>(time(column));
  }
  std::optional<std::int64_t> optional_integer(int column) const {
    return is_null(column) ? std::nullopt : std::optional<std::int64_t>(integer(column));
  }
  bool flag(int column) const { return integer(column) != 0; }
};

class Connection {
 public:
  virtual ~Connection() = default;

  // Runs one statement (kept prepared by its text, which must therefore come from a bounded set)
  // and hands every row to `on_row`, which returns false to stop. Result: number of rows changed
  // (INSERT/UPDATE/DELETE), else 0. Errors: internal_server_error with the engine's message as
  // cause; `sql_conflict` for a violated unique key; `sql_retry` for a serialisation failure
  // (Database runs the function again).
  virtual Result<std::int64_t> run(std::string_view sql, std::span<const Param> params,
                                   const std::function<bool(const Row&)>& on_row) = 0;

  template <class... P>
  Result<std::int64_t> execute(std::string_view sql, const P&... params) {
    const Param list[sizeof...(P) + 1] = {to_param(params)..., Param()};
    return run(sql, std::span<const Param>(list, sizeof...(P)), nullptr);
  }

  // Like execute for a change whose count nobody needs to know: an engine may send it together with
  // the next statement or with the commit, which saves a round trip. Its error then appears there,
  // never later.
  virtual Result<void> post_run(std::string_view sql, std::span<const Param> params) {
    auto done = run(sql, params, nullptr);
    if (!done) return tl::unexpected(std::move(done.error()));
    return {};
  }
  template <class... P>
  Result<void> post(std::string_view sql, const P&... params) {
    const Param list[sizeof...(P) + 1] = {to_param(params)..., Param()};
    return post_run(sql, std::span<const Param>(list, sizeof...(P)));
  }

  // Like post for a statement that must find or change a row: if it does not, the transaction fails
  // with `sql_unmet` (no rows are changed by it), here or where the error of a posted change
  // appears. For conditions that nearly always hold; `sql` has no RETURNING.
  virtual Result<void> must_run(std::string_view sql, std::span<const Param> params) {
    bool found = false;
    auto done = run(sql, params, [&found](const Row&) {
      found = true;
      return false;
    });
    if (!done) return tl::unexpected(std::move(done.error()));
    if (found || *done > 0) return {};
    return fail(unmet());
  }
  template <class... P>
  Result<void> must(std::string_view sql, const P&... params) {
    const Param list[sizeof...(P) + 1] = {to_param(params)..., Param()};
    return must_run(sql, std::span<const Param>(list, sizeof...(P)));
  }
  // What a failed `must` ends with.
  static Error unmet() {
    Error error = internal_error("a condition of a transaction does not hold");
    error.code = "sql_unmet";
    return error;
  }

  // Of a write: locks the rows that a SELECT finds until the transaction ends. Nobody else changes
  // or locks them meanwhile, or adds rows that refer to them; whoever was first is waited for, in
  // turn, and what he did is seen by the next statement. An engine that has one writer at a time
  // does nothing.
  virtual Result<void> lock_run(std::string_view, std::span<const Param>) { return {}; }
  template <class... P>
  Result<void> lock(std::string_view sql, const P&... params) {
    const Param list[sizeof...(P) + 1] = {to_param(params)..., Param()};
    return lock_run(sql, std::span<const Param>(list, sizeof...(P)));
  }

  // Tells that the function will run this very statement soon: an engine may send it along with the
  // next one and keep the answer, which saves a round trip. Only for what is wanted in any case in
  // which the function succeeds, for it may run at once. See Ahead.
  virtual void foresee(std::string_view, std::span<const Param>) {}

  // Of a write: everything was posted or foreseen, and only foreseen statements will be run from
  // here on, none of which decides about success. An engine may send the commit along with them,
  // which saves a round trip; an error that the function makes up itself undoes nothing then.
  virtual void conclude() {}

  // The first row, mapped; nullopt if there is none.
  template <class Map, class... P>
  auto one(std::string_view sql, Map map, const P&... params)
      -> Result<std::optional<std::invoke_result_t<Map, const Row&>>> {
    std::optional<std::invoke_result_t<Map, const Row&>> found;
    const Param list[sizeof...(P) + 1] = {to_param(params)..., Param()};
    auto done = run(sql, std::span<const Param>(list, sizeof...(P)), [&](const Row& row) {
      found.emplace(map(row));
      return false;
    });
    if (!done) return tl::unexpected(std::move(done.error()));
    return found;
  }

  // All rows, mapped.
  template <class Map, class... P>
  auto all(std::string_view sql, Map map, const P&... params)
      -> Result<std::vector<std::invoke_result_t<Map, const Row&>>> {
    std::vector<std::invoke_result_t<Map, const Row&>> rows;
    const Param list[sizeof...(P) + 1] = {to_param(params)..., Param()};
    auto done = run(sql, std::span<const Param>(list, sizeof...(P)), [&](const Row& row) {
      rows.push_back(map(row));
      return true;
    });
    if (!done) return tl::unexpected(std::move(done.error()));
    return rows;
  }
};

// A connection inside a write transaction. Repository functions that change rows take a
// Transaction&, so that they cannot be called outside one. Forwards to the connection it was made
// from.
class Transaction final : public Connection {
 public:
  explicit Transaction(Connection& connection) : connection_(connection) {}
  Result<std::int64_t> run(std::string_view sql, std::span<const Param> params,
                           const std::function<bool(const Row&)>& on_row) override {
    return connection_.run(sql, params, on_row);
  }
  Result<void> post_run(std::string_view sql, std::span<const Param> params) override {
    return connection_.post_run(sql, params);
  }
  Result<void> must_run(std::string_view sql, std::span<const Param> params) override {
    return connection_.must_run(sql, params);
  }
  Result<void> lock_run(std::string_view sql, std::span<const Param> params) override {
    return connection_.lock_run(sql, params);
  }
  void foresee(std::string_view sql, std::span<const Param> params) override {
    connection_.foresee(sql, params);
  }
  void conclude() override { connection_.conclude(); }

 private:
  Connection& connection_;
};

// Foresees what repository functions run: they are called with this first, their results ignored
// (there are no rows), and then in earnest.
class Ahead final : public Connection {
 public:
  explicit Ahead(Connection& connection) : connection_(connection) {}
  Result<std::int64_t> run(std::string_view sql, std::span<const Param> params,
                           const std::function<bool(const Row&)>&) override {
    connection_.foresee(sql, params);
    return 0;
  }

 private:
  Connection& connection_;
};

}  // namespace mytoken::sql
