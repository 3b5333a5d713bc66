// Small configurations for tests of their reader.
#pragma once
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "app/config.h"

namespace mytoken::test {

using Texts = std::vector<std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

inline testing::AssertionResult contains(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos)
    return testing::AssertionSuccess() << "\"" << part << "\" is in\n" << text;
  return testing::AssertionFailure() << "\"" << part << "\" is not in\n" << text;
}

// A folder that ends with the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "mytoken-app-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string file(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name), std::ios::binary) << text;
    return file(name);
  }

 private:
  std::filesystem::path path_;
};

inline const std::string smallest =
    "issuer: https://mytoken.example.org\n"
    "service_operator: {name: Tests, mail_contact: tests@example.org}\n"
    "signing: {mytoken: {key_file: key.pem}}\n"
    "providers:\n"
    "  - issuer: https://op.example.org\n"
    "    client_id: mytoken\n"
    "    client_secret: canary-secret-4711\n"
    "    scopes: [openid]\n";

inline app::Loaded load(const std::vector<std::string>& texts, app::Environment environment = {},
                        bool allow_unknown_keys = false) {
  const Folder folder;
  app::LoadOptions options;
  for (const std::string& text : texts) {
    options.files.push_back(
        folder.write("part" + std::to_string(options.files.size()) + ".yaml", text));
  }
  options.environment = std::move(environment);
  options.allow_unknown_keys = allow_unknown_keys;
  return app::load_config(options);
}

// Lines as people see them, with the folder taken off: "part0.yaml:3: key: text".
inline std::string lines(const std::vector<app::Problem>& problems) {
  std::string all;
  for (app::Problem problem : problems) {
    if (const std::size_t slash = problem.origin.source.rfind('/'); slash != std::string::npos) {
      problem.origin.source.erase(0, slash + 1);
    }
    all += problem.line() + "\n";
  }
  return all;
}

}  // namespace mytoken::test
