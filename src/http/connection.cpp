// One connection: read a request, let it through the middleware to its handler, write the answer,
// again. The phase tells the sweep what may end the connection; a deadline is one store, not a
// timer.
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <type_traits>

#include "base/fault.h"
#include "base/ip_address.h"
#include "http/parser.h"
#include "http/worker.h"

namespace mytoken::http {
namespace {

using boost::system::error_code;
using TlsStream = asio::ssl::stream<Socket>;

constexpr std::size_t small_buffer = 4 * 1024;
constexpr std::size_t body_buffer = 16 * 1024;
constexpr std::size_t chunk_room = 4 * 1024;   // beside the header limit, for chunk headers
constexpr std::size_t one_record = 16 * 1024;  // of TLS
constexpr std::size_t max_lingering =
    8 * 1024 * 1024;  // bytes read and dropped after the last answer
constexpr std::chrono::seconds linger_time{5};

std::string peer_of(const Socket& socket) {
  error_code ec;
  const auto endpoint = socket.remote_endpoint(ec);
  if (ec) return {};
  const std::string text = endpoint.address().to_string();
  const auto address = Address::parse(std::string_view(text).substr(0, text.find('%')));
  return address ? address->text() : std::string();
}

template <class Stream>
class Session final : public Sweepable {
 public:
  static constexpr bool is_tls = std::is_same_v<Stream, TlsStream>;

  template <class... Arguments>
  Session(Worker& worker, bool refused, Arguments&&... stream)
      : worker_(worker),
        common_(worker.common),
        limits_(worker.common.settings.limits),
        refused_(refused),
        stream_(std::forward<Arguments>(stream)...),
        parser_(limits_.header_bytes, limits_.body_bytes),
        buffer_(small_buffer) {
    peer_ = peer_of(socket());
    link_after(worker.connections);
  }

  Task<void> run() {
    if (refused_ || worker_.draining()) {
      closes_by_ = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    }
    if (!co_await handshake()) co_return;
    bool alive = true;
    while (alive) {
      Exchange exchange;
      if (!co_await receive(exchange)) {
        if (!is_gone_) co_await close(false);
        co_return;
      }
      enter(Phase::handling, Instant::max());
      Response response;
      std::optional<Response> early;
      if (parser_.state() == RequestParser::State::failed) {
        early = common_.middleware.reject(exchange, parser_.problem());
      } else if (refused_) {
        const Error error = unavailable("too many connections");
        early = common_.middleware.reject(exchange, error);
      } else {
        early = common_.middleware.admit(exchange);
      }
      if (early) {
        response = std::move(*early);
      } else {
        std::string what;
        bool failed = true;
        try {
          fault_point("before_handler");
          response = co_await (*exchange.match.handler)(exchange.request);
          failed = false;
        } catch (const std::exception& e) {
          what = e.what();
        } catch (...) {
          what = "an exception of unknown type";
        }
        if (failed) response = common_.middleware.caught(exchange, what);
      }
      alive = parser_.state() == RequestParser::State::done && parser_.keep_alive() && !refused_ &&
              !worker_.draining();
      const bool sent = co_await send(exchange, response, alive);
      common_.middleware.log(exchange, response.status);
      if (!sent) co_return;
    }
    co_await close(true);
  }

  void sweep(Instant now) override {
    if (now < deadline_) return;
    error_code ec;
    switch (phase_) {
      case Phase::idle:
      case Phase::reading:
        is_late_ = true;
        socket().cancel(ec);  // receive() finds out why
        deadline_ = now + std::chrono::seconds(1);
        break;
      case Phase::handshake:
      case Phase::writing:
      case Phase::closing:
        socket().close(ec);
        break;
      case Phase::handling:
        break;
    }
  }

  void drain(Instant end) override {
    closes_by_ = end;
    if (phase_ == Phase::idle || phase_ == Phase::handshake) deadline_ = std::min(deadline_, end);
  }

 private:
  enum class Phase {
    handshake,  // TLS, bounded by the idle time
    idle,       // no byte of a request yet
    reading,    // some bytes
    handling,   // has its own limits
    writing,
    closing
  };

  Socket& socket() {
    if constexpr (is_tls) {
      return stream_.next_layer();
    } else {
      return stream_;
    }
  }

  void enter(Phase phase, Instant deadline) {
    phase_ = phase;
    deadline_ = deadline;
  }
  void enter(Phase phase, std::chrono::milliseconds limit) {
    enter(phase, std::chrono::steady_clock::now() + limit);
  }

  Task<bool> handshake() {
    if constexpr (is_tls) {
      enter(Phase::handshake, limits_.idle_timeout);
      deadline_ = std::min(deadline_, closes_by_);
      error_code ec;
      co_await stream_.async_handshake(asio::ssl::stream_base::server,
                                       asio::redirect_error(use_task, ec));
      co_return !ec;
    } else {
      co_return true;
    }
  }

