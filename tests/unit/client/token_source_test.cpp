// Token files: reading, locking, durable replacement, rescue.
#include <mytoken/token_source.h>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <mytoken/inspect.h>
#include "base/encoding.h"
#include "client/durable_file.h"

namespace mytoken::client {
namespace {

namespace fs = std::filesystem;

class TokenFile : public ::testing::Test {
 protected:
  TokenFile() {
    std::string name = (fs::temp_directory_path() / "mytoken-file-XXXXXX").string();
    root = ::mkdtemp(name.data());
    fs::create_directory(root / "d");
    file = root / "d/token";
  }
  ~TokenFile() override { fs::remove_all(root); }

  void write(const std::string& content) { std::ofstream(file, std::ios::binary) << content; }
  static std::string read(const fs::path& path) {
    std::stringstream content;
    content << std::ifstream(path, std::ios::binary).rdbuf();
    return content.str();
  }
  static unsigned mode(const fs::path& path) {
    struct stat info {};
    ::stat(path.c_str(), &info);
    return info.st_mode & 0777U;
  }

  fs::path root;
  fs::path file;
};

TEST_F(TokenFile, the_first_line_is_the_token_also_with_crlf) {
  write("token-one\r\nnote\n");
  FileTokenSource source(file);
  EXPECT_EQ((*source.acquire({}))->token().reveal(), "token-one");
  EXPECT_EQ(source.peek()->reveal(), "token-one");
}

TEST_F(TokenFile, a_commit_replaces_the_first_line_only_and_closes_the_file_to_others) {
  write("old\nnote\n");
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write | fs::perms::others_read);
  FileTokenSource source(file);
  auto lease = std::move(*source.acquire({}));
  ASSERT_TRUE(lease->commit(Secret("new")).has_value());
  EXPECT_EQ(read(file), "new\nnote\n");
  EXPECT_EQ(mode(file), 0600U);
  EXPECT_EQ(lease->token().reveal(), "new");
  // Nothing but the file and its lock stays behind.
  EXPECT_EQ(std::distance(fs::directory_iterator(file.parent_path()), fs::directory_iterator()), 2);
}

TEST_F(TokenFile, a_symbolic_link_stays_and_its_target_is_replaced) {
  write("old");
  const auto link = root / "link";
  fs::create_symlink(file, link);
  FileTokenSource source(link);
  ASSERT_TRUE((*source.acquire({}))->commit(Secret("new")).has_value());
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(read(file), "new\n");
}

TEST_F(TokenFile, missing_and_empty_files_are_errors_of_the_source) {
  FileTokenSource source(file);
  EXPECT_EQ(source.acquire({}).error().kind, ErrorKind::token_source);
  write("\nsecond line\n");
  EXPECT_EQ(source.acquire({}).error().kind, ErrorKind::token_source);
}

TEST_F(TokenFile, a_second_lease_waits_and_sees_the_successor) {
  write("one");
  FileTokenSource source(file);
  auto first = std::move(*source.acquire({}));
  std::string seen;
  std::thread second([&] { seen = (*source.acquire({}))->token().reveal(); });
  ASSERT_TRUE(first->commit(Secret("two")).has_value());
  first.reset();
  second.join();
  EXPECT_EQ(seen, "two");
}

TEST_F(TokenFile, waiting_for_a_lease_ends_at_the_deadline_and_when_stopped) {
  write("one");
  FileTokenSource source(file);
  const auto first = std::move(*source.acquire({}));
  EXPECT_EQ(source.acquire({{}, std::chrono::steady_clock::now()}).error().kind,
            ErrorKind::timeout);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(source.acquire({stop.get_token(), {}}).error().kind, ErrorKind::cancelled);
}

TEST_F(TokenFile, a_successor_that_cannot_be_stored_is_rescued_elsewhere) {
  write("old");
  const auto refuge = root / "refuge";
  fs::create_directory(refuge);
  FileTokenSource source(file, {root / "missing", refuge});
  auto lease = std::move(*source.acquire({}));
  fs::remove_all(file.parent_path());
  const auto stored = lease->commit(Secret("new"));
  ASSERT_FALSE(stored.has_value());
  EXPECT_EQ(stored.error().code, token_rescued);
  ASSERT_EQ(std::distance(fs::directory_iterator(refuge), fs::directory_iterator()), 1);
  const auto rescue = fs::directory_iterator(refuge)->path();
  EXPECT_EQ(read(rescue), "new\n");
  EXPECT_EQ(mode(rescue), 0600U);
  EXPECT_NE(stored.error().description.find(rescue.string()), std::string::npos);
  EXPECT_EQ(lease->token().reveal(), "new");
}

TEST_F(TokenFile, a_successor_that_nothing_takes_is_reported_as_lost) {
  write("old");
  FileTokenSource source(file, {});
  auto lease = std::move(*source.acquire({}));
  fs::remove_all(file.parent_path());
  EXPECT_EQ(lease->commit(Secret("new")).error().code, token_lost);
}

std::string jwt(const std::string& header, const std::string& payload) {
  return base64url(header) + "." + base64url(payload) + "." + base64url("signature of any length");
}

TEST(Inspect, kinds_of_tokens_are_told_apart) {
  EXPECT_EQ(classify(jwt(R"({"typ":"MT+JWT"})", R"({"iss":"https://mt.example.org"})")),
            TokenKind::mytoken_jwt);
  EXPECT_EQ(classify(jwt(R"({"typ":"JWT"})", R"({"token_type":"mytoken"})")),
            TokenKind::mytoken_jwt);
  EXPECT_EQ(classify(jwt(R"({"typ":"at+jwt"})", R"({"iss":"https://op.example.org"})")),
            TokenKind::foreign_jwt);
  EXPECT_EQ(classify("abcdefghijkmnopqrstuvwxyzABCDEFG"), TokenKind::short_token);
  EXPECT_EQ(classify("abcdefghijkmnopqrstuvwxyzABCDEF"), TokenKind::code);
  EXPECT_EQ(classify("two words that are longer than any code"), TokenKind::malformed);
  EXPECT_EQ(classify(""), TokenKind::malformed);
  EXPECT_EQ(classify(std::string(16385, 'a')), TokenKind::malformed);
}

TEST(Inspect, a_jwt_needs_three_parts_of_which_two_are_objects) {
  EXPECT_TRUE(decode_jwt(jwt("{}", "{}")).has_value());
  EXPECT_FALSE(decode_jwt(jwt("[]", "{}")).has_value());
  EXPECT_FALSE(decode_jwt(jwt("{}", "1")).has_value());
  EXPECT_FALSE(decode_jwt(jwt("{}", "{}") + ".x").has_value());
  EXPECT_FALSE(decode_jwt(base64url("{}") + "." + base64url("{}") + ".").has_value());
  EXPECT_FALSE(decode_jwt(base64url("{}") + "=." + base64url("{}") + ".x").has_value());
}

TEST(Sanitised, keeps_letters_of_all_languages_and_drops_what_controls_a_terminal) {
  EXPECT_EQ(sanitised("\u00fcber \u4e2d"), "\u00fcber \u4e2d");
  EXPECT_EQ(sanitised("a\x1b[2J\n\x7f"), "a?[2J??");
  EXPECT_EQ(sanitised("a\u009bJ"), "a?J");
  EXPECT_EQ(sanitised("a\xff"), "a?");
  EXPECT_EQ(sanitised("abc\u00fc", 4), "abc...");
}

}  // namespace
}  // namespace mytoken::client
