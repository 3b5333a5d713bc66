// The sources without a file: they differ in where the token is read and where its successor goes.
#include <mytoken/keyring.h>

#include <cstdlib>

#include "client/file_lock.h"
#include "client/lease_turn.h"
#include "client/reading.h"

namespace mytoken::client {
namespace {

Failure lost(std::string why) {
  return failure(ErrorKind::token_source, std::move(why), token_lost);
}

}  // namespace

TokenLease::~TokenLease() = default;
void TokenLease::refresh() {}
TokenSource::~TokenSource() = default;

Outcome<void> MemoryTokenSource::State::take_turn(const Call& call) {
  std::unique_lock lock(mutex);
  if (!released.wait_until(lock, call.stop, end_of_waiting(call), [this] { return !is_leased; })) {
    if (call.stop.stop_requested()) return failure(ErrorKind::cancelled, "interrupted");
    return failure(ErrorKind::timeout, "the mytoken is in use");
  }
  is_leased = true;
  return {};
}

void MemoryTokenSource::State::end_turn() {
  const std::lock_guard lock(mutex);
  is_leased = false;
  released.notify_one();
}

Outcome<void> MemoryLease::commit(const Secret& successor) {
  state_->token = successor;
  if (!state_->on_rotation) return {};
  try {
    return state_->on_rotation(successor);
  } catch (const std::exception& problem) {
    return lost(std::string("the program could not store the rotated mytoken: ") + problem.what());
  } catch (...) {
    return lost("the program could not store the rotated mytoken");
  }
}

void MemoryLease::refresh() {
  if (!state_->on_read) return;
  if (auto token = state_->on_read(); token && !token->empty()) state_->token = std::move(*token);
}

MemoryTokenSource::MemoryTokenSource(Secret token, OnRotation on_rotation)
    : state_(std::make_shared<State>()) {
  state_->token = std::move(token);
  state_->on_rotation = std::move(on_rotation);
}
MemoryTokenSource::~MemoryTokenSource() = default;

Outcome<std::unique_ptr<TokenLease>> MemoryTokenSource::acquire(const Call& call) {
  if (auto turn = state_->take_turn(call); !turn) return failure(std::move(turn.error()));
  return std::make_unique<MemoryLease>(state_);
}

EnvironmentTokenSource::EnvironmentTokenSource(std::string name)
    : name_(std::move(name)), state_(std::make_shared<MemoryTokenSource::State>()) {
  state_->on_rotation = [variable = name_](const Secret&) -> Outcome<void> {
    return lost("the rotated mytoken cannot be put back into the variable " + variable);
  };
}
EnvironmentTokenSource::~EnvironmentTokenSource() = default;

Outcome<std::unique_ptr<TokenLease>> EnvironmentTokenSource::acquire(const Call& call) {
  if (auto turn = state_->take_turn(call); !turn) return failure(std::move(turn.error()));
  auto lease = std::make_unique<MemoryLease>(state_);
  if (state_->token.empty()) {
    const char* value = std::getenv(name_.c_str());
    state_->token = Secret(std::string(trimmed(value ? value : "")));
  }
  if (state_->token.empty()) {
    return failure(ErrorKind::token_source, "the variable " + name_ + " holds no mytoken",
                   no_token);
  }
  return lease;
}

CallbackTokenSource::CallbackTokenSource(Read read, Store store)
    : read_(std::move(read)), state_(std::make_shared<MemoryTokenSource::State>()) {
  state_->on_rotation = std::move(store);
  if (!state_->on_rotation) {
    state_->on_rotation = [](const Secret&) -> Outcome<void> {
      return lost("the program has no place for the rotated mytoken");
    };
  }
  state_->on_read = read_;
}
CallbackTokenSource::~CallbackTokenSource() = default;

Outcome<std::unique_ptr<TokenLease>> CallbackTokenSource::acquire(const Call& call) {
  if (auto turn = state_->take_turn(call); !turn) return failure(std::move(turn.error()));
  auto lease = std::make_unique<MemoryLease>(state_);
  auto token = read_();
  if (!token) return failure(std::move(token.error()));
  if (token->empty())
    return failure(ErrorKind::token_source, "the program has no mytoken", no_token);
  state_->token = std::move(*token);
  return lease;
}

ChainTokenSource::ChainTokenSource(std::vector<std::shared_ptr<TokenSource>> sources)
    : sources_(std::move(sources)) {}
ChainTokenSource::~ChainTokenSource() = default;

Outcome<std::unique_ptr<TokenLease>> ChainTokenSource::acquire(const Call& call) {
  for (const auto& source : sources_) {
    auto lease = source->acquire(call);
    if (lease || (lease.error().code != no_token && lease.error().code != no_keyring)) return lease;
  }
  return failure(ErrorKind::token_source, "none of the places for a mytoken holds one", no_token);
}

}  // namespace mytoken::client
