// Where a mytoken comes from and where its successor goes. A server may rotate the token in any
// answer; the old one is dead from then on, so the new one must be safe before anybody sees the
// answer. A lease is the exclusive right to use a token for one or several requests. Source: spec
// cli.md §2.2 and §4.8.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
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
  // Reads the source again, where somebody may have put another token meanwhile; token() stays as
  // it is if that fails. Called when an answer was lost, before the request is made once more.
  virtual void refresh();
};

// Thread-safe; must outlive its leases.
class MYTOKEN_API TokenSource {
 public:
  virtual ~TokenSource();
  // Waits for other users of the same token. Errors: token_source, timeout (deadline, or 60 s),
  // cancelled.
  virtual Outcome<std::unique_ptr<TokenLease>> acquire(const Call& call) = 0;
};

// A token in memory. `on_rotation` is told every successor and decides whether it is safe; an
// exception from there counts as "not stored".
class MYTOKEN_API MemoryTokenSource final : public TokenSource {
 public:
  using OnRotation = std::function<Outcome<void>(const Secret& successor)>;
  explicit MemoryTokenSource(Secret token, OnRotation on_rotation = {});
  ~MemoryTokenSource() override;
  Outcome<std::unique_ptr<TokenLease>> acquire(const Call& call) override;

  struct MYTOKEN_HIDDEN State;

 private:
  std::shared_ptr<State> state_;
};

// The environment variable `name`, without white space at its ends. Nothing can be put back there:
// this object keeps a successor for its own leases, and commit() reports it as lost, so that the
// program tells its user.
class MYTOKEN_API EnvironmentTokenSource final : public TokenSource {
 public:
  explicit EnvironmentTokenSource(std::string name);
  ~EnvironmentTokenSource() override;
  Outcome<std::unique_ptr<TokenLease>> acquire(const Call& call) override;

 private:
  std::string name_;
  std::shared_ptr<MemoryTokenSource::State> state_;
};

// A store of the program's own. Leases of one object take turns; what other processes do is the
// program's business: `read` is called with the turn held.
class MYTOKEN_API CallbackTokenSource final : public TokenSource {
 public:
  using Read = std::function<Outcome<Secret>()>;
  using Store = std::function<Outcome<void>(const Secret& successor)>;
  // Without `store` a successor is reported as lost.
  explicit CallbackTokenSource(Read read, Store store = {});
  ~CallbackTokenSource() override;
  Outcome<std::unique_ptr<TokenLease>> acquire(const Call& call) override;

 private:
  Read read_;
  std::shared_ptr<MemoryTokenSource::State> state_;
};

// The first of several sources that has a token. One that has none (error codes no_token and
// no_keyring) is passed over; every other error ends the search, lest a mistake choose another
// token unseen.
class MYTOKEN_API ChainTokenSource final : public TokenSource {
 public:
  explicit ChainTokenSource(std::vector<std::shared_ptr<TokenSource>> sources);
  ~ChainTokenSource() override;
  Outcome<std::unique_ptr<TokenLease>> acquire(const Call& call) override;

 private:
  std::vector<std::shared_ptr<TokenSource>> sources_;
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
  ~FileTokenSource() override;
  Outcome<std::unique_ptr<TokenLease>> acquire(const Call& call) override;

  // The token without a lease, for looking at it only.
  Outcome<Secret> peek() const;

 private:
  std::filesystem::path file_;
  std::vector<std::filesystem::path> rescue_directories_;
};

// Makes `file` hold `token` and a line end: 0600, replaced as a whole or not at all, on disk when
// this returns. For a token that just came; successors are the business of leases. Error
// token_source.
MYTOKEN_API Outcome<void> write_token_file(const std::filesystem::path& file, const Secret& token);

// `code` of an error of acquire(): there is no token in this source.
inline constexpr const char* no_token = "no_token";
// `code` of an error of commit(): stored elsewhere, or nowhere at all.
inline constexpr const char* token_rescued = "token_rescued";
inline constexpr const char* token_lost = "token_lost";

// One call, or several, with a lease of their own: what `function` makes of the lease (an Outcome),
// or why there was none. `function` takes a TokenLease&.
template <class Function>
auto with_token(TokenSource& source, const Call& call, Function&& function)
    -> decltype(function(std::declval<TokenLease&>())) {
  auto lease = source.acquire(call);
  if (!lease) return failure(std::move(lease.error()));
  return function(**lease);
}
// The same for a token that is just a string. A successor is in the answer (token_update) and
// nowhere else.
template <class Function>
auto with_token(const Secret& token, const Call& call, Function&& function)
    -> decltype(function(std::declval<TokenLease&>())) {
  MemoryTokenSource source(token);
  return with_token(static_cast<TokenSource&>(source), call, std::forward<Function>(function));
}

}  // namespace mytoken::client
