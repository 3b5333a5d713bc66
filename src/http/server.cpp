// Puts workers and threads together.
#include "http/server.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <charconv>
#include <thread>

#include "http/worker.h"

namespace mytoken::http {
namespace {

using boost::system::error_code;

// Past the limit of the drain: how often it is asked whether it may end, and how long the answers
// to what was waited for may take.
constexpr std::chrono::milliseconds ask_again{20};
constexpr std::chrono::milliseconds last_answers{1000};

// "host:port" or "[v6]:port".
std::optional<std::pair<std::string, std::string>> split_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  std::uint16_t number = 0;
  const auto [stop, problem] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (problem != std::errc() || stop != port.data() + port.size()) return std::nullopt;
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  if (host.empty()) host = "::";
  return std::pair(std::string(host), std::string(port));
}

Result<asio::ssl::context> make_tls(const Tls& tls) {
  error_code ec;
  asio::ssl::context context(asio::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.native_handle(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                                   SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context.native_handle(), SSL_MODE_RELEASE_BUFFERS);
  context.use_certificate_chain_file(tls.certificate_file, ec);
  if (ec) return fail(internal_error("certificate " + tls.certificate_file + ": " + ec.message()));
  context.use_private_key_file(tls.key_file, asio::ssl::context::pem, ec);
  if (ec) return fail(internal_error("key " + tls.key_file + ": " + ec.message()));
  if (SSL_CTX_check_private_key(context.native_handle()) != 1) {
    ERR_clear_error();
    return fail(internal_error("key " + tls.key_file + " does not belong to the certificate"));
  }
  return context;
}

}  // namespace

struct Server::Impl {
  Impl(ServerSettings settings, const Router& router, Log& log)
      : common(std::move(settings), router, log) {
    const unsigned count = std::max(1u, common.settings.threads);
    common.on_drained = [this] { stop(); };
    common.leaves_connections = common.settings.leaves_connections;
    for (unsigned i = 0; i < count; ++i)
      workers.push_back(std::make_unique<Worker>(common));
  }

  // Every socket has a thread, every thread a socket.
  Result<void> adopt() {
    const std::vector<int>& sockets = common.settings.sockets;
    for (std::size_t i = 0; i < std::max(sockets.size(), workers.size()); ++i) {
      const bool is_first = i < sockets.size();
      int descriptor = sockets[i % sockets.size()];
      if (!is_first) descriptor = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
      auto address = workers[i % workers.size()]->adopt(descriptor);
      if (!address) return fail(address.error());
      if (is_first) note(*address);
    }
    return {};
  }

  // An address that several sockets share counts once.
  void note(const asio::ip::tcp::endpoint& endpoint) {
    const std::string host = endpoint.address().to_string();
    const std::string text = (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" +
                             std::to_string(endpoint.port());
    if (std::find(addresses.begin(), addresses.end(), text) != addresses.end()) return;
    addresses.push_back(text);
    ports.push_back(endpoint.port());
  }

  void stop() {
    for (const auto& worker : workers)
      worker->context.stop();
  }

  // Stops at `end`, or later while there is reason to wait. On the first worker's thread.
  void stop_at(Instant end) {
    limit->expires_at(end);
    limit->async_wait([this](error_code ec) {
      if (ec) return;
      const Instant now = std::chrono::steady_clock::now();
      const bool waits = must_wait && must_wait();
      if (now >= hard_end || (!waits && !waited)) {
        if (waits) common.log.error("the server ends although calls are still under way");
        stop();
      } else if (waits) {
        waited = true;
        stop_at(std::min(now + ask_again, hard_end));
      } else {
        waited = false;
        stop_at(std::min(now + last_answers, hard_end));
      }
    });
  }

  Common common;
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::uint16_t> ports;
  std::vector<std::string> addresses;
  // Of the drain; on the first worker.
  std::optional<Timer> limit;
  std::function<bool()> must_wait;
  Instant hard_end{};
  bool waited = false;
};

Server::Server(ServerSettings settings, const Router& router, Log& log)
    : impl_(std::make_unique<Impl>(std::move(settings), router, log)) {}

Server::~Server() = default;

Result<void> Server::listen() {
  const ServerSettings& settings = impl_->common.settings;
  if (settings.tls) {
    auto tls = make_tls(*settings.tls);
    if (!tls) return fail(tls.error());
    impl_->common.tls.emplace(std::move(*tls));
  }
  if (!settings.sockets.empty()) return impl_->adopt();
  for (const std::string& text : settings.listen) {
    const auto address = split_address(text);
    if (!address) return fail(internal_error("cannot listen on " + text + ": not host:port"));
    auto port = impl_->workers.front()->listen(address->first, address->second, true);
    if (!port) return fail(port.error());
    for (std::size_t i = 1; i < impl_->workers.size(); ++i) {
      auto same = impl_->workers[i]->listen(address->first, std::to_string(*port), false);
      if (!same) return fail(same.error());
    }
    impl_->ports.push_back(*port);
    impl_->addresses.push_back(text.substr(0, text.rfind(':') + 1) + std::to_string(*port));
  }
  return {};
}

std::vector<std::uint16_t> Server::ports() const {
  return impl_->ports;
}

std::vector<std::string> Server::addresses() const {
  return impl_->addresses;
}

std::vector<int> Server::sockets() const {
  std::vector<int> all;
  for (const auto& worker : impl_->workers) {
    const std::vector<int> own = worker->sockets();
    all.insert(all.end(), own.begin(), own.end());
  }
  return all;
}

std::string Server::own_counts(std::size_t servers) const {
  return impl_->common.middleware.own_counts(servers);
}

void Server::learn_counts(const std::vector<std::string>& others) {
  impl_->common.middleware.learn_counts(others);
}

void Server::leave_connections() {
  impl_->common.leaves_connections = true;
}

void Server::run() {
  for (const auto& worker : impl_->workers)
    worker->start();
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < impl_->workers.size(); ++i) {
    threads.emplace_back([worker = impl_->workers[i].get()] { worker->context.run(); });
  }
  impl_->workers.front()->context.run();
  for (std::thread& thread : threads)
    thread.join();
}

void Server::drain(std::chrono::milliseconds limit, std::function<bool()> must_wait,
                   std::chrono::milliseconds longest) {
  // Clients that keep connections busy learn from the next answer that theirs ends; this long they
  // may ask once more.
  const auto grace = std::min<std::chrono::milliseconds>(limit / 4, std::chrono::seconds(1));
  for (const auto& worker : impl_->workers) {
    asio::post(worker->context, [one = worker.get(), grace] { one->drain(grace); });
  }
  auto begin = [impl = impl_.get(), limit, longest, ask = std::move(must_wait)]() mutable {
    const Instant now = std::chrono::steady_clock::now();
    if (impl->limit && impl->limit->expiry() <= now + limit) return;
    if (!impl->limit) impl->limit.emplace(impl->workers.front()->context.get_executor());
    impl->must_wait = std::move(ask);
    impl->hard_end = now + std::max(limit, longest);
    impl->stop_at(now + limit);
  };
  asio::post(impl_->workers.front()->context, std::move(begin));
}

std::vector<asio::io_context*> Server::contexts() {
  std::vector<asio::io_context*> contexts;
  for (const auto& worker : impl_->workers)
    contexts.push_back(&worker->context);
  return contexts;
}

}  // namespace mytoken::http
