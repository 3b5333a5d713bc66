// The turn of one lease among those of a source, within this process.
#pragma once
#include <mytoken/token_source.h>

#include <condition_variable>
#include <mutex>

namespace mytoken::client {

struct MemoryTokenSource::State {
  std::mutex mutex;
  std::condition_variable_any released;
  bool is_leased = false;
  // The rest belongs to whoever has the turn.
  Secret token;
  OnRotation on_rotation;                    // empty: kept in memory, which is what was wanted
  std::function<Outcome<Secret>()> on_read;  // empty: the token is in memory

  // Errors timeout, cancelled.
  Outcome<void> take_turn(const Call& call);
  void end_turn();
};

// Has the turn, which take_turn() got, until it ends.
class MemoryLease final : public TokenLease {
 public:
  explicit MemoryLease(std::shared_ptr<MemoryTokenSource::State> state)
      : state_(std::move(state)) {}
  ~MemoryLease() override { state_->end_turn(); }
  const Secret& token() const override { return state_->token; }
  Outcome<void> commit(const Secret& successor) override;
  void refresh() override;

 private:
  std::shared_ptr<MemoryTokenSource::State> state_;
};

}  // namespace mytoken::client
