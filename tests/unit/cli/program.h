// The real program on a pseudo-terminal.
#pragma once
#include <fcntl.h>
#include <pty.h>
#include <sys/wait.h>

#include "unit/cli/harness.h"

namespace mytoken::test {

// A running program with its terminal; stdout goes to a file.
class Program {
 public:
  Program(const Cli& cli, std::vector<std::string> arguments, unsigned short columns = 120) {
    out_ = cli.home / "stdout";
    arguments.insert(arguments.begin(), MYTOKEN_PROGRAM);
    std::vector<char*> argv;
    for (std::string& argument : arguments)
      argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::vector<std::string> variables{"HOME=" + cli.home.string(), "LC_ALL=C.UTF-8"};
    for (const auto& [name, value] : cli.environment)
      variables.push_back(name + "=" + value);
    std::vector<char*> envp;
    for (std::string& variable : variables)
      envp.push_back(variable.data());
    envp.push_back(nullptr);
    winsize size{50, columns, 0, 0};
    const std::string out = out_.string();
    pid_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
    if (pid_ == 0) {
      const int file = ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      ::dup2(file, 1);
      ::execve(argv[0], argv.data(), envp.data());
      ::_exit(127);
    }
  }
  ~Program() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(terminal_);
  }

  // Reads the terminal until `text` appears; false at its end.
  bool wait_for(const std::string& text) {
    while (shown.find(text) == std::string::npos) {
      if (!receive()) return false;
    }
    return true;
  }
  void type(const std::string& keys) {
    if (::write(terminal_, keys.data(), keys.size()) < 0) std::abort();
  }
  // The exit status; `shown` is complete then.
  int finish() {
    while (receive()) {
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  std::string out() const { return read_file(out_); }

  std::string shown;  // what the terminal got

 private:
  bool receive() {
    char buffer[4096];
    const ssize_t got = ::read(terminal_, buffer, sizeof buffer);
    if (got <= 0) return false;  // EIO: the other side is closed
    shown.append(buffer, static_cast<std::size_t>(got));
    return true;
  }

  std::filesystem::path out_;
  int terminal_ = -1;
  pid_t pid_ = -1;
};

}  // namespace mytoken::test
