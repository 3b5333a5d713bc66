// One libcurl easy handle inside a multi handle of its own: the multi handle is what can be woken,
// so that a stop ends a request at once instead of at libcurl's next timer. The body goes through a
// read callback that cannot rewind: this is what keeps libcurl from silently repeating a POST on a
// connection that died.
#include "client/transport.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/encoding.h"
#include "client/reading.h"
#include "client/secret_text.h"
#include "client/url.h"

namespace mytoken::client {
namespace {

constexpr std::size_t most_idle_sessions = 8;
constexpr std::chrono::milliseconds retry_pause{200};
constexpr std::chrono::seconds longest_after_stop{5};  // with HttpRequest::outlives_stop

struct CloseEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct CloseMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct CloseList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

void initialise_curl() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

}  // namespace

struct Transport::Session {
  // Declared in this order: the easy handle must go first.
  std::unique_ptr<CURLM, CloseMulti> multi{curl_multi_init()};
  std::unique_ptr<CURL, CloseEasy> easy{curl_easy_init()};
};

struct Transport::Attempt {
  explicit Attempt(const HttpRequest& wanted) : request(wanted) {}

  const HttpRequest& request;
  bool was_connected = false;  // something may have been sent
  std::size_t sent = 0;        // bytes of the body libcurl has taken
  bool is_too_long = false;
  std::string received;
  std::string retry_after;
  std::string etag;
  std::array<char, CURL_ERROR_SIZE> problem{};

  static std::size_t write(char* data, std::size_t size, std::size_t count, void* self) {
    auto& attempt = *static_cast<Attempt*>(self);
    const std::size_t length = size * count;
    if (attempt.received.size() + length > attempt.request.limit) {
      attempt.is_too_long = true;
      return 0;
    }
    append_wiping(attempt.received, {data, length});
    return length;
  }

  static std::size_t header(char* data, std::size_t size, std::size_t count, void* self) {
    auto& attempt = *static_cast<Attempt*>(self);
    const std::string_view line(data, size * count);
    const auto take = [line](std::string_view name, std::string& value) {
      if (line.size() > name.size() && equals_ignoring_case(line.substr(0, name.size()), name))
        value = trimmed(line.substr(name.size()));
    };
    take("retry-after:", attempt.retry_after);
    take("etag:", attempt.etag);
    return size * count;
  }

  static std::size_t read(char* to, std::size_t size, std::size_t count, void* self) {
    auto& attempt = *static_cast<Attempt*>(self);
    const std::string_view rest = attempt.request.body.reveal().substr(attempt.sent);
    const std::size_t length = std::min(size * count, rest.size());
    std::memcpy(to, rest.data(), length);
    attempt.sent += length;
    return length;
  }

  static int refuse_to_rewind(void*, curl_off_t, int) { return CURL_SEEKFUNC_FAIL; }
};

namespace {

// Only the form in seconds; a date is read as "unknown".
Seconds parse_retry_after(std::string_view text) {
  int value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || value < 0) return Seconds(0);
  return Seconds(std::min(value, 86400));
}

ErrorKind kind_of(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return ErrorKind::timeout;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_USE_SSL_FAILED:
      return ErrorKind::tls;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_HTTP2:
      return ErrorKind::protocol;
    default:
      return ErrorKind::network;
  }
}

}  // namespace

Transport::Transport(const Options& options) : options_(options) {
  initialise_curl();
}
Transport::~Transport() = default;

std::unique_ptr<Transport::Session> Transport::take() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Session>();
  auto session = std::move(idle_.back());
  idle_.pop_back();
  return session;
}

Outcome<HttpAnswer> Transport::send(const HttpRequest& request, const Call& call,
                                    bool& is_unknown) {
  for (int round = 0;; ++round) {
    auto session = take();
    if (!session->multi || !session->easy)
      return failure(ErrorKind::network, "cannot initialise libcurl");
    Attempt attempt{request};
    auto answer = run(*session, attempt, call);
    const Secret wiped(std::move(attempt.received));
    {
      const std::lock_guard lock(mutex_);
      if (idle_.size() < most_idle_sessions) idle_.push_back(std::move(session));
    }
    const bool did_nothing = (request.method == Exchange::Method::get && request.is_repeatable) ||
                             (attempt.sent == 0 && !attempt.was_connected);
    is_unknown = !answer && attempt.was_connected;
    if (round > 0 || answer || answer.error().kind != ErrorKind::network || !did_nothing)
      return answer;
    SystemTimer().wait_until(std::chrono::steady_clock::now() + retry_pause, call.stop);
  }
}

