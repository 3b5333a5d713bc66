// A program called ssh, first in $PATH, which writes down how it was called and answers what a test
// wants. Not to be used while other threads read the environment.
#pragma once
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/encoding.h"
#include "base/json.h"

namespace mytoken::test {

class StandInSsh {
 public:
  StandInSsh() {
    std::string name = (std::filesystem::temp_directory_path() / "mytoken-ssh-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    write("answer", "");
    write("status", "0");
    runs("cat \"$D/answer\"; exit \"$(cat \"$D/status\")\"");
    before_ = ::getenv("PATH");
    path = folder.string() + ":" + before_;
    ::setenv("PATH", path.c_str(), 1);
  }
  ~StandInSsh() {
    ::setenv("PATH", before_.c_str(), 1);
    std::filesystem::remove_all(folder);
  }

  void answers(const std::string& text, int status = 0) {
    write("answer", text);
    write("status", std::to_string(status));
  }
  // What it does, as a shell script, after it wrote down its arguments, environment and stdin.
  void runs(const std::string& script) {
    write("ssh", "#!/bin/sh\nD='" + folder.string() +
                     "'\nfor a in \"$@\"; do printf '%s\\n' \"$a\"; done > \"$D/arguments.new\"\n"
                     "env > \"$D/environment\"\ncat > \"$D/input\"\necho $$ > \"$D/pid\"\n"
                     "mv \"$D/arguments.new\" \"$D/arguments\"\n" +
                     script + "\n");
    std::filesystem::permissions(folder / "ssh", std::filesystem::perms::owner_all);
  }

  bool was_called() const { return std::filesystem::exists(folder / "arguments"); }
  std::vector<std::string> arguments() const {
    std::vector<std::string> lines;
    std::ifstream file(folder / "arguments");
    for (std::string line; std::getline(file, line);)
      lines.push_back(line);
    return lines;
  }
  // The name of the last request.
  std::string request() const {
    const auto all = arguments();
    return all.size() > 2 ? all[2] : "";
  }
  // The members of its payload; none if there was none.
  json::object payload() const {
    const auto all = arguments();
    if (all.size() < 5) return {};
    EXPECT_EQ(all[3], "application/json;base64");
    const auto text = decode_base64(all[4]);
    const auto value = parse_json(text.value_or(""));
    EXPECT_TRUE(value && value->is_object()) << all[4];
    return value && value->is_object() ? value->get_object() : json::object();
  }
  std::string read(const std::string& name) const {
    std::stringstream content;
    content << std::ifstream(folder / name).rdbuf();
    return content.str();
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder / name) << text;
  }

  std::filesystem::path folder;
  std::string path;  // $PATH with it

 private:
  std::string before_;
};

}  // namespace mytoken::test
