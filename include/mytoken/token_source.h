// Where a mytoken comes from and where its successor goes. A server may rotate the token in any
// answer; the old one is dead from then on, so the new one must be safe before anybody sees the
// answer. A lease is the exclusive right to use a token for one or several requests. Source: spec
// cli.md §2.2 and §4.8.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <mytoken/call.h>
#include <mytoken/error.h>
#include <mytoken/secret.h>

namespace mytoken::client {

// Not thread-safe; ends with its destruction.
class MYTOKEN_API TokenLease {
 public:
  virtual ~TokenLease();
  // The newest token, also after commit().
  virtual const Secret& token() const = 0;
  // Stores the successor; returns when it is safe. On an error (kind token_source) token() is the
  // successor all the same, and the text says where it was rescued to.
  virtual Outcome<void> commit(const Secret& successor) = 0;
};

// Thread-safe; must outlive its leases.
class MYTOKEN_API TokenSource {
 public:
  virtual ~TokenSource();
  // Waits for other users of the same token. Errors: token_source, timeout (deadline, or 60 s),
  // cancelled.
  virtual Outcome<std::unique_ptr<TokenLease>> acquire(const Call& call) = 0;
};

// A token in memory. `on_rotation` is told every successor and decides whether it is safe.
class MYTOKEN_API MemoryTokenSource final : public TokenSource {
 public:
  using OnRotation = std::function<Outcome<void>(const Secret& successor)>;
  explicit MemoryTokenSource(Secret token, OnRotation on_rotation = {});
  ~MemoryTokenSource() override;
  Outcome<std::unique_ptr<TokenLease>> acquire(const Call& call) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// The first line of a file (LF or CRLF; other lines are kept). A lease holds an exclusive flock on
// FILE.lock, so that processes take turns; without permission to create that file, on FILE itself.
// Symbolic links are followed once, then the target is replaced (temporary file, 0600, fsync,
// rename, fsync of the directory). On NFS the lock needs NFSv4.
class MYTOKEN_API FileTokenSource final : public TokenSource {
 public:
  // A successor that cannot be stored goes to the first of these directories that takes it; the
  // file's own directory is tried before them.
  explicit FileTokenSource(std::filesystem::path file,
                           std::vector<std::filesystem::path> rescue_directories = {});
  Outcome<std::unique_ptr<TokenLease>> acquire(const Call& call) override;

  // The token without a lease, for looking at it only.
  Outcome<Secret> peek() const;

 private:
  std::filesystem::path file_;
  std::vector<std::filesystem::path> rescue_directories_;
};

// `code` of an error of commit(): stored elsewhere, or nowhere at all.
inline constexpr const char* token_rescued = "token_rescued";
inline constexpr const char* token_lost = "token_lost";

}  // namespace mytoken::client
