// The real program: on a pseudo-terminal (spinner, QR code, prompt, Ctrl-C), and several of it
// sharing one token file.
#include <gtest/gtest.h>

#include <atomic>

#include "unit/cli/program.h"

namespace mytoken {
namespace {

using test::answer_error;
using test::answer_json;
using test::at_answer;
using test::Cli;
using test::fake_mytoken;
using test::FakeAnswer;
using test::FakeRequest;
using test::FakeServer;
using test::Program;
using test::read_file;
using test::write_file;

FakeAnswer login(const FakeRequest& request, const FakeAnswer& polled) {
  if (string_member(request.json, "grant_type") == "polling_code") return polled;
  return answer_json({{"consent_uri", "https://mt.example.org/c/abcdefgh"},
                      {"polling_code", "p"},
                      {"expires_in", 300},
                      {"interval", 1}});
}

TEST(Program, a_login_shows_address_picture_and_spinner_and_prints_the_token_alone) {
  FakeServer server([](const FakeRequest& request) {
    return login(request, answer_json({{"mytoken", "the-mytoken"}, {"mytoken_type", "token"}}));
  });
  Cli cli;
  Program program(cli, {"MT", "--url", server.url()});
  EXPECT_TRUE(program.wait_for("https://mt.example.org/c/abcdefgh"));
  EXPECT_TRUE(program.wait_for("5:00 left"));
  EXPECT_EQ(program.finish(), 0);
  EXPECT_EQ(program.out(), "the-mytoken\n");
  EXPECT_NE(program.shown.find("\u2580"), std::string::npos);
  EXPECT_EQ(program.shown.find("the-mytoken"), std::string::npos);
  EXPECT_TRUE(program.shown.ends_with("\r\x1b[K"));  // the spinner is gone
}

TEST(Program, a_narrow_terminal_gets_no_picture_and_no_color_no_colours) {
  FakeServer server([](const FakeRequest& request) {
    return login(request, answer_error(401, "access_denied", "declined"));
  });
  Cli cli;
  Program narrow(cli, {"MT", "--url", server.url()}, 30);
  EXPECT_EQ(narrow.finish(), 1);
  EXPECT_EQ(narrow.shown.find("\u2588"), std::string::npos);
  EXPECT_NE(narrow.shown.find("mytoken: error: declined"), std::string::npos);
  Program plain(cli, {"MT", "--url", server.url(), "--no-color"});
  EXPECT_EQ(plain.finish(), 1);
  EXPECT_NE(plain.shown.find("\u2588"), std::string::npos);
  EXPECT_EQ(plain.shown.find("\x1b[97"), std::string::npos);
}

TEST(Program, control_c_ends_the_waiting_cleanly) {
  FakeServer server([](const FakeRequest& request) {
    return login(request, answer_error(428, "authorization_pending"));
  });
  Cli cli;
  Program program(cli, {"MT", "--url", server.url()});
  ASSERT_TRUE(program.wait_for("left"));
  program.type("\x03");
  EXPECT_EQ(program.finish(), 4);
  EXPECT_EQ(program.out(), "");
  EXPECT_NE(program.shown.find("\r\x1b[Kmytoken: error: interrupted\r\n"), std::string::npos);
}

TEST(Program, the_prompt_does_not_echo_and_stays_off_stdout) {
  FakeServer server([](const FakeRequest&) { return answer_json({{"access_token", "the-at"}}); });
  Cli cli;
  Program program(cli, {"AT", "--MT-prompt"});
  ASSERT_TRUE(program.wait_for("mytoken: "));
  program.type(fake_mytoken(server.url()) + "\n");
  EXPECT_EQ(program.finish(), 0);
  EXPECT_EQ(program.out(), "the-at\n");
  EXPECT_EQ(program.shown.find(fake_mytoken(server.url()).substr(0, 20)), std::string::npos);
}

TEST(Program, control_c_at_the_prompt_ends_it) {
  Cli cli;
  Program program(cli, {"AT", "--MT-prompt"});
  ASSERT_TRUE(program.wait_for("mytoken: "));
  program.type("\x03");
  EXPECT_EQ(program.finish(), 4);
}

TEST(Program, a_token_on_the_command_line_is_warned_about_on_a_terminal) {
  FakeServer server([](const FakeRequest&) { return answer_json({{"access_token", "the-at"}}); });
  Cli cli;
  Program program(cli, {"AT", "--MT", fake_mytoken(server.url())});
  EXPECT_EQ(program.finish(), 0);
  EXPECT_NE(program.shown.find("mytoken: warning: "), std::string::npos);
}

TEST(Program, two_processes_rotate_one_file_without_ever_presenting_an_old_token) {
  std::atomic<int> current = 1;
  std::atomic<int> stale = 0;
  std::string url;
  FakeServer server([&](const FakeRequest& request) {
    if (string_member(request.json, "mytoken") != fake_mytoken(url, current)) {
      ++stale;
      return answer_error(401, "invalid_token");
    }
    return answer_json({{"access_token", "at-" + std::to_string(current)},
                        {"token_update", json::object{{"mytoken", fake_mytoken(url, ++current)}}}});
  });
  url = server.url();
  Cli cli;
  const auto file = cli.home / "mt";
  write_file(file, fake_mytoken(url, 1));
  constexpr int rounds = 20;
  const std::string command = "for i in $(seq " + std::to_string(rounds) +
                              "); do \"$0\" AT --MT-file \"$1\" || exit 1; done";
  std::vector<pid_t> children;
  for (int child = 0; child < 2; ++child) {
    const std::string out = (cli.home / ("out" + std::to_string(child))).string();
    const std::string home = cli.home.string();
    const std::string token = file.string();
    const pid_t pid = ::fork();
    if (pid == 0) {
      const int descriptor = ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      ::dup2(descriptor, 1);
      const std::string variable = "HOME=" + home;
      const char* envp[] = {variable.c_str(), "PATH=/usr/bin:/bin", nullptr};
      const char* argv[] = {"sh", "-c", command.c_str(), MYTOKEN_PROGRAM, token.c_str(), nullptr};
      ::execve("/bin/sh", const_cast<char* const*>(argv), const_cast<char* const*>(envp));
      ::_exit(127);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = -1;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(stale, 0);
  EXPECT_EQ(current, 1 + 2 * rounds);
  EXPECT_EQ(read_file(file), fake_mytoken(url, current) + "\n");
  const std::string both = read_file(cli.home / "out0") + read_file(cli.home / "out1");
  EXPECT_EQ(std::count(both.begin(), both.end(), '\n'), 2 * rounds);
}

TEST(Program, a_command_that_is_run_does_not_see_a_transfer_code) {
  FakeServer server(at_answer);
  Cli cli;
  cli.environment["T"] = fake_mytoken(server.url());
  cli.environment["MYTOKEN_TC"] = "abcdefgh";
  Program program(cli, {"exec", "--MT-env", "T", "--env", "AT", "--", "/bin/sh", "-c",
                        "echo \"$AT ${MYTOKEN_TC-none}\""});
  EXPECT_EQ(program.finish(), 0) << program.shown;
  EXPECT_EQ(read_file(cli.home / "stdout"), "the-at none\n");
}

}  // namespace
}  // namespace mytoken
