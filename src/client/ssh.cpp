// A server that is reached over ssh: the same exchanges, done by the ssh program with the mytoken
// that is bound to the user's key (spec ssh.md, cli.md §1.10).
#include "base/encoding.h"
#include "client/impl.h"
#include "client/ssh_process.h"
#include "client/ssh_requests.h"

namespace mytoken::client {

Outcome<std::unique_ptr<Client>> Client::open_over_ssh(std::string_view host, Options options) {
  if (host.empty() || host.find('\0') != std::string_view::npos)
    return failure(ErrorKind::usage, "the host for ssh is empty or malformed");
  auto impl = std::make_unique<Impl>("ssh://" + std::string(host), std::move(options));
  impl->ssh_host = host;
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

Outcome<json::value> Client::Impl::perform_over_ssh(const Exchange& exchange, json::object members,
                                                    const Call& call) {
  auto request = ssh_request_for(exchange, std::move(members));
  if (!request) return failure(std::move(request.error()));
  std::vector<std::string> words{request->word};
  if (!request->payload.empty()) {
    // Quotes in names and comments survive only as base64.
    words.emplace_back("application/json;base64");
    words.push_back(base64(json::serialize(request->payload)));
  }
  auto output = run_ssh(ssh_host, words,
                        exchange.is_long ? options.longest_list : options.longest_answer, call);
  if (!output) return failure(std::move(output.error()));
  auto answer = parse_ssh_answer(*request, output->status, output->text.reveal());
  if (!answer) return failure(std::move(answer.error()));
  return json::value(std::move(*answer));
}

}  // namespace mytoken::client
