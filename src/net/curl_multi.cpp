// The event loop side of the HTTP client: curl says what to watch, asio says what is ready.
#include "net/curl_multi.h"

#include <algorithm>

namespace mytoken::net {

namespace {

constexpr std::size_t max_active_per_peer = 4096;
constexpr std::size_t max_active_unreached = 32;
constexpr long max_kept_connections = 4096;

}  // namespace

// A socket of curl's. The descriptor is lent: curl closes it.
struct Multi::Watch {
  Watch(const Executor& executor, curl_socket_t fd) : socket(fd), descriptor(executor) {
    boost::system::error_code ignored;
    descriptor.assign(fd, ignored);
  }
  ~Watch() { close(); }
  void close() {
    if (open) descriptor.release();
    open = false;
  }
  curl_socket_t socket;
  asio::posix::basic_stream_descriptor<Executor> descriptor;
  int wanted = 0;
  bool reading = false;
  bool writing = false;
  bool open = true;
};

Multi::Multi(asio::io_context& context)
    : executor_(context.get_executor()),
      timer_(std::in_place, executor_),
      multi_(curl_multi_init()) {
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Multi::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Multi::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, max_kept_connections);
}

Multi::~Multi() {
  shut_down();
}

void Multi::shut_down() {
  if (multi_ == nullptr) return;
  CURLM* const multi = std::exchange(multi_, nullptr);
  for (auto& [transfer, owner] : running_) {
    curl_multi_remove_handle(multi, transfer->easy());
    transfer->conclude(CURLE_ABORTED_BY_CALLBACK, "shut down");
    transfer->running = false;
    transfer->finished = true;
  }
  curl_multi_cleanup(multi);
  timer_.reset();
  watches_.clear();
  // Transfers own timers of their callers: let them go only after our own state is consistent.
  auto running = std::exchange(running_, {});
  auto peers = std::exchange(peers_, {});
  standing_ = 0;
}

void Multi::start(std::shared_ptr<Transfer> transfer) {
  if (multi_ == nullptr) {
    transfer->conclude(CURLE_ABORTED_BY_CALLBACK, "shut down");
    transfer->finished = true;
    return;
  }
  const auto peer = peers_.try_emplace(transfer->peer()).first;
  transfer->waiting = true;
  transfer->place = peer->second.line.insert(peer->second.line.end(), transfer);
  ++standing_;
  admit(peer);
}

Multi::Peers::iterator Multi::admit(Peers::iterator place) {
  Peer& peer = place->second;
  while (!peer.line.empty() &&
         peer.active < (peer.reached ? max_active_per_peer : max_active_unreached)) {
    const std::shared_ptr<Transfer> next = std::move(peer.line.front());
    peer.line.pop_front();
    --standing_;
    next->waiting = false;
    launch(next, peer);
  }
  return peer.active == 0 && peer.line.empty() ? peers_.erase(place) : std::next(place);
}

void Multi::launch(const std::shared_ptr<Transfer>& transfer, Peer& peer) {
  transfer->peer_reached = &peer.reached;
  if (!transfer->prepare()) {
    transfer->finished = true;
    transfer->deadline.cancel();
    return;
  }
  const CURLMcode added = curl_multi_add_handle(multi_, transfer->easy());
  if (added != CURLM_OK) {
    transfer->conclude(CURLE_FAILED_INIT, curl_multi_strerror(added));
    transfer->finished = true;
    transfer->deadline.cancel();
    return;
  }
  ++peer.active;
  transfer->running = true;
  running_.emplace(transfer.get(), transfer);
}

void Multi::finish(Transfer& transfer, CURLcode code, std::string_view problem) {
  const auto found = running_.find(&transfer);
  if (found == running_.end()) return;
  const std::shared_ptr<Transfer> owner = std::move(found->second);
  running_.erase(found);
  curl_multi_remove_handle(multi_, transfer.easy());
  transfer.conclude(code, problem);
  transfer.running = false;
  transfer.finished = true;
  transfer.deadline.cancel();
  const auto peer = peers_.find(transfer.peer());  // exists as long as it has active calls
  --peer->second.active;
  admit(peer);
}

