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
#include "shapes.h"

namespace mytoken::bench {

struct InstallationOptions {
  std::filesystem::path folder;  // holds signing keys and journals, and the embedded database
  Secret database_url;           // of PostgreSQL; empty = the embedded one
  crypto::Algorithm algorithm = crypto::Algorithm::es512;
  std::string issuer;                  // "" = the provider in this process, else reached over curl
  std::chrono::milliseconds delay{0};  // of the provider in this process
  bool rotating = false;               // whether that one rotates refresh tokens
  unsigned threads = 1;
};

// Of the provider in this process.
inline constexpr std::string_view in_process_issuer = "https://provider.bench.example";
// Of the bare server: answers 1.5 kB from memory.
inline constexpr std::string_view bare_path = "/api/v0/bare";
// Of the same: round trips to PostgreSQL and repeated functions since the start, as two numbers.
inline constexpr std::string_view counters_path = "/api/v0/counters";

class Installation {
 public:
  // Throws std::runtime_error if something cannot be opened.
  explicit Installation(InstallationOptions options);
  ~Installation();
  Installation(const Installation&) = delete;
  Installation& operator=(const Installation&) = delete;

  // Makes `count` mytokens with refresh tokens of their own and writes them to the files "jwt" and
  // "short" of the folder, one per line.
  void make_tokens(std::size_t count, Shape shape = Shape::usual);
  std::uint16_t port() const { return instance_->port(); }
  service::Context& context() { return instance_->context(); }
  oidc::ProviderSettings provider_settings() const;
  std::uint16_t bare_port() const { return bare_->ports().at(0); }
  // Ends both servers.
  void stop();

 private:
  struct Sealed;
  void start_bare();
  std::vector<Secret> refresh_tokens(std::size_t count);
  app::SigningKeyFile key_of(crypto::Algorithm algorithm) const;

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
