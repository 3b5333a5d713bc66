// bench-load: sends requests to a server on this machine and prints what came back as one line of
// key=value pairs, for scripts/bench.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>

#include "load_client.h"

namespace {

double milliseconds(std::chrono::nanoseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}

std::string get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
}

std::string post(const std::string& path, const std::string& body) {
  return "POST " + path +
         " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

// One request per line of `file`, the line in place of the @ of the body.
std::vector<std::string> requests_of(const std::string& path, const std::string& body,
                                     const std::string& file) {
  if (body.empty()) return {get(path)};
  const std::size_t mark = body.find('@');
  if (mark == std::string::npos || file.empty()) return {post(path, body)};
  std::vector<std::string> requests;
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    std::string filled = body;
    filled.replace(mark, 1, line);
    requests.push_back(post(path, filled));
  }
  return requests;
}

// Whoever started us looks at the other processes between the line and his answer.
void tell(std::string_view moment) {
  std::printf("%.*s\n", static_cast<int>(moment.size()), moment.data());
  std::fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
}

}  // namespace

int main(int argc, char** argv) {
  mytoken::bench::LoadPlan plan;
  std::string path = "/";
  std::string body;
  std::string values;
  std::string greet;
  bool marks = false;
  double warm_up = 1;
  double seconds = 4;

  CLI::App app("Load generator: keep-alive connections, one request in flight on each");
  app.add_option("--port", plan.ports, "of each server")->required();
  app.add_option("--pid", plan.server, "process whose processor time and memory are reported");
  app.add_option("--connections", plan.connections);
  app.add_option("--path", path);
  app.add_option("--body", body, "of a POST, JSON; without it the request is a GET");
  app.add_option("--values", values, "file; its lines take the place of @ in the body in turn");
  app.add_option("--greet", greet, "path of a GET on each connection before the clock starts");
  app.add_flag("--once", plan.once, "every request once, instead of --seconds");
  app.add_option("--warm-up", warm_up, "seconds");
  app.add_flag("--marks", marks,
               "print start and stop around the counting, each answered by a line");
  app.add_option("--seconds", seconds);
  CLI11_PARSE(app, argc, argv);

  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  try {
    plan.requests = requests_of(path, body, values);
    if (!greet.empty()) plan.greeting = get(greet);
    plan.warm_up = std::chrono::milliseconds(static_cast<long>(warm_up * 1000));
    plan.duration = std::chrono::milliseconds(static_cast<long>(seconds * 1000));
    if (marks) plan.mark = tell;
    const auto result = mytoken::bench::run_load(plan);
    const auto requests = static_cast<double>(result.requests);
    const double elapsed = milliseconds(result.time) / 1000;
    std::printf(
        "requests=%.0f failed=%lu seconds=%.3f rps=%.1f p50=%.3f p99=%.3f cpu=%.2f rss=%.1f\n",
        requests, static_cast<unsigned long>(result.failed), elapsed,
        elapsed > 0 ? requests / elapsed : 0, milliseconds(result.latencies.quantile(0.5)),
        milliseconds(result.latencies.quantile(0.99)),
        requests > 0 ? milliseconds(result.server_time) * 1000 / requests : 0,
        result.peak_megabytes);
    if (result.failed > 0) {
      std::fprintf(stderr, "bench-load: %lu requests failed, the first with:\n%s\n",
                   static_cast<unsigned long>(result.failed), result.first_failure.c_str());
      return 1;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-load: error: %s\n", error.what());
    return 1;
  }
  return 0;
}
