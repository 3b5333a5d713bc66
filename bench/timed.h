// What one request at a time spends in which step: wrappers around the database and the HTTP client
// of a server that note when each call begins and ends. Not thread-safe: one request, one thread.
#pragma once
#include <chrono>
#include <functional>
#include <utility>

#include "net/http_client.h"
#include "sql/database.h"

namespace mytoken::bench {

// Times of the request of the moment, added up by step (docs/architecture.md).
struct Steps {
  using Clock = std::chrono::steady_clock;
  std::chrono::nanoseconds read{0};
  std::chrono::nanoseconds reserve{0};  // all tries, until the lease is ours
  std::chrono::nanoseconds provider{0};
  std::chrono::nanoseconds settle{0};  // with the successor of the refresh token, if there is one
  int reserve_tries = 0;
  bool asked = false;  // the provider
};

class TimedDatabase final : public sql::Database {
 public:
  TimedDatabase(sql::Database& inner, Steps& steps) : inner_(inner), steps_(steps) {}

  bool write_later(std::function<Result<void>(sql::Transaction&)> work) override {
    return inner_.write_later(std::move(work));
  }
  Task<void> flush() override { return inner_.flush(); }
  Result<void> migrate(const std::vector<sql::Migration>& migrations) override {
    return inner_.migrate(migrations);
  }
  Result<void> read_now(const std::function<Result<void>(sql::Connection&)>& work) override {
    return inner_.read_now(work);
  }
  Result<void> write_now(const std::function<Result<void>(sql::Transaction&)>& work) override {
    return inner_.write_now(work);
  }

 protected:
  // The engine tells functions apart by their type, so they are handed on as they are.
  struct Inner : sql::Database {
    using Database::read_erased;
    using Database::write_erased;
  };
  Task<Result<void>> read_erased(std::function<Result<void>(sql::Connection&)> work) override {
    const auto begin = Steps::Clock::now();
    auto done = co_await (inner_.*&Inner::read_erased)(std::move(work));
    steps_.read += Steps::Clock::now() - begin;
    co_return done;
  }
  Task<Result<void>> write_erased(std::function<Result<void>(sql::Transaction&)> work) override {
    const auto begin = Steps::Clock::now();
    auto done = co_await (inner_.*&Inner::write_erased)(std::move(work));
    const auto took = Steps::Clock::now() - begin;
    if (steps_.asked) {
      steps_.settle += took;
    } else {
      steps_.reserve += took;
      ++steps_.reserve_tries;
    }
    co_return done;
  }

 private:
  sql::Database& inner_;
  Steps& steps_;
};

class TimedClient final : public net::HttpClient {
 public:
  TimedClient(net::HttpClient& inner, Steps& steps) : inner_(inner), steps_(steps) {}
  Task<net::HttpResponse> send(net::HttpRequest request) override {
    const auto begin = Steps::Clock::now();
    auto response = co_await inner_.send(std::move(request));
    steps_.provider += Steps::Clock::now() - begin;
    steps_.asked = true;
    co_return response;
  }

 private:
  net::HttpClient& inner_;
  Steps& steps_;
};

}  // namespace mytoken::bench
