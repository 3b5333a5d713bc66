// The whole server in one process for benchmarks, with tokens for the load; the provider is inside
// the process or a program beside it. Beside the server listens a second one with the same HTTP and
// nothing behind it: the ceiling.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "app/server.h"

namespace mytoken::bench {

struct InstallationOptions {
  std::filesystem::path folder;  // holds the database
  crypto::Algorithm algorithm = crypto::Algorithm::es512;
  std::string issuer;                  // "" = the provider in this process, else reached over curl
  std::chrono::milliseconds delay{0};  // of the provider in this process
  unsigned threads = 1;
};

// Of the provider in this process.
inline constexpr std::string_view in_process_issuer = "https://provider.bench.example";
// Of the bare server: answers 1.5 kB from memory.
inline constexpr std::string_view bare_path = "/api/v0/bare";

class Installation {
 public:
  // Throws std::runtime_error if something cannot be opened.
  explicit Installation(InstallationOptions options);
  ~Installation();
  Installation(const Installation&) = delete;
  Installation& operator=(const Installation&) = delete;

  // Makes `count` mytokens with refresh tokens of their own and writes them to the files "jwt" and
  // "short" of the folder, one per line.
  void make_tokens(std::size_t count);
  std::uint16_t port() const { return instance_->port(); }
  std::uint16_t bare_port() const { return bare_->ports().at(0); }
  // Ends both servers.
  void stop();

 private:
  struct Sealed;
  void start_bare();
  std::vector<Secret> refresh_tokens(std::size_t count);
  oidc::ProviderSettings provider_settings() const;

  InstallationOptions options_;
  SystemClock clock_;
  Log log_{2, LogLevel::error, Log::Format::text};
  std::unique_ptr<net::HttpClient> provider_;  // null: over curl
  std::unique_ptr<app::Instance> instance_;
  http::Router bare_router_;
  std::unique_ptr<http::Server> bare_;
  std::thread bare_thread_;
};

}  // namespace mytoken::bench
