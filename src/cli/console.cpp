// Plain descriptors instead of iostreams: complete writes, visible failures, no static
// initialisation.
#include "cli/console.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "cli/shown_text.h"

namespace mytoken::cli {
namespace {

constexpr std::size_t longest_line = 1 << 16;

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// Byte by byte, so that nothing behind the line is taken from whoever reads next.
std::optional<Secret> read_line_of(int descriptor, const std::stop_token& stop) {
  std::string line;
  line.reserve(longest_line);  // never reallocated: no copies of a token stay behind
  for (;;) {
    pollfd ready{descriptor, POLLIN, 0};
    const int events = ::poll(&ready, 1, 50);
    if (stop.stop_requested()) return std::nullopt;
    if (events == 0 || (events < 0 && errno == EINTR)) continue;
    char c = 0;
    const ssize_t got = ::read(descriptor, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 || (got == 0 && line.empty())) return std::nullopt;
    if (got == 0 || c == '\n') break;
    if (line.size() == longest_line) return std::nullopt;
    line += c;
  }
  if (line.ends_with('\r')) line.pop_back();
  return Secret(std::move(line));
}

// Switches echo off and, whatever happens, on again.
class WithoutEcho {
 public:
  explicit WithoutEcho(int terminal)
      : terminal_(terminal), is_set_(::tcgetattr(terminal, &before_) == 0) {
    if (!is_set_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE | ECHOK | ECHONL);
    ::tcsetattr(terminal_, TCSAFLUSH, &silent);
  }
  ~WithoutEcho() {
    if (is_set_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
  }
  WithoutEcho(const WithoutEcho&) = delete;
  WithoutEcho& operator=(const WithoutEcho&) = delete;

 private:
  int terminal_;
  termios before_{};
  bool is_set_;
};

int open_terminal(const Descriptors& descriptors) {
  if (!descriptors.terminal) return -1;
  return ::open(descriptors.terminal, O_RDWR | O_CLOEXEC | O_NOCTTY);
}

}  // namespace

Console::Console(Descriptors descriptors)
    : descriptors_(descriptors),
      is_interactive_(::isatty(descriptors.err) == 1),
      result_is_for_people_(::isatty(descriptors.out) == 1) {}

int Console::columns() const {
  winsize size{};
  if (!is_interactive_ || ::ioctl(descriptors_.err, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

bool Console::result(std::string_view text) {
  return write_all(descriptors_.out, text);
}

void Console::note(std::string_view text) {
  // Nobody can be told that stderr is closed.
  (void)write_all(descriptors_.err, text);
}

void Console::line(std::string_view kind, std::string_view text) {
  std::string whole = "mytoken: ";
  whole.append(kind).append(": ").append(harmless(text)).append("\n");
  note(whole);
}

std::optional<Secret> Console::read_line(const std::stop_token& stop) {
  return read_line_of(descriptors_.in, stop);
}

std::optional<Secret> Console::converse(std::string_view question, bool echoes,
                                        const std::stop_token& stop) {
  const int terminal = open_terminal(descriptors_);
  if (terminal < 0) return read_line(stop);
  std::optional<Secret> answer;
  if (echoes) {
    (void)write_all(terminal, question);
    answer = read_line_of(terminal, stop);
    if (!answer) (void)write_all(terminal, "\n");
  } else {
    const WithoutEcho silence(terminal);
    (void)write_all(terminal, question);
    answer = read_line_of(terminal, stop);
    (void)write_all(terminal, "\n");
  }
  ::close(terminal);
  return answer;
}

std::optional<Secret> Console::prompt(std::string_view question, const std::stop_token& stop) {
  return converse(question, false, stop);
}

std::optional<Secret> Console::ask(std::string_view question, const std::stop_token& stop) {
  return converse(question, true, stop);
}

void Console::show(std::string_view text) {
  const int terminal = open_terminal(descriptors_);
  if (terminal < 0) return note(text);
  (void)write_all(terminal, text);
  ::close(terminal);
}

}  // namespace mytoken::cli
