// The server's templates and profiles, read and written (spec profiles.md §§2, 3): listings show
// what an entry comes to now, writing checks it as far as it can be checked before its includes
// exist.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/task.h"
#include "service/context.h"
#include "sql/connection.h"
#include "token/template.h"

namespace mytoken::service {

using token::TemplateKind;

struct Template {
  TemplateKind kind = TemplateKind::profiles;
  std::string group;
  std::string name;
  json::value payload;  // null: missing
};

// Groups that own something, sorted.
Task<Result<json::array>> template_groups(Context& context);
// Entries {"id","name","payload"} by name, payloads resolved (§3.1). One that cannot be resolved is
// left out and logged.
Task<Result<json::array>> template_list(Context& context, TemplateKind kind, std::string group);

// Errors of both: invalid_request (name, payload, an include cycle; 409 if the name is taken or the
// group is full). Of change_template: not_found.
Task<Result<void>> add_template(Context& context, Template entry);
// `id`: 16 bytes.
Task<Result<void>> change_template(Context& context, std::string id, Template entry);
// An unknown id is no error.
Task<Result<void>> remove_template(Context& context, std::string id, TemplateKind kind,
                                   std::string group);

// For commands: writes one entry that may exist already.
enum class Stored { added, changed, kept };
// `replaces`: an existing entry gets this payload, else it is kept as it is. Errors: as above.
Result<Stored> store_template(sql::Transaction& db, const Template& entry, bool replaces, Time now);

// What the server comes with (§6), group "_".
std::vector<Template> default_templates();

}  // namespace mytoken::service
