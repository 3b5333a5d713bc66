// Statements are prepared under a name of their own for each text and combination of parameter
// kinds: a parameter's type is that of its C++ value (bigint, text, bytea) and only NULL leaves it
// to the server. Values travel in binary format.
#include "sql/postgres_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/fault.h"
#include "sql/postgres_text.h"

namespace mytoken::sql {
namespace {

constexpr std::size_t most_kept_statements = 256;
constexpr std::size_t most_parameters = 64;
constexpr Oid type_bytea = 17;
constexpr Oid type_int8 = 20;
constexpr Oid type_text = 25;

struct Bound {
  std::array<Oid, most_parameters> types{};
  std::array<const char*, most_parameters> values{};
  std::array<int, most_parameters> lengths{};
  std::array<int, most_parameters> formats{};
  std::array<std::array<char, 8>, most_parameters> numbers{};
};

Result<void> bind(std::span<const Param> params, Bound& bound) {
  for (std::size_t i = 0; i < params.size(); ++i) {
    bound.formats[i] = 1;
    auto bytes = [&](std::string_view value) {
      bound.values[i] = value.data() ? value.data() : "";
      bound.lengths[i] = static_cast<int>(value.size());
    };
    if (const auto* number = std::get_if<std::int64_t>(&params[i])) {
      const auto bits = static_cast<std::uint64_t>(*number);
      for (std::size_t k = 0; k < 8; ++k)
        bound.numbers[i][k] = static_cast<char>(bits >> (56 - 8 * k) & 0xffu);
      bound.types[i] = type_int8;
      bytes({bound.numbers[i].data(), 8});
    } else if (const auto* text = std::get_if<std::string_view>(&params[i])) {
      if (text->find('\0') != std::string_view::npos) {
        return fail(invalid_request("a text holds a NUL character, which cannot be stored"));
      }
      bound.types[i] = type_text;
      bytes(*text);
    } else if (const auto* blob = std::get_if<Blob>(&params[i])) {
      bound.types[i] = type_bytea;
      bytes(blob->bytes);
    }
  }
  return {};
}

std::string key_of(std::string_view sql, std::span<const Param> params) {
  std::string key;
  key.reserve(sql.size() + params.size() + 1);
  for (const Param& param : params)
    key += static_cast<char>('0' + param.index());
  key += ':';
  key += sql;
  return key;
}

// A statement with its values; equal for equal calls only.
std::string call_of(std::string_view sql, std::span<const Param> params) {
  std::string call = key_of(sql, params);
  for (const Param& param : params) {
    if (const auto* number = std::get_if<std::int64_t>(&param)) {
      call += std::to_string(*number) + ';';
    } else if (const auto* text = std::get_if<std::string_view>(&param)) {
      call.append(std::to_string(text->size()) + ':').append(*text);
    } else if (const auto* blob = std::get_if<Blob>(&param)) {
      call.append(std::to_string(blob->bytes.size()) + ':').append(blob->bytes);
    }
  }
  return call;
}

std::int64_t changed_rows(PGresult* result) {
  const std::string_view tag = PQcmdStatus(result);
  if (tag.starts_with("SELECT")) return 0;
  return std::strtoll(PQcmdTuples(result), nullptr, 10);
}

Error unknown_outcome(const std::string& why) {
  return unavailable("the outcome of a commit is unknown: " + why);
}

}  // namespace

void PostgresConnection::begin(Mode mode) {
  mode_ = mode;
  foreseen_.clear();
  concluded_ = commit_sent_ = false;
  used_ = needs_snapshot_ = failed_ = false;
}

void PostgresConnection::forget(const std::string& name) {
  const auto found =
      std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) { return kept.name == name; });
  if (found == kept_.end()) return;
  by_key_.erase(found->key);
  kept_.erase(found);
}

Result<const PostgresConnection::Kept*> PostgresConnection::keep(std::string_view sql,
                                                                 std::span<const Param> params) {
  std::string key = key_of(sql, params);
  if (auto found = by_key_.find(key); found != by_key_.end()) {
    kept_.splice(kept_.begin(), kept_, found->second);
    return &kept_.front();
  }
  if (!is_plain_statement(sql)) {
    return fail(internal_error("a function may run SELECT, INSERT, UPDATE and DELETE only"));
  }
  const std::size_t count = parameters_of(sql);
  if (count != params.size() || count > most_parameters) {
    return fail(internal_error("a statement with " + std::to_string(count) +
                               " parameters was given " + std::to_string(params.size())));
  }
  kept_.push_front({std::move(key), "s" + std::to_string(++last_name_), count});
  by_key_.emplace(kept_.front().key, kept_.begin());
  if (kept_.size() > most_kept_statements) {
    to_deallocate_.push_back(kept_.back().name);
    by_key_.erase(kept_.back().key);
    kept_.pop_back();
  }
  return nullptr;  // to be prepared
}

