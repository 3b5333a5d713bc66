// The commands that look after the database as a whole: backup, restore, migrate-to. Their words on
// the command line and what they print; the work is in backup.h, restore.h and migrate.h.
#pragma once
#include <CLI/CLI.hpp>
#include <string>

#include "app/config.h"

namespace mytoken::app {

class MaintenanceCommands {
 public:
  // Adds them to the command line; `app` outlives this.
  explicit MaintenanceCommands(CLI::App& app);
  bool parsed() const { return backup_->parsed() || restore_->parsed() || migrate_->parsed(); }
  // Runs the one that was given: its lines on stdout, or one line of error. Result: exit code.
  // `environment`: for a reference in place of the target's URL.
  int run(const Config& config, const Environment& environment) const;

 private:
  int run_backup(const Config& config, const Clock& clock, Log& log) const;
  int run_restore(const Config& config, const Clock& clock, Log& log) const;
  int run_migrate(const Config& config, const Environment& environment, const Clock& clock,
                  Log& log) const;

  CLI::App* backup_;
  CLI::App* restore_;
  CLI::App* migrate_;
  std::string backup_file_;
  std::string restore_file_;
  std::string state_time_;
  std::string target_;
  bool force_ = false;
  bool keep_usage_counters_ = false;
  bool bring_back_revoked_ = false;
  bool start_over_ = false;
};

}  // namespace mytoken::app
