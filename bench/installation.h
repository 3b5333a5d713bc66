// A whole server in one process for benchmarks: HTTP, API, use cases and database are the real
// ones; the provider is inside the process or a program beside it.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/api.h"
#include "http/server.h"
#include "net/curl_client.h"
#include "service/context.h"

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
// Answers 1.5 kB from memory: what HTTP alone costs.
inline constexpr std::string_view bare_path = "/api/v0/bench";

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
  // Opens the socket; result: its port.
  std::uint16_t listen();
  void run();  // until stop() is called from another thread
  void stop();

 private:
  struct Sealed;
  std::vector<Secret> refresh_tokens(std::size_t count);
  oidc::ProviderSettings provider_settings() const;

  InstallationOptions options_;
  SystemClock clock_;
  Log log_{2, LogLevel::error, Log::Format::text};
  std::unique_ptr<net::Resolver> resolver_;
  std::unique_ptr<net::HttpClient> http_;
  std::unique_ptr<http::Server> server_;  // its io_contexts outlive the database
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<service::Journal> journal_;
  oidc::Providers providers_;
  std::unique_ptr<service::Context> context_;
  std::optional<api::Api> api_;
  std::optional<http::Router> router_;
};

}  // namespace mytoken::bench