Outcome<HttpAnswer> Transport::run(Session& session, Attempt& attempt, const Call& call) {
  const std::string& url = attempt.request.url;
  if (call.stop.stop_requested()) return failure(ErrorKind::cancelled, "interrupted");
  auto total = options_.total_timeout;
  if (attempt.request.longest.count() > 0) total = std::min(total, attempt.request.longest);
  if (call.deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        *call.deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return failure(ErrorKind::timeout, "the deadline has passed");
    total = std::min(total, left);
  }

  CURL* easy = session.easy.get();
  curl_easy_reset(easy);  // options only; connections stay with the multi handle
  const auto set = [easy](CURLoption option, auto value) { curl_easy_setopt(easy, option, value); };
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // a stop does not wait for the name resolver
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(std::min(options_.connect_timeout, total).count()));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(total.count()));
  set(CURLOPT_USERAGENT, options_.user_agent.c_str());
  set(CURLOPT_ERRORBUFFER, attempt.problem.data());
  set(CURLOPT_WRITEFUNCTION, &Attempt::write);
  set(CURLOPT_WRITEDATA, &attempt);
  set(CURLOPT_HEADERFUNCTION, &Attempt::header);
  set(CURLOPT_HEADERDATA, &attempt);
  // Without a directory the parsed bundle can be cached by libcurl and nothing is read per
  // connection.
  set(CURLOPT_CAPATH, options_.ca_directory.empty() ? static_cast<const char*>(nullptr)
                                                    : options_.ca_directory.c_str());
  if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
  if (is_loopback(url)) {
    set(CURLOPT_PROXY, "");
  } else if (!options_.proxy.empty()) {
    set(CURLOPT_PROXY, options_.proxy.c_str());
  }

  std::unique_ptr<curl_slist, CloseList> headers(
      curl_slist_append(nullptr, "Accept: application/json"));
  switch (attempt.request.method) {
    case Exchange::Method::get:
      // libcurl would repeat it on a kept connection that died.
      if (!attempt.request.is_repeatable) set(CURLOPT_FRESH_CONNECT, 1L);
      break;
    case Exchange::Method::post:
      set(CURLOPT_POST, 1L);
      break;
    case Exchange::Method::put:
      set(CURLOPT_CUSTOMREQUEST, "PUT");
      break;
    case Exchange::Method::delete_:
      set(CURLOPT_CUSTOMREQUEST, "DELETE");
      // Without a body libcurl would repeat it on a connection that died.
      if (attempt.request.body.empty()) set(CURLOPT_FRESH_CONNECT, 1L);
      break;
  }
  // A POST needs a body, be it an empty one.
  if (!attempt.request.body.empty() || attempt.request.method == Exchange::Method::post) {
    if (!attempt.request.body.empty())
      curl_slist_append(headers.get(), ("Content-Type: " + attempt.request.content_type).c_str());
    curl_slist_append(headers.get(), "Expect:");
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(attempt.request.body.size()));
    set(CURLOPT_READFUNCTION, &Attempt::read);
    set(CURLOPT_READDATA, &attempt);
    set(CURLOPT_SEEKFUNCTION, &Attempt::refuse_to_rewind);
  }
  if (!attempt.request.authorization.empty()) {
    std::string line = "Authorization: ";
    line.reserve(line.size() + attempt.request.authorization.size());
    line.append(attempt.request.authorization.reveal());
    curl_slist_append(headers.get(), line.c_str());
    const Secret wiped(std::move(line));  // libcurl has its copy
  }
  if (!attempt.request.etag.empty()) {
    curl_slist_append(headers.get(), ("If-None-Match: " + attempt.request.etag).c_str());
  }
  set(CURLOPT_HTTPHEADER, headers.get());

  CURLM* multi = session.multi.get();
  curl_multi_add_handle(multi, easy);
  CURLcode result = CURLE_OK;
  {
    const std::stop_callback wake(call.stop, [multi] { curl_multi_wakeup(multi); });
    int running = 1;
    std::optional<TimePoint> end;  // of what outlives a stop
    const auto is_over = [&] {
      if (!call.stop.stop_requested()) return false;
      curl_off_t begun = 0;
      curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &begun);
      if (!attempt.request.outlives_stop || begun == 0) return true;
      const auto now = std::chrono::steady_clock::now();
      if (!end) end = now + longest_after_stop;
      return now >= *end;
    };
    while (!is_over() && curl_multi_perform(multi, &running) == CURLM_OK && running > 0) {
      curl_multi_poll(multi, nullptr, 0, end ? 100 : 1000, nullptr);
    }
    bool is_done = false;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      is_done = true;
      result = message->data.result;
    }
    if (!is_done) result = CURLE_ABORTED_BY_CALLBACK;
  }
  curl_multi_remove_handle(multi, easy);
  curl_off_t sent = 0;
  curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
  attempt.was_connected = sent > 0;

  if (result == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return HttpAnswer{static_cast<int>(status), parse_retry_after(attempt.retry_after),
                      std::move(attempt.etag), Secret(std::move(attempt.received))};
  }
  if (call.stop.stop_requested()) return failure(ErrorKind::cancelled, "interrupted");
  if (attempt.is_too_long)
    return failure(ErrorKind::protocol, "the answer of " + url + " is too long");
  const std::string why =
      attempt.problem[0] != '\0' ? attempt.problem.data() : curl_easy_strerror(result);
  const ErrorKind kind = kind_of(result);
  return failure(kind, kind == ErrorKind::timeout ? "no answer from " + url + " in time"
                                                  : "cannot reach " + url + ": " + why);
}

}  // namespace mytoken::client
