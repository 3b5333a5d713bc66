// Logs a user in and keeps the mytoken in a file; later runs take access tokens out of it.
//
//   login SERVER PROVIDER FILE
//
// The first run shows an address to open in a browser. Every run prints an access token. Uses the
// C++ interface of libmytoken; docs/library.md explains it step by step.
#include <mytoken/client.h>
#include <mytoken/inspect.h>

#include <filesystem>
#include <iostream>

using namespace mytoken::client;

namespace {

// Errors are values; their kind says what could be done about them.
int complain(const ClientError& error) {
  std::cerr << "login: error: " << error.text() << '\n';
  if (error.is_transient()) std::cerr << "login: hint: try again later\n";
  return 1;
}

// A mytoken for access tokens of one week, after the user agreed in the browser.
Outcome<Mytoken> log_in(Client& server, const std::string& provider) {
  MytokenRequest request;
  request.oidc_issuer = provider;
  request.name = "example";
  request.application_name = "example of libmytoken";
  request.capabilities = {"AT", "tokeninfo"};
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto end = std::chrono::duration_cast<std::chrono::seconds>(now) + std::chrono::days(7);
  request.restrictions = R"([{"exp":)" + std::to_string(end.count()) + "}]";
  request.rotation = R"({"on_AT":true})";

  auto waiting = server.start_authorization(request);
  if (!waiting) return failure(std::move(waiting.error()));
  std::cerr << "open this address: " << waiting->consent_uri << '\n';
  return server.wait_for_authorization(*waiting);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    std::cerr << "usage: login SERVER PROVIDER FILE\n";
    return 2;
  }
  // One object per server. It is thread-safe; nothing is requested yet.
  auto server = Client::open(arguments[1]);
  if (!server) return complain(server.error());
  const std::filesystem::path file = arguments[3];

  if (!std::filesystem::exists(file)) {
    auto token = log_in(**server, arguments[2]);
    if (!token) return complain(token.error());
    // Readable by its user only, complete or not at all.
    if (auto written = write_token_file(file, token->mytoken); !written)
      return complain(written.error());
  }

  // The file as a source of the mytoken. The lease keeps other processes away; this token rotates,
  // so its successor is in the file before access_token() returns.
  FileTokenSource source(file);
  auto lease = source.acquire({});
  if (!lease) return complain(lease.error());
  auto answer = (*server)->access_token(**lease, {{}, {}, "example"});
  if (!answer) return complain(answer.error());
  if (answer->token_update && answer->token_update->not_stored)
    complain(*answer->token_update->not_stored);  // says where the successor was saved
  std::cout << answer->access_token.reveal() << '\n';

  // What the token says about itself; nobody has to be asked.
  if (const auto claims = claims_of((*lease)->token().reveal()); claims && claims->expires) {
    const auto left = *claims->expires - std::chrono::system_clock::now();
    std::cerr << "the mytoken lives for "
              << std::chrono::duration_cast<std::chrono::hours>(left).count() << " more hours\n";
  }
  return 0;
}
