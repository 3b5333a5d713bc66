// Reading the file of costs; see costs.h.
#include "simulation/costs.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace mytoken::bench::sim {
namespace {

std::string trimmed(const std::string& text) {
  const std::size_t from = text.find_first_not_of(" \t\r");
  if (from == std::string::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r") - from + 1);
}

}  // namespace

Costs Costs::load(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error(file.string() + ": cannot be read");
  std::ostringstream text;
  text << in.rdbuf();
  return parse(text.str(), file.string());
}

Costs Costs::parse(const std::string& text, const std::string& name) {
  Costs costs;
  costs.name_ = name;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const std::size_t comment = line.find('#');
    const std::string content = trimmed(line.substr(0, comment));
    if (content.empty()) {
      if (comment != std::string::npos && costs.values_.empty())
        costs.origin_ += trimmed(line.substr(comment + 1)) + "\n";
      continue;
    }
    const std::size_t equals = content.find('=');
    const std::string word = equals == std::string::npos ? "" : trimmed(content.substr(0, equals));
    const std::string figure =
        equals == std::string::npos ? "" : trimmed(content.substr(equals + 1));
    char* end = nullptr;
    const double value = std::strtod(figure.c_str(), &end);
    if (word.empty() || figure.empty() || *end != '\0') {
      throw std::runtime_error(name + ":" + std::to_string(number) +
                               ": expected `name = number`, found `" + content + "`");
    }
    costs.values_[word] = value;
  }
  return costs;
}

double Costs::value(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) throw std::runtime_error(name_ + ": no value for " + name);
  return found->second;
}

}  // namespace mytoken::bench::sim
