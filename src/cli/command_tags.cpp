// mytoken MT tags: tags of one mytoken, the presented one or by id another one (spec cli.md §1.8,
// settings.md §5.1).
#include "cli/command_settings.h"
#include "cli/commands.h"

namespace mytoken::cli {
namespace {

struct Flags {
  std::optional<std::string> tag;
  std::optional<std::string> mom_id;
  bool include_children = false;
};

int change(Context& context, const TokenFlags& token, const Flags& flags, bool is_added) {
  const auto tag = required(flags.tag, "the tag");
  if (!tag) return report(context, tag.error());
  // An empty id must not change the token that should only authorise.
  if (flags.mom_id && flags.mom_id->empty())
    return report(context, client::failure(client::ErrorKind::usage, "--mom-id is empty").error);
  const std::string mom_id = flags.mom_id.value_or("");
  json::object object{{"tag", *tag}, {is_added ? "added" : "removed", true}};
  if (flags.mom_id) object["mom_id"] = mom_id;
  return change_settings(
      context, token, mom_id.empty() ? "tokeninfo:tags" : "manage_mytokens:tags",
      [&](Session& session) {
        const auto request = is_added ? &client::Client::add_tag : &client::Client::remove_tag;
        return ((*session.client).*request)(*session.lease, *tag, mom_id, flags.include_children,
                                            session.call);
      },
      "Tag '" + *tag + (is_added ? "' added" : "' removed"), object);
}

}  // namespace

void add_mytoken_tags(Command mytoken, const std::shared_ptr<const TokenFlags>& token,
                      Context& context) {
  auto flags = std::make_shared<Flags>();
  Command tags = mytoken.command("tags", "tag a mytoken");
  tags.text("--mom-id", flags->mom_id, "id of another mytoken");
  tags.toggle("--include-children", flags->include_children, "also the mytokens made from it");
  const auto add = [&](const char* names, const char* help, bool is_added) {
    Command command = tags.command(names, help);
    command.argument("TAG", flags->tag, "the tag");
    command.runs(
        [token, flags, is_added, &context] { return change(context, *token, *flags, is_added); });
  };
  add("add", "add a tag to the mytoken", true);
  add("remove,rm,delete", "remove a tag from the mytoken", false);
}

}  // namespace mytoken::cli
