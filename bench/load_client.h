// The client side of a load run: keep-alive connections on one epoll loop, each with one request in
// flight. It reads just enough HTTP to find the end of an answer and trusts its server.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "histogram.h"

namespace mytoken::bench {

struct LoadPlan {
  std::vector<std::uint16_t> ports;  // on 127.0.0.1; connection c goes to port c % ports
  std::size_t connections = 64;
  // Whole requests. Connection c sends numbers c, c + connections, … and starts again at the end.
  std::vector<std::string> requests;
  bool once = false;  // each request is sent once, and the run ends with the last answer
  std::chrono::milliseconds warm_up{1000};   // not counted; ignored with `once`
  std::chrono::milliseconds duration{4000};  // ignored with `once`
  std::string greeting;  // sent and answered on every connection before the clock starts
  pid_t server = 0;      // whose processor time and memory are reported; 0 = nobody's
  // Called when the counting starts and when it ends, between two requests.
  std::function<void(std::string_view)> mark;
};

struct LoadResult {
  std::uint64_t requests = 0;
  std::uint64_t failed = 0;  // status 400 and above
  std::string first_failure;
  std::chrono::nanoseconds time{0};
  Histogram latencies;
  std::chrono::nanoseconds server_time{0};  // user and system, all threads
  double peak_megabytes = 0;                // resident, since the counting began
};

// Throws std::runtime_error if the server cannot be reached or closes a connection.
LoadResult run_load(const LoadPlan& plan);

}  // namespace mytoken::bench
