// One libcurl multi handle on one io_context: sockets and the timer of curl become waits of asio.
// Calls to one peer beyond a limit stand in line, and a peer that was not reached yet is tried by
// few calls only (each unresolved name costs curl a thread), so thousands of calls at once stay
// cheap.
#pragma once
#include <boost/asio/execution_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "net/curl_transfer.h"

namespace mytoken::net {

// Used on the thread that runs the io_context only (one thread per io_context,
// docs/architecture.md).
class Multi : public std::enable_shared_from_this<Multi> {
 public:
  explicit Multi(asio::io_context& context);
  ~Multi();
  Multi(const Multi&) = delete;
  Multi& operator=(const Multi&) = delete;

  // Runs `transfer`; when it is finished, `finished` is set and its timer is cancelled.
  void start(std::shared_ptr<Transfer> transfer);
  // Ends a call before its time; nothing happens if it is finished.
  void abandon(Transfer& transfer, std::string_view problem);
  // Ends everything without telling the callers. For the destruction of the io_context or of the
  // client.
  void shut_down();
  bool is_shut_down() const { return multi_ == nullptr; }

 private:
  struct Watch;
  struct Peer {
    std::size_t active = 0;
    bool reached = false;  // a connection stood since this entry exists
    std::list<std::shared_ptr<Transfer>> line;
  };

  void launch(const std::shared_ptr<Transfer>& transfer, Peer& peer);
  void finish(Transfer& transfer, CURLcode code, std::string_view problem);
  using Peers = std::map<std::string, Peer>;
  // Starts calls that stand in line, as far as the limits allow; result: the next peer.
  Peers::iterator admit(Peers::iterator peer);
  void act(curl_socket_t socket, int events);
  void collect();
  void watch(curl_socket_t socket, int what, Watch* known);
  void wait(const std::shared_ptr<Watch>& watch);
  void set_timer(long milliseconds);

  static int on_socket(CURL* easy, curl_socket_t socket, int what, void* self, void* known);
  static int on_timer(CURLM* multi, long milliseconds, void* self);

  Executor executor_;
  std::optional<SteadyTimer> timer_;  // gone after shut_down, when the io_context may be gone too
  CURLM* multi_;
  std::unordered_map<curl_socket_t, std::shared_ptr<Watch>> watches_;
  std::unordered_map<Transfer*, std::shared_ptr<Transfer>> running_;
  Peers peers_;
  std::size_t standing_ = 0;  // calls in all lines
};

// Ties the life of the multi handles to their io_context: it calls shut_down when the io_context is
// destroyed first.
class MultiService final : public asio::execution_context::service {
 public:
  static asio::execution_context::id id;
  explicit MultiService(asio::execution_context& owner) : service(owner) {}
  void add(std::weak_ptr<Multi> multi) { multis_.push_back(std::move(multi)); }

 private:
  void shutdown() override;
  std::vector<std::weak_ptr<Multi>> multis_;
};

}  // namespace mytoken::net
