// Public keys and entries of the ssh configuration.
#include "cli/ssh_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "unit/cli/harness.h"

namespace mytoken::cli {
namespace {

using test::read_file;
using test::write_file;

// Made with ssh-keygen; the fingerprint is what `ssh-keygen -lf` says.
constexpr const char* key_line =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID1D9ZbZpP9gR7I0v9TYDK/1efoHFT3vxDvPRlKC6f6B";
constexpr const char* key_fingerprint = "SHA256:1/lQwdxTlbxl2F3G0zpVH+6CvAS8+5dC3vCNOhByR9I";

struct Machine {
  test::Cli cli;
  Console console{Descriptors{0, 1, 2}};
  Context context{console};
  Machine() {
    context.environment = [this](const char* name) -> std::optional<std::string> {
      if (std::string(name) == "HOME") return cli.home.string();
      return std::nullopt;
    };
  }
};

TEST(PublicKey, has_the_fingerprint_of_ssh_keygen) {
  const auto key = parse_public_key(std::string(key_line) + " me@laptop here");
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(key->fingerprint, key_fingerprint);
  EXPECT_EQ(key->line, std::string(key_line) + " me@laptop here");
}

TEST(PublicKey, options_are_not_sent) {
  const auto key =
      parse_public_key(R"(command="echo ssh-ed25519 \" x",no-pty )" + std::string(key_line));
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(key->line, key_line);
}

TEST(PublicKey, anything_else_is_none) {
  const std::string line = key_line;
  for (const std::string& wrong :
       {std::string(), std::string("ssh-ed25519"), std::string("ssh-ed25519 AAAA"),
        "ssh-rsa " + line.substr(line.find(' ') + 1), line.substr(0, line.size() - 2), line + "\nx",
        line.substr(line.find(' ') + 1)}) {
    EXPECT_FALSE(parse_public_key(wrong).has_value()) << wrong;
  }
}

TEST(PublicKey, a_file_may_have_comments_and_crlf) {
  Machine machine;
  write_file(machine.cli.home / "k.pub", "# mine\r\n\r\n" + std::string(key_line) + "\r\n");
  const auto key = find_public_key(machine.context, "~/k.pub");
  ASSERT_TRUE(key.has_value()) << key.error().text();
  EXPECT_EQ(key->line, key_line);
}

TEST(PublicKey, a_private_key_is_refused_and_not_repeated) {
  Machine machine;
  write_file(machine.cli.home / "k", "-----BEGIN OPENSSH PRIVATE KEY-----\nsecretsecret\n");
  const auto key = find_public_key(machine.context, "~/k");
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().kind, client::ErrorKind::usage);
  EXPECT_NE(key.error().text().find("private key"), std::string::npos);
  EXPECT_EQ(key.error().text().find("secretsecret"), std::string::npos);
  EXPECT_FALSE(find_public_key(machine.context, "~/missing"));
  write_file(machine.cli.home / "other", "hello\n" + std::string(key_line) + "\n");
  EXPECT_FALSE(find_public_key(machine.context, "~/other"));
}

constexpr const char* proposed =
    "# Host entry for mytoken\nHost mytoken-laptop\n\tHostName mt.example.org\n\tPort 2222\n"
    "\tUser k3JdL0aPq9XzTb7W\n\t# IdentityFile ~/.ssh/key\n";

TEST(HostEntry, of_a_server_is_written_anew) {
  const auto entry = parse_host_entry(std::string("\n") + proposed + "\n\n");
  ASSERT_TRUE(entry.has_value()) << entry.error().text();
  EXPECT_EQ(entry->host, "mytoken-laptop");
  EXPECT_EQ(entry->text, proposed);
  EXPECT_EQ(entry->address, "mt.example.org");
  const auto loose = parse_host_entry("host mytoken\r\n    hostname   10.0.0.1\r\n  PORT 22\r\n");
  ASSERT_TRUE(loose.has_value());
  EXPECT_EQ(loose->text, "Host mytoken\n\tHostName 10.0.0.1\n\tPort 22\n");
}

TEST(HostEntry, that_could_run_programs_or_change_other_hosts_is_refused) {
  const std::string start = "Host mytoken\n";
  for (const std::string& wrong : {std::string(),
                                   std::string("# only\n"),
                                   start + "ProxyCommand touch /x\n",
                                   start + "\tHostName a\n\tLocalCommand x\n",
                                   std::string("Host *\n"),
                                   std::string("Host mytoken-\n"),
                                   std::string("Host github.com\n\tHostName 192.0.2.1\n"),
                                   std::string("Host mytoken github.com\n"),
                                   start + "Host other\n",
                                   std::string("Match all\n") + start,
                                   std::string("Include x\n") + start,
                                   std::string("User x\n") + start,
                                   start + "HostName -oProxyCommand=x\n",
                                   start + "HostName a b\n",
                                   start + "User -x\n",
                                   start + "User a;b\n",
                                   start + "Port 0\n",
                                   start + "Port 65536\n",
                                   start + "Port 22 ProxyCommand\n",
                                   start + "IdentityFile /x\n",
                                   start + "# a\x1b[2J\n",
                                   start + "User \"a\nProxyCommand x\"\n",
                                   start + "ProxyCommand=x\n",
                                   start + "User=x\n"}) {
    const auto entry = parse_host_entry(wrong);
    ASSERT_FALSE(entry) << wrong;
    EXPECT_EQ(entry.error().kind, client::ErrorKind::protocol);
    EXPECT_EQ(entry.error().text().find('\x1b'), std::string::npos);
  }
}

mode_t mode_of(const std::filesystem::path& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0);
  return info.st_mode & 0777U;
}

