// One HTTP/1.x request from bytes: Beast's parser (RFC 9112) behind a small interface, with the
// checks that are left to the user of Beast: bare line feeds, folded lines, Host, repeated
// Content-Length, transfer codings, Expect, trailers.
#pragma once
#include <cstddef>
#include <memory>
#include <string_view>

#include "http/message.h"

namespace mytoken::http {

class RequestParser {
 public:
  // `header_limit`: bytes of request line and headers; `body_limit`: bytes of the body as sent.
  RequestParser(std::size_t header_limit, std::size_t body_limit);
  ~RequestParser();

  // For the next request.
  void reset();

  enum class State { header, body, done, failed };
  // Reads from the unread bytes of the connection into `request` (method, target, headers, body).
  // Returns how many bytes it is done with; the rest must be offered again with more behind it.
  // Offered bytes may move in between.
  std::size_t put(std::string_view bytes, Request& request);

  State state() const { return state_; }
  bool keep_alive() const;                                     // after `done`
  bool is_http_1_0() const;                                    // after the header
  bool expects_continue() const { return expects_continue_; }  // in `body`
  const Error& problem() const { return problem_; }            // after `failed`
  void fail(int status, std::string_view why);

 private:
  struct Impl;
  // True if the header is complete. Fails on what Beast would take or wait for.
  bool inspect_header(std::string_view bytes);

  std::size_t header_limit_;
  std::size_t body_limit_;
  State state_ = State::header;
  std::size_t inspected_ = 0;
  bool expects_continue_ = false;
  Error problem_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mytoken::http
