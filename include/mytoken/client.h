// A mytoken server as an object: one Client per server address, nothing global. Every call that
// presents a mytoken takes a lease; a rotated token is committed to it before the call returns.
// Metadata is fetched at the first need and kept in memory and, if wanted, on disk. Sources: spec
// cli.md §2.2, api.md §3 to §8.
#pragma once
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mytoken/answers.h>
#include <mytoken/call.h>
#include <mytoken/metadata.h>
#include <mytoken/token_source.h>

namespace mytoken::client {

struct Options {
  std::string user_agent;    // "" = "mytoken client <version>"; shown in event histories
  std::string ca_file;       // PEM bundle; "" = the system's
  std::string ca_directory;  // hashed directory; "" = none
  // "" = what the environment says (HTTPS_PROXY, NO_PROXY); never used for this machine.
  std::string proxy;
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds total_timeout{20000};  // of one request
  // A server that is busy (429, 503) and says when to come again is asked once more if that is no
  // later; 0 = never.
  std::chrono::seconds longest_retry_after{30};
  std::size_t longest_answer = 1 << 20;   // bytes
  std::size_t longest_list = 16 << 20;    // bytes; lists and histories
  std::filesystem::path cache_directory;  // "" = metadata is not kept on disk
  std::chrono::seconds cache_lifetime{3600};
  std::function<std::chrono::sys_seconds()> date;  // empty: the system's clock
  std::shared_ptr<Timer> timer;                    // null: SystemTimer
};

struct AccessTokenRequest {
  std::vector<std::string> scope;     // empty: what the mytoken allows
  std::vector<std::string> audience;  // empty: likewise
  std::string comment;
};

struct MytokenRequest {
  std::string oidc_issuer;  // needed for an authorization; for a sub-token "" = that of the mytoken
  std::string restrictions;  // JSON array of clauses; "" = unrestricted (or what a profile says)
  std::optional<std::vector<std::string>> capabilities;  // absent: the server's default
  std::string name;
  std::string response_type;  // "", token, short_token, transfer_code
  std::string rotation;       // JSON object; "" = does not rotate (or what a profile says)
  int max_token_len = 0;      // 0: no limit
  std::string application_name;
  std::vector<std::string> include;  // names of profiles of the server
  std::vector<std::string> tags;
  bool tags_include_children = false;
  bool error_on_restrictions = true;  // sub-tokens: refuse rather than tighten silently
  // JSON object whose members are sent unless a member above says something else; "" = none. For
  // whatever this library does not know.
  std::string other_members;
};

struct Revocation {
  std::string mom_id;  // "" = the presented token itself
  bool recursive = false;
};

// A request to an endpoint that has no function of its own here.
struct Exchange {
  enum class Method { get, post, put, delete_ };
  enum class Token { none, bearer, in_body };

