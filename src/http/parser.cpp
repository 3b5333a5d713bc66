// Beast's basic_parser with callbacks that write straight into our Request.
#include "http/parser.h"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cstring>
#include <limits>

#include "base/encoding.h"
#include "http/status.h"

namespace mytoken::http {
namespace {

namespace beast = boost::beast;
using beast::error_code;
using beast::string_view;

std::string_view view(string_view text) {
  return {text.data(), text.size()};
}

// What can be said of a request that was not read to its end: "POST /path HTTP/1.1" names a method
// and a target, on which the form of the error depends.
void guess_request_line(std::string_view bytes, Request& request) {
  const std::string_view line = bytes.substr(0, bytes.find('\r'));
  const std::size_t start = line.find(' ');
  if (!request.target.empty() || start == std::string_view::npos) return;
  const std::string_view rest = line.substr(start + 1);
  request.target = rest.substr(0, rest.find(' '));
  const std::string_view method = line.substr(0, start);
  if (method == "POST" || method == "GET") request.method = method;
}

// The request line names an HTTP version that we do not speak, in the right form.
bool names_other_version(std::string_view bytes) {
  const std::string_view line = bytes.substr(0, bytes.find('\r'));
  const std::size_t start = line.rfind(" HTTP/");
  if (start == std::string_view::npos) return false;
  const std::string_view version = line.substr(start + 6);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return version.size() == 3 && is_digit(version[0]) && version[1] == '.' && is_digit(version[2]);
}

// A header whose target has blanks within, with these encoded; "" if it has none. Clients exist
// that put names into paths as they are. Blanks at the target's ends stay: the line is malformed;
// so is one that names its version twice, which others may read otherwise.
std::string with_encoded_blanks(std::string_view header) {
  const std::string_view line = header.substr(0, header.find('\r'));
  const std::size_t begin = line.find(' ') + 1;
  const std::size_t end = line.rfind(" HTTP/");
  if (begin == 0 || end == std::string_view::npos || end <= begin) return {};
  const std::string_view target = line.substr(begin, end - begin);
  if (target.find(' ') == std::string_view::npos || target.front() == ' ' || target.back() == ' ' ||
      target.find(" HTTP/") != std::string_view::npos)
    return {};
  std::string encoded(header.substr(0, begin));
  for (const char c : target)
    encoded += c == ' ' ? std::string("%20") : std::string(1, c);
  return encoded.append(header.substr(end));
}

class Reader final : public beast::http::basic_parser<true> {
 public:
  Request* request = nullptr;
  int problem_status = 400;
  std::string_view problem = "the request is malformed";
  bool expects_continue = false;
  int http_version = 11;

 private:
  void refuse(error_code& ec, int status, std::string_view why) {
    problem_status = status;
    problem = why;
    ec = beast::http::error::bad_value;
  }

  void on_request_impl(beast::http::verb, string_view method, string_view target, int version,
                       error_code&) override {
    http_version = version;
    request->method = view(method);
    request->target = view(target);
  }
  void on_response_impl(int, string_view, int, error_code&) override {}

  void on_field_impl(beast::http::field kind, string_view name, string_view value,
                     error_code& ec) override {
    using beast::http::field;
    if (is_in_trailer_) return;  // nothing that came behind the body may act like a header
    switch (kind) {
      case field::host:
        if (++hosts_ > 1) refuse(ec, 400, "there is more than one Host header");
        if (view(value).find_first_of(" \t,/@\\?#") != std::string_view::npos) {
          refuse(ec, 400, "the Host header is malformed");
        }
        break;
      case field::content_length:
        if (++lengths_ > 1 || view(value).find(',') != std::string_view::npos) {
          refuse(ec, 400, "there is more than one Content-Length");
        }
        break;
      case field::transfer_encoding:
        has_transfer_encoding_ = true;
        if (!equals_ignoring_case(view(value), "chunked")) {
          refuse(ec, 501, "this transfer coding is not supported");
        }
        break;
      case field::expect:
        expects_continue = equals_ignoring_case(view(value), "100-continue");
        if (!expects_continue) refuse(ec, 417, "this expectation is not supported");
        break;
      default:
        break;
    }
    if (!ec) request->headers.add(view(name), std::string(view(value)));
  }

  void on_header_impl(error_code& ec) override {
    is_in_trailer_ = true;
    if (http_version < 11) {
      expects_continue = false;
      if (has_transfer_encoding_) refuse(ec, 400, "HTTP/1.0 has no transfer codings");
    } else if (hosts_ == 0) {
      refuse(ec, 400, "the Host header is missing");
    }
  }

