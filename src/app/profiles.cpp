// Reading folders of templates and writing them in one transaction; see profiles.h.
#include "app/profiles.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "app/config_source.h"
#include "app/server.h"
#include "base/encoding.h"
#include "service/profiles.h"

namespace mytoken::app {
namespace {

using service::Stored;
using service::Template;

// "restrictions/12h"
std::string shown(const Template& entry) {
  return fmt::format("{}/{}", token::name(entry.kind), entry.name);
}

Result<void> read_folder(const std::filesystem::path& folder, token::TemplateKind kind,
                         const std::string& group, std::vector<Template>& to) {
  std::error_code problem;
  std::vector<std::filesystem::path> files;
  for (std::filesystem::directory_iterator at(folder, problem), end; !problem && at != end;
       at.increment(problem)) {
    const bool is_hidden = at->path().filename().string().starts_with('.');
    if (!is_hidden) files.push_back(at->path());
  }
  if (problem) return fail(internal_error(folder.string() + ": " + problem.message()));
  std::sort(files.begin(), files.end());
  for (const std::filesystem::path& file : files) {
    auto text = read_text_file(file.string());
    if (!text) return tl::unexpected(text.error());
    auto payload = parse_json(*text);
    if (!payload || !is_utf8(file.filename().string())) {
      return fail(internal_error(
          file.string() + (payload ? ": the name is not UTF-8" : ": this is not valid JSON")));
    }
    to.push_back({kind, group, file.filename().string(), std::move(*payload)});
  }
  return {};
}

Result<std::vector<Template>> read_templates(const std::string& directory,
                                             const std::string& group) {
  std::vector<Template> templates;
  bool found = false;
  for (const token::TemplateKind kind : token::template_kinds) {
    const auto folder = std::filesystem::path(directory) / token::name(kind);
    std::error_code ignored;
    if (!std::filesystem::is_directory(folder, ignored)) continue;
    found = true;
    if (auto r = read_folder(folder, kind, group, templates); !r) return tl::unexpected(r.error());
  }
  if (found) return templates;
  return fail(internal_error(directory +
                             " has no folder profiles, capabilities, restrictions or rotation"));
}

// What became of each, in their order.
Result<std::vector<Stored>> store(sql::Database& database, const std::vector<Template>& templates,
                                  bool replaces, Time now) {
  std::vector<Stored> results;
  const std::function<Result<void>(sql::Transaction&)> work =
      [&](sql::Transaction& db) -> Result<void> {
    results.clear();
    for (const Template& entry : templates) {
      auto stored = service::store_template(db, entry, replaces, now);
      if (!stored && stored.error().status < 500) {
        return fail(
            internal_error(fmt::format("{}: {}", shown(entry), stored.error().description)));
      }
      if (!stored) return tl::unexpected(stored.error());
      results.push_back(*stored);
    }
    return {};
  };
  auto done = database.write_now(work);
  if (!done) return tl::unexpected(done.error());
  return results;
}

}  // namespace

Result<int> install_default_templates(sql::Database& database, const Clock& clock) {
  auto results = store(database, service::default_templates(), false, clock.now());
  if (!results) return tl::unexpected(results.error());
  return static_cast<int>(std::count(results->begin(), results->end(), Stored::added));
}

Result<std::vector<std::string>> update_profiles(const Config& config, const std::string& directory,
                                                 const std::string& group, const Clock& clock,
                                                 Log& log) {
  std::vector<Template> templates = service::default_templates();
  if (directory.empty()) {
    for (Template& entry : templates)
      entry.group = group;
  } else {
    auto read = read_templates(directory, group);
    if (!read) return tl::unexpected(read.error());
    templates = std::move(*read);
  }
  auto database = open_database(config, log);
  if (!database) return tl::unexpected(database.error());
  auto results = store(**database, templates, true, clock.now());
  if (!results) return tl::unexpected(results.error());
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < templates.size(); ++i) {
    const Stored stored = (*results)[i];
    const std::string_view word = stored == Stored::added     ? "added"
                                  : stored == Stored::changed ? "changed"
                                                              : "kept";
    lines.push_back(fmt::format("{}: {}", shown(templates[i]), word));
  }
  const auto& groups = config.api.template_groups;
  const bool configured = std::any_of(groups.begin(), groups.end(),
                                      [&](const auto& entry) { return entry.first == group; });
  if (group != token::default_template_group && !configured) {
    lines.push_back(fmt::format(
        "group {} is not in features.server_profiles.groups: only this command writes to it",
        group));
  }
  return lines;
}

}  // namespace mytoken::app
