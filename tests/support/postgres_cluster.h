// A private PostgreSQL 15 for tests: a data directory of its own, a unix socket in it, fsync on;
// made at first use and removed with the program (also if that one crashes: the server gets a
// signal). Needs the Debian package postgresql-15; as root it runs as user postgres. Tests may
// kill, pause and restart it.
#pragma once
#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"

namespace mytoken::test {

class PostgresCluster {
 public:
  static PostgresCluster& shared() {
    static PostgresCluster one;
    return one;
  }

  PostgresCluster() {
    folder_ = std::filesystem::temp_directory_path() / ("mytoken-pg-" + random_text(10));
    std::filesystem::create_directory(folder_);
    if (::geteuid() == 0) {
      const passwd* user = ::getpwnam("postgres");
      if (!user) throw std::runtime_error("user postgres is missing: install postgresql-15");
      user_ = user->pw_uid;
      group_ = user->pw_gid;
      if (::chown(folder_.c_str(), user_, group_) != 0) throw std::runtime_error("chown");
    }
    const pid_t made = spawn({programs + "initdb", "-D", data(), "-U", "postgres", "-A", "trust",
                              "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"});
    int status = 0;
    ::waitpid(made, &status, 0);
    if (status != 0) throw std::runtime_error("initdb failed: " + log());
    // One user has a password, everybody else is trusted.
    std::ofstream(data() + "/pg_hba.conf")
        << "local all locked scram-sha-256\nlocal all all trust\n";
    start();
    admin("CREATE ROLE locked LOGIN PASSWORD 'a-password-of-its-own'");
  }
  ~PostgresCluster() {
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  PostgresCluster(const PostgresCluster&) = delete;
  PostgresCluster& operator=(const PostgresCluster&) = delete;

  // Starts the server, waits until it accepts connections.
  void start() {
    // After a kill its children may still be ending, and the server refuses to start beside them;
    // then it syncs every file, of which many schemas have thousands.
    for (int tries = 0; tries < 2400; ++tries) {
      if (server_ == 0) {
        server_ = spawn({programs + "postgres", "-D", data(), "-k", folder_.string(), "-c",
                         "listen_addresses=", "-c", "max_connections=200", "-c",
                         "shared_buffers=32MB", "-c", "fsync=on", "-c", "logging_collector=off"});
      }
      if (PQping(url().c_str()) == PQPING_OK) return;
      if (::waitpid(server_, nullptr, WNOHANG) == server_) server_ = 0;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    throw std::runtime_error("the server does not start: " + log());
  }

  // kill -9 of the server and all its processes.
  void kill() {
    if (server_ == 0) return;
    const std::vector<pid_t> children = children_of(server_);
    ::kill(server_, SIGKILL);
    for (const pid_t child : children)
      ::kill(child, SIGKILL);
    ::waitpid(server_, nullptr, 0);
    server_ = 0;
  }
  void pause() { signal_all(SIGSTOP); }
  void resume() { signal_all(SIGCONT); }

  std::string url(const std::string& user = "postgres", const std::string& more = {}) const {
    return "postgresql:///postgres?host=" + folder_.string() + "&user=" + user + more;
  }
  // The URL of an empty schema of its own.
  std::string fresh_schema() {
    const std::string name = "s" + random_text(12, "abcdefghijklmnopqrstuvwxyz");
    admin("CREATE SCHEMA " + name);
    return url_of(name);
  }
  std::string url_of(const std::string& schema) const {
    return url("postgres", "&options=-csearch_path%3D" + schema);
  }

  // Runs statements as the owner of everything; the rows as text, values separated by '|'.
  std::string admin(const std::string& sql, const std::string& where = {}) const {
    PGconn* connection = PQconnectdb(where.empty() ? url().c_str() : where.c_str());
    PGresult* result = PQexec(connection, sql.c_str());
    const ExecStatusType status = PQresultStatus(result);
    std::string rows;
    for (int row = 0; row < PQntuples(result); ++row) {
      for (int column = 0; column < PQnfields(result); ++column)
        rows += std::string(column ? "|" : "") + PQgetvalue(result, row, column);
      rows += '\n';
    }
    const std::string message = PQerrorMessage(connection);
    PQclear(result);
    PQfinish(connection);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
      throw std::runtime_error(sql + ": " + message);
    return rows;
  }

 private:
  inline static const std::string programs = "/usr/lib/postgresql/15/bin/";

  std::string data() const { return (folder_ / "data").string(); }
  std::string log() const {
    std::ifstream in(folder_ / "log");
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

  pid_t spawn(const std::vector<std::string>& words) const {
    std::vector<char*> arguments;
    for (const std::string& word : words)
      arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const std::string log_file = (folder_ / "log").string();
    const pid_t child = ::fork();
    if (child != 0) return child;
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (user_ != 0 &&
        (::setgroups(0, nullptr) != 0 || ::setgid(group_) != 0 || ::setuid(user_) != 0))
      ::_exit(1);
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
    const int out = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(out, 1);
    ::dup2(out, 2);
    if (::chdir("/") == 0) ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }

  static std::vector<pid_t> children_of(pid_t process) {
    std::ifstream in("/proc/" + std::to_string(process) + "/task/" + std::to_string(process) +
                     "/children");
    std::vector<pid_t> children;
    for (pid_t child = 0; in >> child;)
      children.push_back(child);
    return children;
  }

  void signal_all(int signal) const {
    ::kill(server_, signal);
    for (const pid_t child : children_of(server_))
      ::kill(child, signal);
  }

  std::filesystem::path folder_;
  uid_t user_ = 0;
  gid_t group_ = 0;
  pid_t server_ = 0;
};

}  // namespace mytoken::test
