// The program `mytoken-server`.
#include <unistd.h>

#include "app/commands.h"

int main(int argc, char** argv) {
  mytoken::app::Environment environment;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return mytoken::app::run(std::vector<std::string>(argv + 1, argv + argc), environment);
}
