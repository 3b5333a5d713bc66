// mytoken completion: the scripts of the shells, and the hidden `__complete` that they ask.
#include "cli/command_completion.h"

#include <mytoken/inspect.h>
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/token_store.h"
#include "client/metadata_cache.h"
#include "token/capability.h"

namespace mytoken::cli {
namespace {

// bash splits words at '=' and ':' and replaces only the last piece.
constexpr std::string_view bash_script = R"sh(# mytoken completion for bash
_mytoken() {
  local words=() word='' piece='' i joins='' line text
  for ((i = 1; i <= COMP_CWORD; i++)); do
    piece=${COMP_WORDS[i]}
    if [[ $piece =~ ^[=:]+$ && i -gt 1 ]]; then
      words[${#words[@]}-1]+=$piece; joins=1; piece=''
    elif [[ $joins ]]; then
      words[${#words[@]}-1]+=$piece; joins=''
    else
      words+=("$piece")
    fi
  done
  word=${words[${#words[@]}-1]}
  COMPREPLY=()
  while IFS= read -r line; do
    text=${line%%$'\t'*}
    if [[ $text == :files ]]; then compopt -o default; return; fi
    COMPREPLY+=("${text#"${word%"$piece"}"}")
  done < <(mytoken __complete "${words[@]}" 2>/dev/null)
}
complete -F _mytoken mytoken
)sh";

constexpr std::string_view zsh_script = R"sh(#compdef mytoken
_mytoken() {
  local -a lines found
  local line
  lines=("${(@f)$(mytoken __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ $lines[1] == :files ]]; then _files; return; fi
  for line in $lines; do
    found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  (( $#found )) && _describe mytoken found
}
if [[ $funcstack[1] == _mytoken ]]; then _mytoken "$@"; else compdef _mytoken mytoken; fi
)sh";

constexpr std::string_view fish_script = R"sh(# mytoken completion for fish
function __mytoken_complete
    set -l current (commandline -ct)
    set -l words (commandline -opc) "$current"
    set -l found (mytoken __complete $words[2..-1] 2>/dev/null)
    if test "$found[1]" = :files
        __fish_complete_path "$current"
    else
        printf '%s\n' $found
    end
end
complete -c mytoken -f -a '(__mytoken_complete)'
)sh";

std::vector<Candidate> providers(const Context& context, const Config& config) {
  std::vector<Candidate> list;
  for (const auto& [name, issuer] : config.providers)
    list.push_back({name, issuer});
  const auto options = client_options(context);
  const client::MetadataCache cache(options.cache_directory, options.cache_lifetime);
  const auto server = client::parse_server_url(configured_server(context, config));
  const auto cached = server ? cache.load(*server, context.clock->now()) : std::nullopt;
  if (cached) {
    for (const auto& provider : cached->metadata.providers_supported)
      list.push_back({provider.issuer, provider.name});
  }
  return list;
}

std::vector<Candidate> values(const Context& context, const Config& config, ValueKind kind) {
  std::vector<Candidate> list;
  switch (kind) {
    case ValueKind::providers:
      return providers(context, config);
    case ValueKind::stored_tokens:
      for (const StoredToken& token : token_store(context).list())
        list.push_back({token.name, token.server});
      break;
    case ValueKind::capabilities:
      for (const std::string_view name : token::all_capabilities())
        list.push_back({std::string(name), std::string(token::description(name))});
      break;
    case ValueKind::servers:
      list.push_back({config.instance, "configured"});
      for (const StoredToken& token : token_store(context).list()) {
        const bool is_new = std::none_of(list.begin(), list.end(), [&](const Candidate& known) {
          return client::same_issuer(known.text, token.server);
        });
        if (is_new) list.push_back({token.server, "of the stored token " + token.name});
      }
      break;
    case ValueKind::none:
    case ValueKind::words:
    case ValueKind::files:
      break;
  }
  return list;
}

// No character that means something to a shell.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("._~:/@%+=,-").find(c) != std::string_view::npos;
  });
}

int run(Context& context, const std::optional<std::string>& shell) {
  const std::string wanted = shell.value_or("");
  if (wanted == "bash") return print(context, bash_script);
  if (wanted == "zsh") return print(context, zsh_script);
  if (wanted == "fish") return print(context, fish_script);
  return report(context, client::failure(client::ErrorKind::usage,
                                         "name a shell: mytoken completion bash, zsh or fish")
                             .error);
}

}  // namespace

int answer_completion(const CommandText& root, const std::vector<std::string>& words,
                      Context& context) {
  const auto config = load_config(context);
  const Config usable = config ? *config : Config();
  const auto completion =
      complete(root, words, [&](ValueKind kind) { return values(context, usable, kind); });
  std::string text = completion.are_files ? ":files\n" : "";
  for (const Candidate& candidate : completion.candidates) {
    // A shell reads what is put on its line, and servers name their providers as they like.
    if (is_plain(candidate.text)) text += candidate.text + "\t" + harmless(candidate.help) + "\n";
  }
  return context.console.result(text) ? done : not_stored;
}

void add_completion(Command root, Context& context) {
  auto shell = std::make_shared<std::optional<std::string>>();
  Command command = root.command("completion", "print the completion script of a shell");
  command.argument("shell", *shell, "bash, zsh or fish");
  command.runs([shell, &context] { return run(context, *shell); });
}

}  // namespace mytoken::cli
