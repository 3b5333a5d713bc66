// What the tests of the library share: a client of a scripted server, tokens of any kind, a folder
// that goes away.
#pragma once
#include <mytoken/client.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/encoding.h"
#include "unit/cli/fake_server.h"

namespace mytoken::client {

using test::answer_error;
using test::answer_json;
using test::FakeAnswer;
using test::FakeRequest;
using test::FakeServer;

constexpr const char* short_token = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNOP";

inline std::unique_ptr<Client> open(const FakeServer& server, Options options = {}) {
  auto client = Client::open(server.url(), std::move(options));
  EXPECT_TRUE(client.has_value());
  return std::move(*client);
}

// An unsigned mytoken JWT.
inline std::string jwt_of(json::object payload) {
  payload["token_type"] = "mytoken";
  return base64url(R"({"alg":"ES512","typ":"MT+JWT"})") + "." +
         base64url(json::serialize(payload)) + "." + base64url("signature");
}
inline std::string rotating_jwt(int seq_no) {
  return jwt_of({{"seq_no", seq_no}, {"rotation", json::object{{"on_AT", true}}}});
}

inline json::object access_token_answer() {
  return {{"access_token", "the-at"}, {"token_type", "Bearer"}, {"expires_in", 3600}};
}
inline json::object with_successor(json::object answer, const std::string& successor) {
  answer["token_update"] = json::object{{"mytoken", successor}, {"mytoken_type", "token"}};
  return answer;
}

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "mytoken-test-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::filesystem::path path;
};

// An environment variable for the time of a test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

}  // namespace mytoken::client
