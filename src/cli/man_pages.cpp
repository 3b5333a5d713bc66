// What no command says about itself (exit codes, environment, files) stands in tables here.
#include "cli/man_pages.h"

#include <array>
#include <string_view>

namespace mytoken::cli {
namespace {

struct Entry {
  std::string_view name;
  std::string_view meaning;
};

constexpr std::array<Entry, 6> exit_codes{
    {{"0", "done, also for help"},
     {"1",
      "refused by the server, which also means that it lacks the function, or by the user at "
      "the consent page"},
     {"2", "wrong flags, configuration or values, or no usable mytoken"},
     {"3", "the server cannot be reached, is busy or failed; the same command may work later"},
     {"4", "interrupted, or nobody approved in time"},
     {"5",
      "the result was obtained, but it or a rotated mytoken could not be written where it "
      "belongs"}}};

constexpr std::array<Entry, 20> variables{
    {{"MYTOKEN_URL", "address of the server, as --url"},
     {"MYTOKEN_CONFIG, MYTOKEN_CONF", "configuration file, as --config"},
     {"MYTOKEN", "a mytoken"},
     {"MYTOKEN_FILE", "a file with a mytoken, as --MT-file"},
     {"MYTOKEN_NAME", "name of a stored mytoken, as --MT-name"},
     {"MYTOKEN_PROVIDER", "the provider to log in at, as --provider"},
     {"MYTOKEN_PROFILE", "as --profile"},
     {"MYTOKEN_RESTRICTIONS, MYTOKEN_RESTRICTION", "as --restrictions"},
     {"MYTOKEN_ROTATION", "as --rotation"},
     {"MYTOKEN_TC", "a transfer code, as --TC"},
     {"MOM_ID", "id of another mytoken, as --mom-id of revoke"},
     {"BEARER_TOKEN", "a token (WLCG bearer token discovery)"},
     {"BEARER_TOKEN_FILE", "a file with a token (WLCG bearer token discovery)"},
     {"XDG_RUNTIME_DIR", "where mt_uID and bt_uID are looked for (WLCG bearer token discovery)"},
     {"XDG_CONFIG_HOME, XDG_CACHE_HOME, XDG_DATA_HOME, XDG_STATE_HOME",
      "folders for configuration, what is known of servers, stored tokens, interrupted logins"},
     {"HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "proxies; never used for this machine"},
     {"SSL_CERT_FILE, SSL_CERT_DIR", "trusted certificates instead of the system's"},
     {"NO_COLOR, CLICOLOR, CLICOLOR_FORCE", "whether results are coloured"},
     {"DISPLAY, WAYLAND_DISPLAY", "there is a desktop whose browser can be opened for a login"},
     {"SSH_CONNECTION", "the desktop is elsewhere: no browser is opened"}}};

constexpr std::array<Entry, 7> files{
    {{"~/.config/mytoken/config.yaml, ~/.mytoken/config.yaml",
      "configuration; the first one that exists"},
     {"~/.local/share/mytoken/tokens/",
      "stored mytokens: what is known about them, and those that are not in the keyring"},
     {"~/.local/state/mytoken/logins/", "logins that were interrupted, until their time is over"},
     {"~/.cache/mytoken/", "what servers said about themselves, for an hour"},
     {"FILE.lock", "lock beside a file with a mytoken: only one process at a time uses it"},
     {"FILE.rescue-*", "a rotated mytoken that could not be written to FILE"},
     {"/usr/share/doc/mytoken/example-config.yaml", "an example with all keys"}}};

std::string escaped(std::string_view text) {
  std::string roff;
  for (const char c : text) {
    if (c == '\\') {
      roff += "\\e";
    } else if (c == '-') {
      roff += "\\-";
    } else if (c == '\'') {
      roff += "\\(aq";
    } else {
      roff += c;
    }
  }
  // At the start of a line a dot would begin a request.
  return roff.starts_with('.') ? "\\&" + roff : roff;
}

// The argument of a macro, which quotes delimit.
std::string quoted(std::string_view text) {
  std::string inner;
  for (const char c : escaped(text))
    inner += c == '"' ? std::string("\\(dq") : std::string(1, c);
  return "\"" + inner + "\"";
}

std::string heading(std::string_view page, std::string_view help) {
  return ".TH " + quoted(page) + " 1 " + quoted("") + " " + quoted("mytoken " MYTOKEN_VERSION) +
         " " + quoted("mytoken") + "\n.SH NAME\n" + escaped(page) + " \\- " + escaped(help) + "\n";
}

template <std::size_t N>
std::string section(std::string_view title, const std::array<Entry, N>& entries) {
  std::string roff = ".SH " + quoted(title) + "\n";
  for (const Entry& entry : entries)
    roff += ".TP\n.B " + quoted(entry.name) + "\n" + escaped(entry.meaning) + "\n";
  return roff;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names)
    text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string options(const std::vector<FlagText>& flags) {
  std::string roff;
  for (const FlagText& flag : flags) {
    if (CommandText::shown(flag) == "--help") continue;  // on the main page, for all
    roff += ".TP\n.B " + quoted(joined(flag.names) + (flag.value.empty() ? "" : " " + flag.value)) +
            "\n" + escaped(flag.help) + "\n";
  }
  return roff;
}

std::string usage(const std::string& name, const CommandText& command) {
  std::string line = name + " [flags]";
  for (const FlagText& argument : command.arguments)
    line += " [" + argument.names.front() + "]";
  if (!command.commands.empty()) line += command.runs ? " [command]" : " command";
  return line;
}

// The commands below `command`, each as a part of its own.
std::string inner_commands(const std::string& name, const CommandText& command) {
  std::string roff;
  for (const CommandText& inner : command.commands) {
    const std::string full = name + " " + inner.names.front();
    roff += ".SS " + quoted(usage(full, inner)) + "\n" + escaped(inner.help) + "\n";
    if (inner.names.size() > 1) {
      const std::vector<std::string> aliases(inner.names.begin() + 1, inner.names.end());
      roff += ".PP\nAlso: " + escaped(joined(aliases)) + "\n";
    }
    roff += options(inner.arguments) + options(inner.flags) + inner_commands(full, inner);
  }
  return roff;
}

std::string page_of(const CommandText& command) {
  const std::string name = "mytoken " + command.names.front();
  std::string roff = heading("mytoken-" + command.names.front(), command.help);
  roff += ".SH SYNOPSIS\n.B " + quoted(usage(name, command)) + "\n";
  if (command.names.size() > 1) {
    const std::vector<std::string> aliases(command.names.begin() + 1, command.names.end());
    roff += ".PP\nAlso: " + escaped(joined(aliases)) + "\n";
  }
  if (const std::string text = options(command.arguments) + options(command.flags); !text.empty())
    roff += ".SH OPTIONS\n" + text;
  if (!command.commands.empty()) roff += ".SH COMMANDS\n" + inner_commands(name, command);
  return roff + ".SH SEE ALSO\n.BR mytoken (1)\n";
}

std::string main_page(const CommandText& root) {
  std::string roff = heading("mytoken", root.help);
  roff += ".SH SYNOPSIS\n.B " + quoted("mytoken [flags] command") +
          "\n.SH DESCRIPTION\nA mytoken gets access tokens for services, from any machine, as long "
          "and as often as its restrictions allow. Results are written to standard output, "
          "everything else to standard error.\n.SH COMMANDS\n";
  for (const CommandText& command : root.commands)
    roff += ".TP\n.B " + quoted(joined(command.names)) + "\n" + escaped(command.help) + "\n";
  roff +=
      ".SH OPTIONS\nThese can stand behind any command, too.\n.TP\n.B \"\\-h, \\-\\-help\"\nshow "
      "what can be said\n" +
      options(root.flags);
  roff += section("EXIT STATUS", exit_codes) + section("ENVIRONMENT", variables) +
          section("FILES", files) + ".SH SEE ALSO\n";
  for (std::size_t i = 0; i < root.commands.size(); ++i) {
    roff += ".BR " + escaped("mytoken-" + root.commands[i].names.front()) + " (1)" +
            (i + 1 < root.commands.size() ? "," : "") + "\n";
  }
  return roff;
}

}  // namespace

std::map<std::string, std::string> man_pages(const CommandText& root) {
  std::map<std::string, std::string> pages{{"mytoken.1", main_page(root)}};
  for (const CommandText& command : root.commands)
    pages["mytoken-" + command.names.front() + ".1"] = page_of(command);
  return pages;
}

}  // namespace mytoken::cli
