// Global flags and the list of commands.
#include "cli/app.h"

#include <fstream>

#include "cli/command_completion.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/man_pages.h"

namespace mytoken::cli {
namespace {

// `mytoken __man FOLDER`
int write_man_pages(const CommandText& root, const std::filesystem::path& folder,
                    Context& context) {
  for (const auto& [name, content] : man_pages(root)) {
    std::ofstream page(folder / name, std::ios::binary | std::ios::trunc);
    page << content << std::flush;
    if (!page) {
      context.console.error("cannot write " + (folder / name).string());
      return not_stored;
    }
  }
  return done;
}

}  // namespace

int run(const std::vector<std::string>& arguments, Context& context) {
  CommandLine line;
  Command root = line.root();
  bool version = false;
  root.text("--config", context.config_file, "configuration file (MYTOKEN_CONFIG)");
  root.text("--url,--mytoken-url", context.url, "address of the mytoken server (MYTOKEN_URL)");
  root.toggle("--no-color", context.no_color, "no colours");
  root.toggle("--json", context.json, "print the result as a JSON object");
  root.toggle("-v,--version", version, "print the version");
  add_mytoken(root, context);
  add_access_token(root, context);
  add_tokeninfo(root, context);
  add_verify(root, context);
  add_revoke(root, context);
  add_transfer(root, context);
  add_settings(root, context);
  add_notifications(root, context);
  add_calendars(root, context);
  add_profiles(root, context);
  add_list(root, context);
  add_config(root, context);
  add_capabilities(root, context);
  add_exec(root, context);
  add_agent(root, context);
  add_credential_helper(root, context);
  add_check(root, context);
  add_store(root, context);
  add_completion(root, context);

  // For shells and the build, not for people.
  if (!arguments.empty() && arguments.front() == "__complete")
    return answer_completion(line.describe(), {arguments.begin() + 1, arguments.end()}, context);
  if (arguments.size() == 2 && arguments.front() == "__man")
    return write_man_pages(line.describe(), arguments.back(), context);

  const auto parsed = line.parse(arguments);
  if (!parsed) return report(context, parsed.error());
  if (version) return context.console.result("mytoken " MYTOKEN_VERSION "\n") ? done : not_stored;
  if (!parsed->action) return context.console.result(parsed->help) ? done : not_stored;
  return parsed->action();
}

}  // namespace mytoken::cli
