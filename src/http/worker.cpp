// Accepting, sweeping and draining of one thread.
#include "http/worker.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/redirect_error.hpp>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace mytoken::http {
namespace {

using boost::system::error_code;

// Connections above the limit that get an answer (503) instead of a closed door.
constexpr std::size_t refusals = 64;
constexpr std::size_t max_last_accepts = 4096;

std::chrono::milliseconds sweep_interval(const Limits& limits) {
  const auto shortest =
      std::min({limits.request_timeout, limits.write_timeout, limits.idle_timeout});
  return std::clamp<std::chrono::milliseconds>(shortest / 4, std::chrono::milliseconds(10),
                                               std::chrono::milliseconds(1000));
}

}  // namespace

void Sweepable::link_after(Sweepable& other) {
  previous_ = &other;
  next_ = other.next_;
  if (next_) next_->previous_ = this;
  other.next_ = this;
}

void Sweepable::unlink() {
  if (previous_) previous_->next_ = next_;
  if (next_) next_->previous_ = previous_;
  previous_ = next_ = nullptr;
}

Worker::Worker(Common& common_state)
    : common(common_state),
      sweep_timer_(context.get_executor()),
      pause_(context.get_executor()),
      interval_(sweep_interval(common_state.settings.limits)) {
  common.open.fetch_add(1);
}

Worker::~Worker() = default;

Result<std::uint16_t> Worker::listen(const std::string& host, const std::string& port, bool first) {
  const std::string where = host + ":" + port;
  const auto failed = [&where](std::string_view what, const error_code& ec) {
    return fail(
        internal_error(fmt::format("cannot listen on {}: {}: {}", where, what, ec.message())));
  };
  using Resolver = asio::ip::basic_resolver<asio::ip::tcp, Executor>;
  error_code ec;
  Resolver resolver(context.get_executor());
  const auto found = resolver.resolve(
      host, port, Resolver::passive | Resolver::numeric_service | Resolver::address_configured, ec);
  if (ec || found.empty()) return failed("address", ec);
  asio::ip::tcp::endpoint endpoint = found.begin()->endpoint();
  for (const auto& entry : found) {
    if (entry.endpoint().address().is_v4()) {  // of "localhost" the form that clients try first
      endpoint = entry.endpoint();
      break;
    }
  }
  // The threads of this server share the port, another server must not: it would get half of the
  // requests without anybody noticing. So the first thread asks for the port alone.
  if (first && endpoint.port() != 0) {
    Acceptor probe(context.get_executor());
    probe.open(endpoint.protocol(), ec);
    if (!ec) probe.set_option(Acceptor::reuse_address(true), ec);
    if (!ec && endpoint.address().is_v6()) {
      probe.set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()), ec);
    }
    if (!ec) probe.bind(endpoint, ec);
    if (ec) return failed("bind", ec);
  }
  Acceptor acceptor(context.get_executor());
  acceptor.open(endpoint.protocol(), ec);
  if (ec) return failed("socket", ec);
  using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
  acceptor.set_option(Acceptor::reuse_address(true), ec);
  if (!ec) acceptor.set_option(ReusePort(true), ec);
  if (!ec && endpoint.address().is_v6()) {
    acceptor.set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()), ec);
  }
  if (ec) return failed("options", ec);
  acceptor.bind(endpoint, ec);
  if (ec) return failed("bind", ec);
  acceptor.listen(Acceptor::max_listen_connections, ec);
  if (ec) return failed("listen", ec);
  // A socket that another process may come to share must be taken out of this one's epoll set
  // before it is closed; asio does so for those it was given.
  const int descriptor = acceptor.release(ec);
  if (ec) return failed("socket", ec);
  auto bound = adopt(descriptor);
  if (!bound) return fail(bound.error());
  return bound->port();
}

Result<asio::ip::tcp::endpoint> Worker::adopt(int descriptor) {
  const auto refused = [descriptor](std::string_view why) {
    ::close(descriptor);
    return fail(internal_error(fmt::format("inherited socket {}: {}", descriptor, why)));
  };
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  int listens = 0;
  socklen_t listens_size = sizeof listens;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return refused(std::strerror(errno));
  if (address.ss_family != AF_INET && address.ss_family != AF_INET6)
    return refused("only TCP sockets are served");
  if (::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) != 0 ||
      listens == 0) {
    return refused("it does not listen");
  }
  Acceptor acceptor(context.get_executor());
  error_code ec;
  acceptor.assign(address.ss_family == AF_INET ? asio::ip::tcp::v4() : asio::ip::tcp::v6(),
                  descriptor, ec);
  if (ec) return refused(ec.message());
  const asio::ip::tcp::endpoint endpoint = acceptor.local_endpoint(ec);
  if (ec) return fail(internal_error(fmt::format("inherited socket: {}", ec.message())));
  // Several threads and processes may wait for the same connection; one gets it.
  acceptor.non_blocking(true, ec);
  if (ec) return fail(internal_error(fmt::format("inherited socket: {}", ec.message())));
  descriptors_.push_back(acceptor.native_handle());
  acceptors_.push_back(std::move(acceptor));
  return endpoint;
}