Result<void> PostgresConnection::send_text(const char* sql) {
  if (PQsendQueryParams(handle_.get(), sql, 0, nullptr, nullptr, nullptr, nullptr, 1) == 0) {
    return fail(lose(one_line(PQerrorMessage(handle_.get()))));
  }
  sent_.push_back({Sent::other, {}, {}});
  return {};
}

Result<void> PostgresConnection::send(std::string_view sql, std::span<const Param> params) {
  if (lost_) return fail(unavailable("postgresql: the connection is lost"));
  if (mode_ == Mode::none) return fail(internal_error("a statement outside of any transaction"));
  if (concluded_) return fail(internal_error("a statement after its function had concluded"));
  if (mode_ == Mode::single && (used_ || needs_snapshot_)) {
    needs_snapshot_ = true;
    Error again = unavailable("a read of several statements needs a snapshot");
    again.code = "sql_retry";
    return fail(std::move(again));
  }
  auto bound = std::make_unique<Bound>();
  if (auto fine = bind(params, *bound); !fine) return fine;
  auto kept = keep(sql, params);
  if (!kept) return fail(kept.error());
  if (leftover_) {
    if (auto sent = send_text("COMMIT"); !sent) return sent;
    leftover_ = false;
  }
  if (!begun_ && !to_deallocate_.empty()) {
    for (const std::string& name : std::exchange(to_deallocate_, {})) {
      if (auto sent = send_text(("DEALLOCATE " + name).c_str()); !sent) return sent;
    }
  }
  if (!begun_ && mode_ != Mode::single) {
    auto sent =
        send_text(mode_ == Mode::change ? "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
                                        : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    if (!sent) return sent;
    begun_ = true;
  }
  used_ = true;
  const Kept& statement = kept_.front();
  const int count = static_cast<int>(params.size());
  int sent = 1;
  if (!*kept) {
    sent = PQsendPrepare(handle_.get(), statement.name.c_str(), std::string(sql).c_str(), count,
                         bound->types.data());
    sent_.push_back({Sent::prepare, statement.name, {}});
  }
  if (sent != 0) {
    sent = PQsendQueryPrepared(handle_.get(), statement.name.c_str(), count, bound->values.data(),
                               bound->lengths.data(), bound->formats.data(), 1);
    sent_.push_back({Sent::statement, statement.name, {}});
  }
  if (sent == 0) return fail(lose(one_line(PQerrorMessage(handle_.get()))));
  return {};
}

Result<std::int64_t> PostgresConnection::run(std::string_view sql, std::span<const Param> params,
                                             const std::function<bool(const Row&)>& on_row) {
  auto result = take_foreseen(sql, params);
  if (result && !*result) {
    if (auto sent = send(sql, params); !sent) return fail(sent.error());
    result = exchange();
  }
  if (!result) return fail(result.error());
  if (on_row && PQresultStatus(result->get()) == PGRES_TUPLES_OK) {
    const int rows = PQntuples(result->get());
    for (int i = 0; i < rows; ++i) {
      if (!on_row(PostgresRow(result->get(), i))) break;
    }
  }
  return changed_rows(result->get());
}

Result<void> PostgresConnection::post_run(std::string_view sql, std::span<const Param> params) {
  if (mode_ != Mode::change) return fail(internal_error("a change outside of a write"));
  return send(sql, params);
}

// Divides by the number of rows, so that the server itself skips whatever was sent behind a
// condition that does not hold, a COMMIT included.
Result<void> PostgresConnection::must_run(std::string_view sql, std::span<const Param> params) {
  const bool reads = sql.starts_with("SELECT");
  return post_run(
      fmt::format("WITH q AS ({}{}) SELECT 1 / count(*) FROM q", sql, reads ? "" : " RETURNING 1"),
      params);
}

void PostgresConnection::conclude() {
  if (mode_ != Mode::change || !begun_ || lost_ || concluded_) return;
  // A failure to send is met again by who waits for the answers.
  concluded_ = send_text("COMMIT").has_value();
}

Result<void> PostgresConnection::lock_run(std::string_view sql, std::span<const Param> params) {
  return post_run(fmt::format("{} FOR UPDATE", sql), params);
}

void PostgresConnection::foresee(std::string_view sql, std::span<const Param> params) {
  if (mode_ == Mode::single) {
    needs_snapshot_ = true;  // what is foreseen is not all that is read
    return;
  }
  // A failure is met again by the statement itself.
  if (send(sql, params)) sent_.back().call = call_of(sql, params);
}

Result<ResultPointer> PostgresConnection::take_foreseen(std::string_view sql,
                                                        std::span<const Param> params) {
  const bool waits =
      std::any_of(sent_.begin(), sent_.end(), [](const Sent& sent) { return !sent.call.empty(); });
  if (!waits && foreseen_.empty()) return ResultPointer();
  const std::string call = call_of(sql, params);
  const bool mine =
      std::any_of(sent_.begin(), sent_.end(), [&](const Sent& sent) { return sent.call == call; });
  if (mine && concluded_) {
    if (auto done = exchange_with_commit(); !done) return fail(done.error());
  } else if (mine) {
    if (auto done = exchange(); !done) return fail(done.error());
  }
  const auto found = std::find_if(foreseen_.begin(), foreseen_.end(),
                                  [&](const Foreseen& foreseen) { return foreseen.call == call; });
  if (found == foreseen_.end()) return ResultPointer();
  ResultPointer result = std::move(found->result);
  foreseen_.erase(found);
  return result;
}

// What was foreseen and never asked for must not answer somebody else.
void PostgresConnection::forget_foreseen() {
  foreseen_.clear();
  for (Sent& sent : sent_)
    sent.call.clear();
}

void PostgresConnection::end_read() {
  mode_ = Mode::none;
  forget_foreseen();
  // A read without any statement does not end what the one before it left open.
  if (std::exchange(begun_, false)) leftover_ = true;
}

void PostgresConnection::end_leftover() {
  if (!leftover_ || lost_) return;
  leftover_ = false;
  if (send_text("COMMIT")) {
    (void)exchange();
    --round_trips_;  // nobody waited for this one
  }
}

Result<void> PostgresConnection::commit() {
  mode_ = Mode::none;
  forget_foreseen();
  if (!begun_) return {};  // nothing was done, or it was committed with what was foreseen
  if (lost_) {
    begun_ = false;
    return fail(unavailable("postgresql: the connection is lost"));
  }
  if (!concluded_) {
    if (auto sent = send_text("COMMIT"); !sent) return sent;
  }
  auto done = exchange_with_commit();
  if (!done && std::exchange(begun_, false) && !lost_ && send_text("ROLLBACK")) (void)exchange();
  return done;
}

// begun_ stays true if the transaction failed and is to be rolled back.
Result<void> PostgresConnection::exchange_with_commit() {
  commit_sent_ = true;
  fault_point("before_commit");
  auto done = exchange();
  fault_point("after_commit");
  if (!done) {
    // Without a word about the commit itself nobody knows.
    if (lost_) return fail(unknown_outcome(done.error().cause));
    commit_sent_ = false;
    return fail(done.error());
  }
  begun_ = false;
  if (std::string_view(PQcmdStatus(done->get())) != "COMMIT") {
    return fail(internal_error("a statement failed and its function went on"));
  }
  // Committed here, but a time-out ended the wait for the standby: a fail-over may lose it.
  if (warned_) {
    lost_ = true;
    return fail(unknown_outcome("the server warned that it is not replicated"));
  }
  return {};
}

void PostgresConnection::rollback() {
  mode_ = Mode::none;
  forget_foreseen();
  if (!std::exchange(begun_, false) || lost_) return;
  if (!sent_.empty()) (void)exchange();  // an error among them would take the ROLLBACK with it
  if (!lost_ && send_text("ROLLBACK")) (void)exchange();
}

Result<void> PostgresConnection::control(std::string_view sql) {
  if (lost_) return fail(unavailable("postgresql: the connection is lost"));
  if (mode_ != Mode::none && !begun_) {
    auto first = one("SELECT 1", [](const Row&) { return true; });  // begins the transaction
    if (!first) return fail(first.error());
  }
  if (auto sent = send_text(std::string(sql).c_str()); !sent) return sent;
  auto done = exchange();
  if (!done) return fail(done.error());
  return {};
}

}  // namespace mytoken::sql
