// The templates that clients and operators expect to find (spec profiles.md §6).
#include "service/profiles.h"

namespace mytoken::service {

std::vector<Template> default_templates() {
  using enum TemplateKind;
  struct Entry {
    TemplateKind kind;
    const char* name;
    const char* payload;
  };
  // Included ones stand before those that include them.
  static constexpr Entry entries[] = {
      {capabilities, "default", R"(["AT","tokeninfo"])"},
      {capabilities, "default+MT", R"(["@default","create_mytoken"])"},
      {capabilities, "all", R"(["AT","tokeninfo","manage_mytokens","create_mytoken","settings"])"},
      {restrictions, "12h", R"({"exp":"+12h"})"},
      {restrictions, "1d", R"({"exp":"+1d"})"},
      {restrictions, "1w", R"({"exp":"+1w"})"},
      {restrictions, "1m", R"({"exp":"+30d"})"},
      {restrictions, "1y", R"({"exp":"+1y"})"},
      {restrictions, "ip-this", R"({"hosts":["this"]})"},
      {restrictions, "web-default", R"({"include":["12h","ip-this"],"usages_AT":15})"},
      {rotation, "at", R"({"on_AT":true})"},
      {rotation, "other", R"({"on_other":true})"},
      {rotation, "auto-revoke", R"({"auto_revoke":true})"},
      {rotation, "daily", R"({"lifetime":86400})"},
      {rotation, "weekly", R"({"lifetime":604800})"},
      {rotation, "monthly", R"({"lifetime":2592000})"},
      {rotation, "at-other-auto-revoke", R"({"include":["at","other","auto-revoke"]})"},
      {rotation, "at-other-no-auto-revoke", R"({"include":["at","other"],"auto_revoke":false})"},
      {rotation, "at-other-daily-auto-revoke",
       R"({"include":["at","other","daily","auto-revoke"]})"},
      {rotation, "at-other-weekly-auto-revoke",
       R"({"include":["at","other","weekly","auto-revoke"]})"},
      {profiles, "agent", R"({"capabilities":"@all"})"},
      {profiles, "web-default", R"({"restrictions":"web-default","capabilities":"@default"})"},
  };
  std::vector<Template> templates;
  for (const Entry& entry : entries) {
    templates.push_back({entry.kind, std::string(token::default_template_group), entry.name,
                         json::parse(entry.payload)});
  }
  return templates;
}

}  // namespace mytoken::service
