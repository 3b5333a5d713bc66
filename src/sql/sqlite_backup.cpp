// SQLite's backup interface in one step: the source is read under one snapshot, so that a writer in
// another process cannot make it start over again and again.
#include "sql/sqlite_backup.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <string>
#include <thread>

#include "sql/sqlite_lock.h"

namespace mytoken::sql {
namespace {

using Path = std::filesystem::path;

constexpr std::string_view magic = std::string_view("SQLite format 3\0", 16);
constexpr int busy_wait_ms = 5000;
constexpr int most_attempts = 50;
constexpr auto pause = std::chrono::milliseconds(100);

struct CloseHandle {
  void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
};
using Handle = std::unique_ptr<sqlite3, CloseHandle>;

// On one line, whatever the engine says.
Error problem(const Path& file, std::string why) {
  std::replace(why.begin(), why.end(), '\n', ' ');
  return internal_error(file.string() + ": " + why);
}
Error problem(const Path& file, sqlite3* handle) {
  return problem(file, sqlite3_errmsg(handle));
}
Error system_problem(const Path& file) {
  return problem(file, std::strerror(errno));
}

Path beside(const Path& file, const char* ending) {
  return file.string() + ending;
}

Result<Handle> open(const Path& file, int flags) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Handle handle(raw);
  if (!handle) return fail(problem(file, "no memory"));
  if (code != SQLITE_OK) return fail(problem(file, handle.get()));
  sqlite3_busy_timeout(handle.get(), busy_wait_ms);
  // The file may come from elsewhere: nothing in its schema is trusted.
  sqlite3_db_config(handle.get(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  return handle;
}

// The first column of the first row; "" if there is none.
Result<std::string> ask(const Path& file, sqlite3* handle, const char* sql) {
  std::string answer;
  const auto take = [](void* into, int columns, char** values, char**) {
    if (columns > 0 && values[0]) *static_cast<std::string*>(into) = values[0];
    return 1;  // the first row is enough
  };
  const int code = sqlite3_exec(handle, sql, take, &answer, nullptr);
  if (code != SQLITE_OK && code != SQLITE_ABORT) return fail(problem(file, handle));
  return answer;
}

Result<void> create_private(const Path& file) {
  const Descriptor made(
      ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (made.number() < 0) return fail(system_problem(file));
  return {};
}

Result<void> sync(const Path& file, int flags) {
  const Descriptor opened(::open(file.c_str(), flags | O_CLOEXEC));
  if (opened.number() < 0 || ::fsync(opened.number()) != 0) return fail(system_problem(file));
  return {};
}

Result<void> sync_folder(const Path& file) {
  return sync(file.has_parent_path() ? file.parent_path() : Path("."), O_RDONLY | O_DIRECTORY);
}

// True also for a file that is not there.
bool has_nothing(const Path& file) {
  struct stat status {};
  return ::stat(file.c_str(), &status) != 0 || status.st_size == 0;
}

// Everything into the file itself, as far as it can still be read.
void empty_log(const Path& file) {
  auto handle = open(file, SQLITE_OPEN_READWRITE);
  if (handle)
    sqlite3_wal_checkpoint_v2(handle->get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
}

}  // namespace

bool is_sqlite_file(const Path& file) {
  std::array<char, magic.size()> head{};
  std::ifstream in(file, std::ios::binary);
  return in.read(head.data(), head.size()) && std::string_view(head.data(), head.size()) == magic;
}

Result<void> copy_sqlite_file(const Path& from, const Path& to) {
  auto source = open(from, SQLITE_OPEN_READONLY);
  if (!source) return fail(source.error());
  remove_sqlite_file(to);
  if (auto made = create_private(to); !made) return made;
  auto target = open(to, SQLITE_OPEN_READWRITE);
  if (!target) return fail(target.error());
  sqlite3_backup* backup = sqlite3_backup_init(target->get(), "main", source->get(), "main");
  if (!backup) return fail(problem(to, target->get()));
  int code = SQLITE_BUSY;
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(pause);
    code = sqlite3_backup_step(backup, -1);
    if (code != SQLITE_BUSY && code != SQLITE_LOCKED) break;
  }
  sqlite3_backup_finish(backup);
  if (code == SQLITE_DONE) return {};
  return fail(problem(from, std::string("cannot be copied: ") + sqlite3_errstr(code)));
}

Result<void> check_sqlite_file(const Path& file) {
  if (::access(file.c_str(), R_OK) != 0) return fail(system_problem(file));
  if (!is_sqlite_file(file)) return fail(problem(file, "is not a SQLite database"));
  auto handle = open(file, SQLITE_OPEN_READONLY);
  if (!handle) return fail(handle.error());
  auto found = ask(file, handle->get(), "PRAGMA integrity_check(1)");
  if (!found) return fail(problem(file, "is damaged (" + found.error().cause + ")"));
  if (*found != "ok") return fail(problem(file, "is damaged: " + *found));
  auto dangling = ask(file, handle->get(), "PRAGMA foreign_key_check");
  if (!dangling) return fail(problem(file, "is damaged (" + dangling.error().cause + ")"));
  if (!dangling->empty())
    return fail(problem(file, "is damaged: rows of table " + *dangling + " refer to missing rows"));
  return {};
}

Result<void> close_sqlite_file(const Path& file) {
  {
    auto handle = open(file, SQLITE_OPEN_READWRITE);
    if (!handle) return fail(handle.error());
    auto mode = ask(file, handle->get(), "PRAGMA journal_mode=DELETE");
    if (!mode) return fail(mode.error());
    if (*mode != "delete") return fail(problem(file, "somebody else has it open"));
  }
  for (const char* ending : {"-wal", "-shm", "-journal", ".lock"}) {
    std::error_code ignored;
    std::filesystem::remove(beside(file, ending), ignored);
  }
  return sync(file, O_RDWR);
}

void remove_sqlite_file(const Path& file) {
  for (const char* ending : {"", "-wal", "-shm", "-journal", ".lock"}) {
    std::error_code ignored;
    std::filesystem::remove(beside(file, ending), ignored);
  }
}

Result<void> replace_sqlite_file(const Path& made, const Path& file, const Path& kept_as) {
  struct stat former {};
  const bool exists = ::stat(file.c_str(), &former) == 0;
  if (!exists && ::stat(file.has_parent_path() ? file.parent_path().c_str() : ".", &former) != 0)
    return fail(system_problem(file));
  if (::geteuid() == 0 && ::chown(made.c_str(), former.st_uid, former.st_gid) != 0)
    return fail(system_problem(made));
  if (exists) {
    empty_log(file);
    // A second name first: at no time is the place empty, for a server would make a new database.
    for (const char* ending : {"", "-wal"}) {
      if (*ending != '\0' && has_nothing(beside(file, ending))) continue;
      if (::link(beside(file, ending).c_str(), beside(kept_as, ending).c_str()) == 0) continue;
      const int why = errno;
      std::error_code ignored;
      std::filesystem::remove(kept_as, ignored);
      return fail(problem(file, std::string("cannot be kept as ") + kept_as.string() + " (" +
                                    std::strerror(why) + ")"));
    }
    if (auto synced = sync_folder(file); !synced) return synced;
    // A log that stayed would be taken for the new file's.
    for (const char* ending : {"-wal", "-shm", "-journal"}) {
      std::error_code ignored;
      std::filesystem::remove(beside(file, ending), ignored);
    }
  }
  return name_file(made, file, true);
}

Result<void> name_file(const Path& made, const Path& file, bool overwrite) {
  if (overwrite) {
    if (::rename(made.c_str(), file.c_str()) != 0) return fail(system_problem(file));
  } else {
    // link() refuses to replace what somebody else made in the meantime.
    if (::link(made.c_str(), file.c_str()) != 0) return fail(system_problem(file));
    ::unlink(made.c_str());
  }
  return sync_folder(file);
}

}  // namespace mytoken::sql
