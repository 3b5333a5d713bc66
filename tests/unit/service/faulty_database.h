// A database that refuses what a test names: every write whose statements contain a given text
// fails before that statement runs, as a full disk or a lost connection would make it fail.
// Thread-safe.
#pragma once
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "sql/database.h"

namespace mytoken::test {

class FaultyDatabase final : public sql::Database {
 public:
  explicit FaultyDatabase(std::unique_ptr<sql::Database> inner) : inner_(std::move(inner)) {}

  // "" = everything works. The next `times` statements with `text` fail; afterwards all work again.
  void refuse(std::string text, int times = 1'000'000) {
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
    left_ = times;
  }
  // The next statement with `text` fails, and with it the whole write by an exception.
  void explode_at(std::string text) {
    const std::lock_guard lock(mutex_);
    explosive_ = std::move(text);
  }
  int refused() const {
    const std::lock_guard lock(mutex_);
    return refused_;
  }

  bool write_later(std::function<Result<void>(sql::Transaction&)> work) override {
    return inner_->write_later(std::move(work));
  }
  Task<void> flush() override { return inner_->flush(); }
  Result<void> migrate(const std::vector<sql::Migration>& migrations) override {
    return inner_->migrate(migrations);
  }
  Result<void> read_now(const std::function<Result<void>(sql::Connection&)>& work) override {
    return inner_->read_now(work);
  }
  Result<void> write_now(const std::function<Result<void>(sql::Transaction&)>& work) override {
    return inner_->write_now(work);
  }

 protected:
  Task<Result<void>> read_erased(std::function<Result<void>(sql::Connection&)> work) override {
    co_return co_await inner_->read(std::move(work));
  }
  Task<Result<void>> write_erased(std::function<Result<void>(sql::Transaction&)> work) override {
    bool exploded = false;
    std::function<Result<void>(sql::Transaction&)> watched =
        [this, &work, &exploded](sql::Transaction& transaction) {
          Watched connection(*this, transaction);
          sql::Transaction inner(connection);
          auto result = work(inner);
          exploded = connection.exploded;
          return result;
        };
    auto result = co_await inner_->write(std::move(watched));
    if (exploded) throw std::runtime_error("exploded for the test");
    co_return result;
  }

 private:
  class Watched final : public sql::Connection {
   public:
    Watched(FaultyDatabase& owner, sql::Connection& inner) : owner_(owner), inner_(inner) {}
    Result<std::int64_t> run(std::string_view sql, std::span<const sql::Param> params,
                             const std::function<bool(const sql::Row&)>& on_row) override {
      if (owner_.explodes(sql)) {
        exploded = true;
        return fail(internal_error("exploding"));
      }
      if (owner_.refuses(sql)) return fail(unavailable("refused by the test"));
      return inner_.run(sql, params, on_row);
    }
    Result<void> lock_run(std::string_view sql, std::span<const sql::Param> params) override {
      return inner_.lock_run(sql, params);
    }

    bool exploded = false;

   private:
    FaultyDatabase& owner_;
    sql::Connection& inner_;
  };

  bool refuses(std::string_view sql) {
    const std::lock_guard lock(mutex_);
    if (text_.empty() || left_ <= 0 || sql.find(text_) == std::string_view::npos) return false;
    --left_;
    ++refused_;
    return true;
  }

  bool explodes(std::string_view sql) {
    const std::lock_guard lock(mutex_);
    if (explosive_.empty() || sql.find(explosive_) == std::string_view::npos) return false;
    explosive_.clear();
    return true;
  }

  std::unique_ptr<sql::Database> inner_;
  mutable std::mutex mutex_;
  std::string text_;
  std::string explosive_;
  int left_ = 0;
  int refused_ = 0;
};

}  // namespace mytoken::test