void Worker::start() {
  const auto report = [this](std::exception_ptr problem) {
    if (!problem) return;
    try {
      std::rethrow_exception(problem);
    } catch (const std::exception& e) {
      common.log.error("a listening socket failed", {{"what", std::string_view(e.what())}});
    }
  };
  for (Acceptor& acceptor : acceptors_)
    asio::co_spawn(context, accept(acceptor), report);
  asio::co_spawn(context, sweep(), report);
}

void Worker::admit(Socket socket) {
  error_code ec;
  socket.set_option(asio::ip::tcp::no_delay(true), ec);
  socket.non_blocking(true, ec);
  const std::size_t limit = common.settings.limits.connections;
  const std::size_t before = common.connections.load(std::memory_order_relaxed);
  if (ec || before >= limit + refusals) return;  // the socket closes
  common.connections.fetch_add(1);
  common.open.fetch_add(1);
  const bool refused = before >= limit;
  const auto ended = [this](std::exception_ptr problem) {
    if (problem) common.log.error("a connection ended by an exception");
    common.connections.fetch_sub(1);
    release();
  };
  try {
    if (common.tls) {
      asio::co_spawn(context, serve_tls(*this, std::move(socket), refused), ended);
    } else {
      asio::co_spawn(context, serve_plain(*this, std::move(socket), refused), ended);
    }
  } catch (...) {  // no memory
    common.connections.fetch_sub(1);
    release();
  }
}

Task<void> Worker::accept(Acceptor& acceptor) {
  while (!draining_) {
    bool failed = false;
    try {
      co_await accept_all(acceptor);
    } catch (...) {
      failed = true;
    }
    if (!failed || draining_) continue;
    complain("accepting connections failed and goes on");
    error_code ec;
    pause_.expires_after(std::chrono::milliseconds(100));
    co_await pause_.async_wait(asio::redirect_error(use_task, ec));
  }
}

void Worker::complain(const char* what) {
  try {
    common.log.error(what);
  } catch (...) {
    // A log that fails is no reason to stop serving.
  }
}

Task<void> Worker::accept_all(Acceptor& acceptor) {
  while (!draining_) {
    error_code ec;
    Socket socket(context.get_executor());
    co_await acceptor.async_accept(socket, asio::redirect_error(use_task, ec));
    if (!ec) {
      admit(std::move(socket));
    } else if (!draining_ && ec != asio::error::connection_aborted) {
      // Usually no file descriptors left: closing connections is what helps, so wait for that.
      common.log.warning("cannot accept a connection", {{"what", ec.message()}});
      pause_.expires_after(std::chrono::milliseconds(100));
      co_await pause_.async_wait(asio::redirect_error(use_task, ec));
    }
  }
}

Task<void> Worker::sweep() {
  for (;;) {
    error_code ec;
    sweep_timer_.expires_after(interval_);
    co_await sweep_timer_.async_wait(asio::redirect_error(use_task, ec));
    const Instant now = std::chrono::steady_clock::now();
    bool failed = false;
    try {
      for (Sweepable* one = connections.next(); one; one = one->next())
        one->sweep(now);
    } catch (...) {
      failed = true;
    }
    if (failed) complain("ending slow connections failed and goes on");
  }
}

void Worker::drain(std::chrono::milliseconds grace) {
  if (draining_) return;
  draining_ = true;
  for (Acceptor& acceptor : acceptors_) {
    // Whoever the kernel has let in already is served, too, unless somebody else does that.
    error_code ec;
    acceptor.non_blocking(true, ec);
    const std::size_t most = common.leaves_connections ? 0 : max_last_accepts;
    for (std::size_t i = 0; !ec && i < most; ++i) {
      Socket socket(context.get_executor());
      acceptor.accept(socket, ec);
      if (!ec) admit(std::move(socket));
    }
    acceptor.close(ec);
  }
  pause_.cancel();
  interval_ = std::min(interval_, std::chrono::milliseconds(20));
  sweep_timer_.cancel();  // sweeps now
  // A connection that just came has not been linked yet; it sees draining() itself.
  const Instant end = std::chrono::steady_clock::now() + grace;
  for (Sweepable* one = connections.next(); one; one = one->next())
    one->drain(end);
  release();
}

void Worker::release() {
  if (common.open.fetch_sub(1) == 1) common.on_drained();
}

const std::string& Worker::date() {
  const std::time_t now = std::time(nullptr);
  if (now != date_second_) {
    date_second_ = now;
    date_ = fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(now));
  }
  return date_;
}

}  // namespace mytoken::http
