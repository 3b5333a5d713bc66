// One connection to PostgreSQL under RAII: connecting, kept statements, transactions, deadlines.
// Everything travels in libpq's pipeline mode, so that BEGIN, a first use (Parse) and posted
// changes go along with the statement whose answer is waited for. Private to the PostgreSQL driver
// (postgres*.cpp).
#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sql/postgres.h"
#include "sql/postgres_result.h"

namespace mytoken::sql {

// Not thread-safe: one thread at a time.
class PostgresConnection final : public Connection {
 public:
  enum class Mode {
    none,    // run() is refused
    single,  // one statement, no transaction; a second one is refused and needs_snapshot() is true
             // from then on
    snapshot,  // REPEATABLE READ, read-only
    change,    // READ COMMITTED
  };

  // Blocks for the connect time-out per host at most. Errors: unavailable whose cause is one line,
  // without the password.
  static Result<std::unique_ptr<PostgresConnection>> open(const PostgresOptions& options);
  ~PostgresConnection() override;
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;

  // sql/connection.h. Besides: 503 if the server is lost or answers too late; invalid_request for
  // text that PostgreSQL cannot store (NUL, no UTF-8); `sql_retry` also for a violated foreign key.
  // `on_row` may run statements itself.
  Result<std::int64_t> run(std::string_view sql, std::span<const Param> params,
                           const std::function<bool(const Row&)>& on_row) override;
  Result<void> post_run(std::string_view sql, std::span<const Param> params) override;
  Result<void> must_run(std::string_view sql, std::span<const Param> params) override;
  Result<void> lock_run(std::string_view sql, std::span<const Param> params) override;
  void foresee(std::string_view sql, std::span<const Param> params) override;
  void conclude() override;

  // Sends nothing: the transaction begins with its first statement.
  void begin(Mode mode);
  bool needs_snapshot() const { return needs_snapshot_; }
  // Ends a snapshot or single read. The end of the transaction is sent along with the next
  // statement, or by end_leftover().
  void end_read();
  void end_leftover();
  bool has_leftover() const { return leftover_; }
  // Errors: what a posted change met; `sql_retry`; 503 whose cause says that the outcome is
  // unknown.
  Result<void> commit();
  void rollback();

  // A statement of a migration or a setting, in or outside of begin(); no parameters, nothing kept.
  Result<void> control(std::string_view sql);

  // The connection is of no use any more.
  bool lost() const { return lost_; }
  // It was given up because the server did not answer in time.
  bool timed_out() const { return timed_out_; }
  // It was lost before a commit was sent: what ran on it left no trace and may run again.
  bool may_repeat() const { return lost_ && !commit_sent_; }
  // That somebody waited for.
  std::uint64_t round_trips() const { return round_trips_; }

 private:
  struct Kept {
    std::string key;   // text and kinds of parameters
    std::string name;  // on the server
    std::size_t parameters = 0;
  };
  struct Sent {
    enum Kind { prepare, statement, other } kind;
    std::string name;  // of a kept statement
    std::string call;  // text and values of a foreseen one, "" of others
  };
  struct Foreseen {
    std::string call;
    ResultPointer result;
  };
  struct Close {
    void operator()(PGconn* handle) const { PQfinish(handle); }
  };

  PostgresConnection(PGconn* handle, std::chrono::milliseconds patience);
  Result<void> send(std::string_view sql, std::span<const Param> params);
  Result<const Kept*> keep(std::string_view sql, std::span<const Param> params);
  Result<void> send_text(const char* sql);
  void forget(const std::string& name);
  // Sends what is queued and waits for all answers. Result: the last statement's. Error: the first.
  Result<ResultPointer> exchange();
  bool wait_for_input(std::chrono::steady_clock::time_point deadline);
  // The answer to a foreseen statement, fetched if need be; nullptr: it was not foreseen.
  Result<ResultPointer> take_foreseen(std::string_view sql, std::span<const Param> params);
  void forget_foreseen();
  // Sends what is queued, the COMMIT at its end, and says what became of it.
  Result<void> exchange_with_commit();
  Error lose(const std::string& why);
  Error note(const PGresult* result, const Sent* sent);

  std::unique_ptr<PGconn, Close> handle_;
  const std::chrono::milliseconds patience_;
  std::list<Kept> kept_;  // last used first
  std::unordered_map<std::string_view, std::list<Kept>::iterator> by_key_;
  std::uint64_t last_name_ = 0;
  std::vector<std::string> to_deallocate_;
  std::deque<Sent> sent_;           // answers that are to come
  std::vector<Foreseen> foreseen_;  // answers that nobody has asked for yet
  Mode mode_ = Mode::none;
  bool begun_ = false;     // the server is in the transaction of mode_
  bool leftover_ = false;  // the server is in the transaction of a read that has ended
  bool used_ = false;      // mode single: had its statement
  bool needs_snapshot_ = false;
  bool failed_ = false;       // a statement of this transaction failed
  bool concluded_ = false;    // COMMIT is queued behind what was foreseen
  bool commit_sent_ = false;  // on its way, or its outcome unknown
  bool lost_ = false;
  bool timed_out_ = false;
  bool warned_ = false;  // the server sent a warning in this exchange
  std::uint64_t round_trips_ = 0;
};

}  // namespace mytoken::sql
