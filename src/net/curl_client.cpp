// The HttpClient of the server: finds the multi handle of the caller's io_context and sleeps until
// the call is done.
#include "net/curl_client.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <mutex>
#include <unordered_map>

#include "net/curl_multi.h"

namespace mytoken::net {

namespace {

// The multi handles by io_context. Entries of destroyed io_contexts are replaced when their address
// comes again.
class Multis {
 public:
  ~Multis() {
    for (auto& [context, multi] : entries_)
      multi->shut_down();
  }

  std::shared_ptr<Multi> of(asio::io_context& context) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Multi>& entry = entries_[&context];
    if (!entry || entry->is_shut_down()) {
      entry = std::make_shared<Multi>(context);
      asio::use_service<MultiService>(context).add(entry);
    }
    return entry;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<asio::io_context*, std::shared_ptr<Multi>> entries_;
};

// Ends the call if the coroutine that waits for it is destroyed or leaves early.
class Call {
 public:
  Call(std::shared_ptr<Multi> multi, std::shared_ptr<Transfer> transfer)
      : multi_(std::move(multi)), transfer_(std::move(transfer)) {}
  ~Call() { end("abandoned"); }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  void end(std::string_view problem) { multi_->abandon(*transfer_, problem); }

 private:
  std::shared_ptr<Multi> multi_;
  std::shared_ptr<Transfer> transfer_;
};

class CurlClient final : public HttpClient {
 public:
  explicit CurlClient(CurlOptions options) : options_(std::move(options)) {}

  Task<HttpResponse> send(HttpRequest request) override {
    const Executor executor = co_await asio::this_coro::executor;
    const std::shared_ptr<Multi> multi = multis_.of(executor.context());
    const std::chrono::milliseconds timeout = request.timeout;
    const auto transfer = std::make_shared<Transfer>(std::move(request), options_, executor);
    transfer->deadline.expires_after(timeout);
    Call call(multi, transfer);
    multi->start(transfer);
    if (!transfer->finished) {
      boost::system::error_code error;
      co_await transfer->deadline.async_wait(asio::redirect_error(use_task, error));
      // Woken without a result: the time is up, or the caller was cancelled.
      call.end(error ? "cancelled" : "timed out");
    }
    co_return std::move(transfer->response);
  }

 private:
  CurlOptions options_;
  Multis multis_;
};

}  // namespace

std::unique_ptr<HttpClient> make_curl_client(CurlOptions options) {
  static std::once_flag initialised;
  std::call_once(initialised, [] { curl_global_init(CURL_GLOBAL_ALL); });
  return std::make_unique<CurlClient>(std::move(options));
}

}  // namespace mytoken::net