  Method method = Method::get;
  // Member of the configuration document, or of the user settings document, that has the address.
  std::string endpoint;
  std::vector<std::string> path;  // further segments, percent-encoded by the library
  std::string body;               // JSON object; "" = none
  Token token = Token::bearer;
  std::string token_member = "mytoken";  // of the body, for Token::in_body
  // HTTP Basic (RFC 7617) instead of a mytoken, if there is a user.
  std::string basic_user;
  Secret basic_password;
  bool is_long = false;  // Options::longest_list instead of longest_answer
};

// Thread-safe.
class MYTOKEN_API Client {
 public:
  // Error usage: not an https address (http only for this machine), see parse_server_url in spec
  // cli.md §1.13.
  static Outcome<std::unique_ptr<Client>> open(std::string_view server_url, Options options = {});
  // A server reached by the program ssh, with the mytoken that is bound to the user's key: leases
  // are not used, and may hold an empty token. User, port and key come from the configuration of
  // ssh. Calls that need another mytoken, or none, are errors (usage: not available over ssh). A
  // call lasts at most two minutes. Error usage: `host` is empty. Calls: network with code
  // ssh_failed, the program failed and has said why on stderr.
  static Outcome<std::unique_ptr<Client>> open_over_ssh(std::string_view host,
                                                        Options options = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  const std::string& server_url() const;

  // All calls: errors network, timeout, tls, protocol, server, cancelled; with a lease also what
  // the server says about the mytoken. usage: the server does not offer the function.

  Outcome<std::shared_ptr<const Metadata>> metadata(const Call& call = {});
  // The key set at jwks_uri, for verify_mytoken().
  Outcome<std::string> jwks(const Call& call = {});
  // The tree of capabilities (api.md §3.4): a JSON array as text.
  Outcome<std::string> capabilities(const Call& call = {});

  Outcome<AccessToken> access_token(TokenLease& lease, const AccessTokenRequest& request = {},
                                    const Call& call = {});

  Outcome<Mytoken> sub_token(TokenLease& lease, const MytokenRequest& request,
                             const Call& call = {});
  Outcome<Mytoken> redeem_transfer_code(const Secret& code, const Call& call = {});
  // For an existing token; only transfer_code and expires_in are set.
  Outcome<Mytoken> create_transfer_code(TokenLease& lease, const Call& call = {});

  // Starts a login in a browser. Show consent_uri to the user, then wait.
  Outcome<Authorization> start_authorization(const MytokenRequest& request, const Call& call = {});
  // Told the remaining time a few times per second.
  using Progress = std::function<void(std::chrono::seconds remaining)>;
  // Polls until the user decided or the code expired (errors consent_declined, polling_expired).
  // Network trouble and server failures are waited out; slow_down adds 5 s to the interval (RFC
  // 8628 §3.5).
  Outcome<Mytoken> wait_for_authorization(const Authorization& authorization,
                                          const Progress& progress = {}, const Call& call = {});
  // Asks once. Error server with code authorization_pending or slow_down: not yet.
  Outcome<Mytoken> poll(const Secret& polling_code, const Call& call = {});

  // `action`: introspect, event_history, subtokens, list_mytokens, notifications. `mom_ids`: other
  // tokens, also "this" and "children". A JSON object.
  Outcome<Document> tokeninfo(TokenLease& lease, const std::string& action,
                              const std::vector<std::string>& mom_ids = {}, const Call& call = {});
  // Introspection with a described use (JSON object; api.md §6): says which clause would permit it.
  Outcome<Document> introspect(TokenLease& lease, const std::string& use, const Call& call = {});
  Outcome<Done> revoke(TokenLease& lease, const Revocation& revocation = {}, const Call& call = {});
  // Of the mytoken itself or, with `mom_id`, of another one.
  Outcome<Done> add_tag(TokenLease& lease, const std::string& tag, const std::string& mom_id = "",
                        bool include_children = false, const Call& call = {});
  Outcome<Done> remove_tag(TokenLease& lease, const std::string& tag,
                           const std::string& mom_id = "", bool include_children = false,
                           const Call& call = {});

  // `lease` may be null if exchange.token is none. The answer without token_update, "{}" if it had
  // no content.
  Outcome<Document> exchange(TokenLease* lease, const Exchange& exchange, const Call& call = {});
  // wait_for_authorization for a request started by exchange(): the same exchange is repeated with
  // the polling code until there is an answer.
  Outcome<Document> wait_for(const Exchange& exchange, const Authorization& authorization,
                             const Progress& progress = {}, const Call& call = {});

 private:
  struct MYTOKEN_HIDDEN Impl;
  MYTOKEN_HIDDEN explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// `text` as an address to send secrets to: http(s), a host, no user, query or fragment; http only
// for localhost, 127.0.0.0/8 and [::1]. Result: the text without trailing slashes. Error usage
// otherwise (spec cli.md §1.13, W17, W19).
MYTOKEN_API Outcome<std::string> parse_server_url(std::string_view text);

// Equal but for one trailing slash.
MYTOKEN_API bool same_issuer(std::string_view a, std::string_view b);

}  // namespace mytoken::client
