// Listening sockets that outlive a process: given by a supervisor (systemd's socket activation), or
// by the server that this one follows. The latter waits on a local socket (server.handover); who
// connects gets its listening sockets, so that the kernel never closes them and no connection is
// refused or reset, and tells it to end when it serves itself.
//
//   successor connects
//   server sends     "mytoken-handover-1 <number of sockets> <of which are of the health check>\n"
//                    with the sockets (SCM_RIGHTS), the health check's last
//   successor sends  "end\n"
//   server           leaves waiting connections to the successor, drains, ends; that closes the
//                    connection
//
// A successor that goes away without "end" changes nothing. Only processes of the same user are
// listened to.
#pragma once
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/config_source.h"
#include "base/error.h"

namespace mytoken::app {

// Descriptors; who gets them closes them.
struct ListeningSockets {
  std::vector<int> http;
  std::vector<int> health;
};

// What systemd passes (sd_listen_fds(3)): LISTEN_FDS descriptors from 3 on if LISTEN_PID is this
// process; those that LISTEN_FDNAMES calls "health" are the health check's. Empty: none. Error:
// more than 200 or no number.
Result<ListeningSockets> sockets_of_supervisor(const Environment& environment);

// A former server's sockets, and the way to tell it to end. Not thread-safe.
class Predecessor {
 public:
  // nullopt: nobody waits at `path`. Error: somebody does and does not speak the protocol.
  static Result<std::optional<Predecessor>> ask(const std::string& path);
  Predecessor(Predecessor&& other) noexcept;
  Predecessor& operator=(Predecessor&&) = delete;
  ~Predecessor();  // closes sockets that were not taken

  std::vector<int> take_http() { return std::exchange(sockets_.http, {}); }
  std::vector<int> take_health() { return std::exchange(sockets_.health, {}); }
  void end();
  // Until it has ended. False: not within the limit.
  bool wait(std::chrono::milliseconds limit);

 private:
  explicit Predecessor(int connection) : connection_(connection) {}
  int connection_;
  ListeningSockets sockets_;
};

// Where a running server waits for its successor. Runs on `context`, whose thread alone touches it.
class Handover {
 public:
  // `sockets`: to be sent, called for each successor. `end`: called once, when one says so.
  // Replaces what is at `path`. Error: it cannot be made there.
  static Result<std::unique_ptr<Handover>> listen(boost::asio::io_context& context,
                                                  const std::string& path,
                                                  std::function<ListeningSockets()> sockets,
                                                  std::function<void()> end);
  ~Handover();
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;

  // Nobody is served any more, and `path` is removed unless a successor has replaced it. The
  // connection that said "end" stays open as long as this object.
  void close();

 private:
  struct Impl;
  explicit Handover(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

// Tells systemd about the state (sd_notify(3)): "READY=1", "STOPPING=1". Without $NOTIFY_SOCKET
// nothing happens.
void notify_supervisor(const Environment& environment, const std::string& state);

}  // namespace mytoken::app
