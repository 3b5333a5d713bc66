// A thread and an eventfd.
#include "cli/background.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace mytoken::cli {

Background::Background() : done_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Background::~Background() {
  if (is_running()) finish();
  ::close(done_);
}

void Background::start(std::function<void()> work) {
  worker_ = std::thread([this, work = std::move(work)] {
    work();
    const std::uint64_t one = 1;
    // An eventfd that counts to one never refuses.
    (void)!::write(done_, &one, sizeof one);
  });
}

void Background::finish() {
  worker_.join();
  std::uint64_t count = 0;
  (void)!::read(done_, &count, sizeof count);
}

}  // namespace mytoken::cli
