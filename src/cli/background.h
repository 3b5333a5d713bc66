// One piece of work at a time in a thread of its own, for loops that must stay awake for signals
// while a request runs.
#pragma once
#include <functional>
#include <thread>

namespace mytoken::cli {

class Background {
 public:
  Background();
  ~Background();  // waits for the work
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // Not while is_running().
  void start(std::function<void()> work);
  bool is_running() const { return worker_.joinable(); }
  // Readable once the work is done; what it wrote may be read after finish().
  int descriptor() const { return done_; }
  void finish();

 private:
  std::thread worker_;
  int done_ = -1;
};

}  // namespace mytoken::cli
