// The measured costs that the simulation works with: the file that scripts/bench writes, one
// `name = value  # meaning` per line.
#pragma once
#include <filesystem>
#include <map>
#include <string>

namespace mytoken::bench::sim {

class Costs {
 public:
  // Throws std::runtime_error with file and line for what is not of this form.
  static Costs load(const std::filesystem::path& file);
  static Costs parse(const std::string& text, const std::string& name);

  // Throws std::runtime_error if there is no such value: nothing is assumed silently.
  double value(const std::string& name) const;
  double seconds_of_us(const std::string& name) const { return value(name) * 1e-6; }
  double seconds_of_ms(const std::string& name) const { return value(name) * 1e-3; }
  void set(const std::string& name, double value) { values_[name] = value; }
  // The comment lines at the beginning: when and where it was measured.
  const std::string& origin() const { return origin_; }

 private:
  std::map<std::string, double> values_;
  std::string name_;
  std::string origin_;
};

}  // namespace mytoken::bench::sim
