// One thread of the server: its io_context, listening sockets and connections, and what they share
// with the others.
#pragma once
#include <atomic>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <string>
#include <vector>

#include "http/middleware.h"
#include "http/server.h"

namespace mytoken::http {

using Instant = std::chrono::steady_clock::time_point;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

// Of all threads.
struct Common {
  Common(ServerSettings given, const Router& router, Log& log_to)
      : settings(std::move(given)), log(log_to), middleware(settings, router, log_to) {}
  const ServerSettings settings;
  Log& log;
  Middleware middleware;
  std::optional<asio::ssl::context> tls;
  std::atomic<std::size_t> connections{0};
  // Connections and listening sockets; when it falls to 0 the server is drained.
  std::atomic<std::size_t> open{0};
  std::function<void()> on_drained;
  std::atomic<bool> leaves_connections{false};  // ServerSettings
};

// What the sweep sees of a connection; an element of the worker's list.
class Sweepable {
 public:
  Sweepable() = default;
  Sweepable(const Sweepable&) = delete;
  Sweepable& operator=(const Sweepable&) = delete;
  virtual ~Sweepable() { unlink(); }
  void link_after(Sweepable& other);
  void unlink();
  Sweepable* next() { return next_; }

  // Ends what takes too long. Never destroys the connection before it returns.
  virtual void sweep(Instant) {}
  // The server drains: no new request after `grace`.
  virtual void drain(Instant) {}

 private:
  Sweepable* previous_ = nullptr;
  Sweepable* next_ = nullptr;
};

// Not thread-safe: everything but `context` belongs to the thread that runs it.
class Worker {
 public:
  explicit Worker(Common& common_state);
  ~Worker();

  // Opens a socket on host:port; returns the port. Errors name the address.
  // `first`: of the threads that will share the port.
  Result<std::uint16_t> listen(const std::string& host, const std::string& port, bool first);
  // Takes over a listening socket, whatever becomes of it. Error: it is none for TCP.
  Result<asio::ip::tcp::endpoint> adopt(int descriptor);
  // Of all listening sockets; before start() or until drain().
  std::vector<int> sockets() { return descriptors_; }
  // Starts to accept and to sweep.
  void start();
  // Stops accepting; idle connections end after `grace`.
  void drain(std::chrono::milliseconds grace);
  // RFC 9110 §5.6.7 form of now, at most a second old.
  const std::string& date();
  bool draining() const { return draining_; }
  void release();  // one of common.open is gone

  Common& common;
  EncodedBodies encoded;
  Sweepable connections;  // head of the list
  asio::io_context context{1};

 private:
  // Both go on after an exception: a server that no longer accepts or ends anything looks alive.
  Task<void> accept(Acceptor& acceptor);
  Task<void> sweep();
  Task<void> accept_all(Acceptor& acceptor);
  void admit(Socket socket);
  void complain(const char* what);

  std::vector<Acceptor> acceptors_;
  std::vector<int> descriptors_;  // of them
  Timer sweep_timer_;
  Timer pause_;  // after a failed accept
  std::chrono::milliseconds interval_;
  bool draining_ = false;
  std::string date_;
  std::time_t date_second_ = 0;
};

// Serves one connection until it ends. `refused`: there are too many; its first request is answered
// 503.
Task<void> serve_plain(Worker& worker, Socket socket, bool refused);
Task<void> serve_tls(Worker& worker, Socket socket, bool refused);

}  // namespace mytoken::http