TEST(HostEntry, is_appended_to_a_new_private_file) {
  test::Cli cli;
  const auto file = cli.home / ".ssh/config";
  bool had_host = true;
  EXPECT_EQ(append_host_entry(file, {"mytoken", "Host mytoken\n"}, had_host), "");
  EXPECT_FALSE(had_host);
  EXPECT_EQ(read_file(file), "\nHost mytoken\n\n");
  EXPECT_EQ(mode_of(file), 0600U);
  EXPECT_EQ(mode_of(cli.home / ".ssh"), 0700U);
}

TEST(HostEntry, keeps_what_was_there_and_tells_of_an_entry_of_the_same_name) {
  test::Cli cli;
  std::filesystem::create_directory(cli.home / ".ssh");
  const auto file = cli.home / ".ssh/config";
  write_file(file, "Host a mytoken b\n  User x");  // no newline at the end
  bool had_host = false;
  EXPECT_EQ(append_host_entry(file, {"mytoken", "Host mytoken\n"}, had_host), "");
  EXPECT_TRUE(had_host);
  EXPECT_EQ(read_file(file), "Host a mytoken b\n  User x\n\nHost mytoken\n\n");
  EXPECT_EQ(append_host_entry(file, {"mytoken-2", "Host mytoken-2\n"}, had_host), "");
  EXPECT_FALSE(had_host);
}

TEST(HostEntry, a_link_of_the_users_own_stays_one) {
  test::Cli cli;
  std::filesystem::create_directory(cli.home / ".ssh");
  write_file(cli.home / "dotfile", "# mine\n");
  std::filesystem::create_symlink(cli.home / "dotfile", cli.home / ".ssh/config");
  bool had_host = false;
  EXPECT_EQ(append_host_entry(cli.home / ".ssh/config", {"mytoken", "Host mytoken\n"}, had_host),
            "");
  EXPECT_TRUE(std::filesystem::is_symlink(cli.home / ".ssh/config"));
  EXPECT_EQ(read_file(cli.home / "dotfile"), "# mine\n\nHost mytoken\n\n");
}

TEST(HostEntry, W20_entries_added_at_the_same_time_are_all_there) {
  test::Cli cli;
  const auto file = cli.home / ".ssh/config";
  constexpr int count = 16;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < count; ++i) {
      threads.emplace_back([&file, i] {
        const std::string host = "mytoken-" + std::to_string(i);
        bool had_host = false;
        EXPECT_EQ(append_host_entry(file, {host, "Host " + host + "\n"}, had_host), "");
      });
    }
  }
  const std::string content = read_file(file);
  for (int i = 0; i < count; ++i)
    EXPECT_NE(content.find("Host mytoken-" + std::to_string(i) + "\n"), std::string::npos) << i;
}

TEST(HostEntry, a_file_that_cannot_be_read_or_written_stays_as_it_is) {
  test::Cli cli;
  std::filesystem::create_directories(cli.home / ".ssh/config");  // a folder
  bool had_host = false;
  EXPECT_NE(append_host_entry(cli.home / ".ssh/config", {"mytoken", "Host mytoken\n"}, had_host),
            "");
  EXPECT_TRUE(std::filesystem::is_directory(cli.home / ".ssh/config"));
}

}  // namespace
}  // namespace mytoken::cli