  // Reads until the parser is done or has failed. False: the peer is gone or has been idle for too
  // long.
  Task<bool> receive(Exchange& exchange) {
    Request& request = exchange.request;
    request.peer = peer_;
    parser_.reset();
    is_late_ = false;
    bool sent_continue = false;
    if (begin_ == end_) {
      begin_ = end_ = 0;
      if (buffer_.size() > small_buffer) buffer_ = std::vector<char>(small_buffer);
    }
    enter(Phase::idle, limits_.idle_timeout);
    deadline_ = std::min(deadline_, closes_by_);
    for (;;) {
      if (begin_ < end_) {
        if (phase_ == Phase::idle) {
          request.arrival = std::chrono::steady_clock::now();
          enter(Phase::reading, request.arrival + limits_.request_timeout);
        }
        const std::string_view bytes(buffer_.data() + begin_, end_ - begin_);
        begin_ += parser_.put(bytes, request);
        if (parser_.state() == RequestParser::State::done ||
            parser_.state() == RequestParser::State::failed) {
          co_return true;
        }
        if (parser_.expects_continue() && !sent_continue && begin_ == end_) {
          sent_continue = true;
          static constexpr std::string_view interim = "HTTP/1.1 100 Continue\r\n\r\n";
          const asio::const_buffer line(interim.data(), interim.size());
          error_code ec;
          co_await asio::async_write(stream_, line, asio::redirect_error(use_task, ec));
          if (ec) {
            is_gone_ = true;
            co_return false;
          }
        }
      }
      if (!make_room()) {
        parser_.fail(400, "a chunk header or trailer is too large");
        co_return true;
      }
      error_code ec;
      const asio::mutable_buffer room(buffer_.data() + end_, buffer_.size() - end_);
      const std::size_t got =
          co_await stream_.async_read_some(room, asio::redirect_error(use_task, ec));
      end_ += got;
      if (!ec && !is_late_) continue;
      if (is_late_ && phase_ == Phase::reading) {
        parser_.fail(408, "the request did not arrive in time");
        co_return true;
      }
      if (is_late_ && got > 0) {  // the first bytes came in the last moment
        is_late_ = false;
        continue;
      }
      is_gone_ = ec && !is_late_;
      co_return false;
    }
  }

  // Space behind end_. False if the buffer is full and as large as it may be.
  bool make_room() {
    if (begin_ == end_) begin_ = end_ = 0;
    const bool wants_more = parser_.state() == RequestParser::State::body;
    if (wants_more && buffer_.size() < body_buffer && begin_ == 0 && end_ == 0) {
      buffer_.resize(body_buffer);
    }
    if (end_ < buffer_.size()) return true;
    if (begin_ > 0) {
      std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
      end_ -= begin_;
      begin_ = 0;
      return true;
    }
    const std::size_t most = limits_.header_bytes + chunk_room;
    if (buffer_.size() >= most) return false;
    buffer_.resize(std::min(most, buffer_.size() * 2));
    return true;
  }

  Task<bool> send(Exchange& exchange, Response& response, bool alive) {
    common_.middleware.complete(exchange, response, worker_.encoded);
    std::string_view connection;
    if (!alive) {
      connection = "close";
    } else if (parser_.is_http_1_0()) {
      connection = "keep-alive";
    }
    head_.clear();
    common_.middleware.write_head(exchange, response, worker_.date(), connection, head_);
    std::string_view body = response.content();
    if (exchange.request.head || response.status == 204 || response.status == 304) body = {};
    if constexpr (is_tls) {
      if (body.size() < one_record) {
        head_.append(body);
        body = {};
      }
    }
    std::size_t done = 0;
    error_code ec;
    if constexpr (!is_tls) {
      // Most answers fit into the socket's buffer: no turn of the event loop for them.
      const std::array<asio::const_buffer, 2> all = {asio::const_buffer(head_.data(), head_.size()),
                                                     asio::const_buffer(body.data(), body.size())};
      done = stream_.write_some(all, ec);
      if (ec == asio::error::would_block) ec = {};
    }
    if (!ec && done < head_.size() + body.size()) {
      enter(Phase::writing, limits_.write_timeout);
      const std::string_view head = std::string_view(head_).substr(std::min(done, head_.size()));
      body.remove_prefix(done - (head_.size() - head.size()));
      const std::array<asio::const_buffer, 2> rest = {asio::const_buffer(head.data(), head.size()),
                                                      asio::const_buffer(body.data(), body.size())};
      co_await asio::async_write(stream_, rest, asio::redirect_error(use_task, ec));
    }
    if (head_.capacity() > one_record) head_ = {};
    co_return !ec;
  }

  // Ends the connection. `after_answer`: so that the peer can read our last answer although we did
  // not read all it sent; a reset would take the answer from its hands.
  Task<void> close(bool after_answer) {
    enter(Phase::closing, linger_time);
    deadline_ = std::min(deadline_, std::max(closes_by_, std::chrono::steady_clock::now() +
                                                             std::chrono::milliseconds(200)));
    error_code ec;
    if constexpr (is_tls) co_await stream_.async_shutdown(asio::redirect_error(use_task, ec));
    socket().shutdown(Socket::shutdown_send, ec);
    if (!after_answer) co_return;
    ec = {};
    std::size_t left = max_lingering;
    buffer_.resize(std::max(buffer_.size(), body_buffer));
    const asio::mutable_buffer dropped(buffer_.data(), buffer_.size());
    while (!ec && left > 0) {
      const std::size_t got =
          co_await socket().async_read_some(dropped, asio::redirect_error(use_task, ec));
      left -= std::min(left, got);
    }
  }

  Worker& worker_;
  Common& common_;
  const Limits& limits_;
  const bool refused_;
  Stream stream_;
  RequestParser parser_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // unread bytes: [begin_, end_)
  std::size_t end_ = 0;
  std::string peer_;
  std::string head_;
  bool is_gone_ = false;  // the peer closed or reset the connection
  bool is_late_ = false;  // the sweep interrupted a read
  Phase phase_ = Phase::handshake;
  Instant deadline_ = Instant::max();
  Instant closes_by_ = Instant::max();  // no new request after this
};

}  // namespace

Task<void> serve_plain(Worker& worker, Socket socket, bool refused) {
  Session<Socket> session(worker, refused, std::move(socket));
  co_await session.run();
}

Task<void> serve_tls(Worker& worker, Socket socket, bool refused) {
  Session<TlsStream> session(worker, refused, std::move(socket), *worker.common.tls);
  co_await session.run();
}

}  // namespace mytoken::http
