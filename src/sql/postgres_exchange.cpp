// One round trip: what is queued goes out, all answers come in, within the patience of the
// connection. Waiting is by poll on the socket, because a server that is paused or gone answers
// nothing and times nothing out.
#include <poll.h>

#include <cerrno>
#include <optional>

#include "sql/postgres_connection.h"

namespace mytoken::sql {

Error PostgresConnection::lose(const std::string& why) {
  lost_ = true;
  return unavailable("postgresql: " + why);
}

Error PostgresConnection::note(const PGresult* result, const Sent* sent) {
  failed_ = true;
  Failure failure = failure_of(result);
  if (failure.read_only && mode_ == Mode::change) {
    failure.error = unavailable(failure.error.cause);  // a standby, or a primary that was one
    failure.ends_connection = true;
  }
  if (failure.ends_connection) lost_ = true;
  if (failure.forgets_statement && sent) {
    if (sent->kind == Sent::other) {
      lost_ = true;  // not even a transaction begins
    } else {
      forget(sent->name);
    }
  }
  return std::move(failure.error);
}

Result<ResultPointer> PostgresConnection::exchange() {
  const auto deadline = std::chrono::steady_clock::now() + patience_;
  ++round_trips_;
  warned_ = false;
  std::optional<Error> problem;
  ResultPointer last;
  if (PQpipelineSync(handle_.get()) == 0) {
    return fail(lose(one_line(PQerrorMessage(handle_.get()))));
  }
  for (;;) {
    if (!wait_for_input(deadline)) {
      return fail(problem && lost_ ? *problem
                                   : lose(timed_out_ ? "no answer in time"
                                                     : one_line(PQerrorMessage(handle_.get()))));
    }
    ResultPointer result(PQgetResult(handle_.get()));
    if (!result) {  // the end of one command's results
      if (PQstatus(handle_.get()) == CONNECTION_BAD) {
        if (!problem) problem = lose("the connection is lost");
        lost_ = true;
        return fail(std::move(*problem));
      }
      if (!sent_.empty()) sent_.pop_front();
      continue;
    }
    const Sent* sent = sent_.empty() ? nullptr : &sent_.front();
    switch (PQresultStatus(result.get())) {
      case PGRES_PIPELINE_SYNC:
        sent_.clear();
        if (problem) return fail(std::move(*problem));
        return last;
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
        if (sent && !sent->call.empty()) {
          foreseen_.push_back({sent->call, std::move(result)});
        } else {
          last = std::move(result);
        }
        break;
      case PGRES_EMPTY_QUERY:
        problem = internal_error("a statement text must hold exactly one statement");
        break;
      case PGRES_PIPELINE_ABORTED:
        if (sent && sent->kind == Sent::prepare) forget(sent->name);
        break;
      default:
        if (!problem) problem = note(result.get(), sent);
        if (sent && sent->kind == Sent::prepare) forget(sent->name);
    }
  }
}

bool PostgresConnection::wait_for_input(std::chrono::steady_clock::time_point deadline) {
  while (PQisBusy(handle_.get()) != 0) {
    const int unsent = PQflush(handle_.get());
    if (unsent < 0) return false;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      timed_out_ = true;
      return false;
    }
    pollfd watched{PQsocket(handle_.get()), static_cast<short>(POLLIN | (unsent ? POLLOUT : 0)), 0};
    const int ready = ::poll(&watched, 1, static_cast<int>(left.count()) + 1);
    if (ready < 0 && errno != EINTR) return false;
    // A closed connection may still have brought the server's last word.
    if (ready > 0 && PQconsumeInput(handle_.get()) == 0 && PQisBusy(handle_.get()) != 0)
      return false;
  }
  return true;
}

}  // namespace mytoken::sql
