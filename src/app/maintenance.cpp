// Flags of the commands and the way their results are printed; see maintenance.h.
#include "app/maintenance.h"

#include <fmt/format.h>

#include <cstdio>

#include "app/backup.h"
#include "app/migrate.h"
#include "app/restore.h"

namespace mytoken::app {
namespace {

constexpr int usage_error = 2;

int refuse(std::string_view text, int code = 1) {
  fmt::print(stderr, "mytoken-server: error: {}\n", text);
  return code;
}

int print(const Result<std::vector<std::string>>& lines) {
  if (!lines) return refuse(lines.error().cause);
  for (const std::string& line : *lines)
    fmt::print("{}\n", line);
  return 0;
}

}  // namespace

MaintenanceCommands::MaintenanceCommands(CLI::App& app) {
  backup_ = app.add_subcommand("backup", "copy the embedded database while the server runs");
  backup_->add_option("FILE", backup_file_, "where to")->required();
  backup_->add_flag("--force", force_, "overwrite FILE");

  restore_ = app.add_subcommand(
      "restore", "put a backup in the place of the embedded database, with the server stopped");
  restore_->add_option("FILE", restore_file_, "the backup");
  restore_->add_option("--after-point-in-time", state_time_,
                       "no FILE: the older state, of this time (2026-01-31T12:00:00Z), is in place "
                       "already; mark it");
  restore_->add_flag("--force", force_, "replace a database that is newer or cannot be read");
  restore_->add_flag("--keep-usage-counters", keep_usage_counters_,
                     "trust the counters: no limited token was used in the lost time");
  restore_->add_flag("--bring-back-revoked", bring_back_revoked_,
                     "also tokens that the replaced database no longer has");

  migrate_ = app.add_subcommand("migrate-to", "move the embedded database to PostgreSQL");
  migrate_->add_option("URL", target_, "postgresql://user:password@host/database, or ${env:NAME}")
      ->required();
  migrate_->add_flag("--start-over", start_over_,
                     "empty a target that an interrupted migration left unfinished");
}

int MaintenanceCommands::run(const Config& config, const Environment& environment) const {
  const SystemClock clock;
  Log log(2, LogLevel::warning, Log::Format::text);
  if (backup_->parsed()) return run_backup(config, clock, log);
  if (restore_->parsed()) return run_restore(config, clock, log);
  return run_migrate(config, environment, clock, log);
}

int MaintenanceCommands::run_backup(const Config& config, const Clock& clock, Log& log) const {
  const auto line = backup(config, backup_file_, force_, clock, log);
  if (!line) return refuse(line.error().cause);
  fmt::print("{}\n", *line);
  return 0;
}

int MaintenanceCommands::run_restore(const Config& config, const Clock& clock, Log& log) const {
  if (restore_file_.empty() == state_time_.empty())
    return refuse("restore takes either the FILE of a backup or --after-point-in-time TIME",
                  usage_error);
  const RestoreFlags flags{keep_usage_counters_, force_, bring_back_revoked_};
  if (!restore_file_.empty()) return print(restore(config, restore_file_, flags, clock, log));
  if (force_ || bring_back_revoked_)
    return refuse("--force and --bring-back-revoked go with the FILE of a backup only",
                  usage_error);
  return print(restored_otherwise(config, state_time_, flags, clock, log));
}

int MaintenanceCommands::run_migrate(const Config& config, const Environment& environment,
                                     const Clock& clock, Log& log) const {
  const auto target = resolve_reference(target_, environment);
  if (!target) return refuse("the target's URL: " + target.error().cause);
  const auto report = [](std::string_view line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
  };
  const auto moved = migrate_to(config, Secret(*target), start_over_, clock, log, report);
  return moved ? 0 : refuse(moved.error().cause);
}

}  // namespace mytoken::app