void Multi::abandon(Transfer& transfer, std::string_view problem) {
  if (transfer.finished || multi_ == nullptr) return;
  if (transfer.running) {
    finish(transfer, CURLE_ABORTED_BY_CALLBACK, problem);
    return;
  }
  if (!transfer.waiting) return;
  const auto peer = peers_.find(transfer.peer());
  const std::shared_ptr<Transfer> owner = std::move(*transfer.place);
  peer->second.line.erase(transfer.place);
  --standing_;
  transfer.waiting = false;
  transfer.conclude(CURLE_ABORTED_BY_CALLBACK, problem);
  transfer.finished = true;
  admit(peer);
}

void Multi::act(curl_socket_t socket, int events) {
  int running = 0;
  curl_multi_socket_action(multi_, socket, events, &running);
}

void Multi::collect() {
  int left = 0;
  while (multi_ != nullptr) {
    const CURLMsg* message = curl_multi_info_read(multi_, &left);
    if (message == nullptr) break;
    if (message->msg != CURLMSG_DONE) continue;
    char* transfer = nullptr;
    const CURLcode code = message->data.result;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    finish(*reinterpret_cast<Transfer*>(transfer), code, {});
  }
  // A peer may have been reached just now.
  if (standing_ == 0 || multi_ == nullptr) return;
  for (auto peer = peers_.begin(); peer != peers_.end();)
    peer = admit(peer);
}

int Multi::on_socket(CURL*, curl_socket_t socket, int what, void* self, void* known) {
  static_cast<Multi*>(self)->watch(socket, what, static_cast<Watch*>(known));
  return 0;
}

void Multi::watch(curl_socket_t socket, int what, Watch* known) {
  if (what == CURL_POLL_REMOVE) {
    if (known != nullptr) known->close();
    watches_.erase(socket);
    return;
  }
  if (multi_ == nullptr) return;
  std::shared_ptr<Watch>& watch = watches_[socket];
  if (known == nullptr) {
    watch = std::make_shared<Watch>(executor_, socket);
    curl_multi_assign(multi_, socket, watch.get());
  }
  watch->wanted = what;
  wait(watch);
}

void Multi::wait(const std::shared_ptr<Watch>& watch) {
  const auto ready = [this](const std::shared_ptr<Watch>& source, int poll, int event) {
    if (!source->open || multi_ == nullptr) return;
    if ((source->wanted & poll) != 0) {
      act(source->socket, event);
      collect();
    }
    if (source->open) wait(source);
  };
  if ((watch->wanted & CURL_POLL_IN) != 0 && !watch->reading) {
    watch->reading = true;
    watch->descriptor.async_wait(
        asio::posix::descriptor_base::wait_read,
        [self = weak_from_this(), watch, ready](const boost::system::error_code& error) {
          watch->reading = false;
          const std::shared_ptr<Multi> alive = self.lock();
          if (alive && !error) ready(watch, CURL_POLL_IN, CURL_CSELECT_IN);
        });
  }
  if ((watch->wanted & CURL_POLL_OUT) != 0 && !watch->writing) {
    watch->writing = true;
    watch->descriptor.async_wait(
        asio::posix::descriptor_base::wait_write,
        [self = weak_from_this(), watch, ready](const boost::system::error_code& error) {
          watch->writing = false;
          const std::shared_ptr<Multi> alive = self.lock();
          if (alive && !error) ready(watch, CURL_POLL_OUT, CURL_CSELECT_OUT);
        });
  }
}

int Multi::on_timer(CURLM*, long milliseconds, void* self) {
  static_cast<Multi*>(self)->set_timer(milliseconds);
  return 0;
}

void Multi::set_timer(long milliseconds) {
  if (milliseconds < 0 || multi_ == nullptr) {
    if (timer_) timer_->cancel();
    return;
  }
  timer_->expires_after(std::chrono::milliseconds(milliseconds));
  timer_->async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const std::shared_ptr<Multi> self = weak.lock();
    if (error || !self || self->multi_ == nullptr) return;
    self->act(CURL_SOCKET_TIMEOUT, 0);
    self->collect();
  });
}

asio::execution_context::id MultiService::id;

void MultiService::shutdown() {
  for (const std::weak_ptr<Multi>& weak : multis_) {
    if (const std::shared_ptr<Multi> multi = weak.lock()) multi->shut_down();
  }
  multis_.clear();
}

}  // namespace mytoken::net