  void on_body_init_impl(boost::optional<std::uint64_t> const& length, error_code&) override {
    if (length) request->body.reserve(static_cast<std::size_t>(*length));  // within the limit
  }
  std::size_t on_body_impl(string_view body, error_code&) override {
    request->body.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code&) override {
    request->body.append(body.data(), body.size());
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  int hosts_ = 0;
  int lengths_ = 0;
  bool has_transfer_encoding_ = false;
  bool is_in_trailer_ = false;
};

}  // namespace

struct RequestParser::Impl {
  std::optional<Reader> reader;
};

RequestParser::RequestParser(std::size_t header_limit, std::size_t body_limit)
    : header_limit_(header_limit), body_limit_(body_limit), impl_(std::make_unique<Impl>()) {
  reset();
}

RequestParser::~RequestParser() = default;

void RequestParser::reset() {
  Reader& reader = impl_->reader.emplace();
  reader.eager(true);
  reader.header_limit(std::numeric_limits<std::uint32_t>::max());  // limited in inspect_header()
  reader.body_limit(body_limit_);
  state_ = State::header;
  inspected_ = 0;
  expects_continue_ = false;
}

void RequestParser::fail(int status, std::string_view why) {
  state_ = State::failed;
  problem_ = http_error(status, std::string(why));
}

bool RequestParser::keep_alive() const {
  return impl_->reader->keep_alive();
}
bool RequestParser::is_http_1_0() const {
  return impl_->reader->http_version < 11;
}

bool RequestParser::inspect_header(std::string_view bytes) {
  bool complete = false;
  while (!complete && inspected_ < bytes.size()) {
    const std::size_t at = bytes.find('\n', inspected_);
    if (at == std::string_view::npos) {
      inspected_ = bytes.size();
      break;
    }
    if (at == 0 || bytes[at - 1] != '\r') {
      fail(400, "a line ends without carriage return");
      return false;
    }
    if (at >= 3 && bytes[at - 2] == '\n') {
      complete = true;
      inspected_ = at + 1;
    } else if (at + 1 == bytes.size()) {
      inspected_ = at;  // what follows this line is not here yet
      break;
    } else if (bytes[at + 1] == ' ' || bytes[at + 1] == '\t') {
      fail(400, "a header is folded");  // RFC 9112 §5.2
      return false;
    } else {
      inspected_ = at + 1;
    }
  }
  if ((complete ? inspected_ : bytes.size()) > header_limit_) {
    fail(431, "the request line and headers are too large");
    return false;
  }
  return complete;
}

std::size_t RequestParser::put(std::string_view bytes, Request& request) {
  std::size_t used = 0;
  if (state_ == State::header) {
    // RFC 9112 §2.2: empty lines before a request line are ignored.
    while (inspected_ == 0 && bytes.substr(used).starts_with("\r\n"))
      used += 2;
    bytes.remove_prefix(used);
    if (bytes.empty() || (inspected_ == 0 && bytes == "\r")) return used;
    const bool complete = inspect_header(bytes);
    if (!complete) {
      if (state_ == State::failed) guess_request_line(bytes, request);
      return used;
    }
  }
  Reader& reader = *impl_->reader;
  reader.request = &request;
  error_code ec;
  std::size_t taken = 0;
  if (state_ == State::header) {
    if (const std::string header = with_encoded_blanks(bytes.substr(0, inspected_));
        !header.empty()) {
      reader.put(boost::asio::const_buffer(header.data(), header.size()), ec);
      if (!ec) taken = inspected_;
    }
  }
  if (!ec && !reader.is_done() && taken < bytes.size()) {
    taken += reader.put(boost::asio::const_buffer(bytes.data() + taken, bytes.size() - taken), ec);
  }
  if (!ec || ec == beast::http::error::need_more) {
    expects_continue_ = reader.expects_continue;
    state_ = reader.is_done() ? State::done : State::body;
    return used + taken;
  }
  if (ec == beast::http::error::body_limit) {
    fail(413, "the request body is too large");
  } else if (ec == beast::http::error::bad_version && names_other_version(bytes)) {
    fail(505, "only HTTP/1.0 and HTTP/1.1 are supported");
  } else {
    fail(reader.problem_status, reader.problem);
  }
  guess_request_line(bytes, request);
  return used + taken;
}

}  // namespace mytoken::http
