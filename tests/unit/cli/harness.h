// Runs the command inside the test: own environment, clock, streams and home directory.
#pragma once
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/encoding.h"
#include "cli/app.h"
#include "unit/cli/fake_server.h"

namespace mytoken::test {

class FixedClock final : public Clock {
 public:
  std::chrono::sys_time<std::chrono::microseconds> precise() const override {
    return from_unix(1'780'000'000);
  }
};

struct Finished {
  int code = -1;
  std::string out;
  std::string err;
};

inline std::string read_file(const std::filesystem::path& path) {
  std::stringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}
inline void write_file(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
  std::filesystem::permissions(
      path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

// A JWT that looks like a mytoken of `issuer`; the signature is nonsense.
inline std::string fake_mytoken(const std::string& issuer, int seq_no = 1) {
  json::object payload{{"token_type", "mytoken"}, {"iss", issuer}, {"seq_no", seq_no}};
  return base64url(R"({"alg":"ES512","typ":"MT+JWT"})") + "." +
         base64url(json::serialize(payload)) + "." + base64url("signature");
}
inline std::string fake_access_token() {
  return base64url(R"({"alg":"ES256","typ":"at+jwt"})") + "." +
         base64url(R"({"iss":"https://op.example.org"})") + "." + base64url("signature");
}

inline FakeAnswer at_answer(const FakeRequest&) {
  return answer_json({{"access_token", "the-at"}, {"token_type", "Bearer"}, {"expires_in", 3600}});
}
inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A home directory of its own, removed at the end.
class Cli {
 public:
  Cli() {
    std::string name = (std::filesystem::temp_directory_path() / "mytoken-cli-XXXXXX").string();
    home = ::mkdtemp(name.data());
    std::filesystem::create_directory(home / "tmp");
    environment = {{"HOME", home.string()}, {"XDG_CACHE_HOME", (home / "cache").string()}};
  }
  ~Cli() { std::filesystem::remove_all(home); }

  Finished run(const std::vector<std::string>& arguments, const std::string& input = "") {
    const cli::Descriptors streams{memory("in"), memory("out"), memory("err"), nullptr};
    if (::write(streams.in, input.data(), input.size()) != static_cast<ssize_t>(input.size()))
      std::abort();
    ::lseek(streams.in, 0, SEEK_SET);
    cli::Console console(streams);
    cli::Context context{console};
    context.environment = [this](const char* name) -> std::optional<std::string> {
      const auto found = environment.find(name);
      if (found == environment.end()) return std::nullopt;
      return found->second;
    };
    context.clock = std::make_shared<FixedClock>();
    context.interruption = [this] { return stop.get_token(); };
    context.temporary_directory = home / "tmp";
    context.host_name = "host.example.org";
    Finished finished;
    finished.code = cli::run(arguments, context);
    finished.out = content(streams.out);
    finished.err = content(streams.err);
    for (const int descriptor : {streams.in, streams.out, streams.err})
      ::close(descriptor);
    return finished;
  }

  std::filesystem::path home;
  std::map<std::string, std::string> environment;
  std::stop_source stop;

 private:
  static int memory(const char* name) { return ::memfd_create(name, MFD_CLOEXEC); }
  static std::string content(int descriptor) {
    std::string text(static_cast<std::size_t>(::lseek(descriptor, 0, SEEK_END)), '\0');
    if (::pread(descriptor, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
      std::abort();
    return text;
  }
};

}  // namespace mytoken::test
