// A session bus of the test's own, with a real Secret Service on it (GNOME Keyring, unlocked), with
// one that never answers, or with none. What this process calls its session bus, home and state
// directory are those of the object while it lives.
#pragma once
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>

extern char** environ;

namespace mytoken::test {

class PrivateBus {
 public:
  enum class Service { gnome_keyring, silent, none };

  explicit PrivateBus(Service service) {
    std::string name = (std::filesystem::temp_directory_path() / "mytoken-bus-XXXXXX").string();
    root = ::mkdtemp(name.data());
    std::filesystem::create_directory(root / "services");
    if (service == Service::silent) start_on_demand("exec sleep 60");
    if (service == Service::gnome_keyring) {
      // Started by the first call, which waits until it is ready.
      std::ofstream(root / "password") << "password";
      start_on_demand("exec gnome-keyring-daemon --foreground --unlock --components=secrets" +
                      (" --control-directory=" + (root / "control").string()) + " <" +
                      (root / "password").string() + " >/dev/null 2>&1");
    }
    std::ofstream(root / "bus.conf")
        << "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" "
           "\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\"><busconfig>"
           "<type>session</type><listen>unix:path="
        << (root / "bus").string() << "</listen><servicedir>" << (root / "services").string()
        << "</servicedir><policy context=\"default\"><allow send_destination=\"*\" "
           "eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>";
    set("HOME", root.string());
    set("XDG_DATA_HOME", (root / "data").string());
    set("XDG_STATE_HOME", (root / "state").string());
    set("XDG_RUNTIME_DIR", root.string());
    set("DBUS_SESSION_BUS_ADDRESS", "unix:path=" + (root / "bus").string());
    bus_ = start_bus();
  }
  ~PrivateBus() {
    end_service();
    end(bus_);
    for (const auto& [name, value] : before_) {
      if (value) {
        ::setenv(name.c_str(), value->c_str(), 1);
      } else {
        ::unsetenv(name.c_str());
      }
    }
    std::filesystem::remove_all(root);
  }
  PrivateBus(const PrivateBus&) = delete;
  PrivateBus& operator=(const PrivateBus&) = delete;

  // The service is gone, as after a logout, and does not come back.
  void end_service() {
    std::ofstream(root / "gone") << "";
    pid_t service = -1;
    std::ifstream(root / "pid") >> service;
    if (service > 0) ::kill(service, SIGKILL);
    std::filesystem::remove(root / "pid");
  }
  void end_bus() { end(bus_); }

  std::filesystem::path root;

 private:
  void set(const std::string& name, const std::string& value) {
    const char* before = std::getenv(name.c_str());
    before_[name] = before ? std::optional<std::string>(before) : std::nullopt;
    ::setenv(name.c_str(), value.c_str(), 1);
  }

  void start_on_demand(const std::string& command) const {
    std::ofstream(root / "services/org.freedesktop.secrets.service")
        << "[D-BUS Service]\nName=org.freedesktop.secrets\nExec=/bin/sh "
        << (root / "service.sh").string() << "\n";
    std::ofstream(root / "service.sh") << "cd " << root.string() << "\ntest -e gone && exit 1\n"
                                       << "echo $$ >pid\n"
                                       << command << "\n";
  }

  // Starts dbus-daemon and returns once it listens.
  pid_t start_bus() {
    int out[2];
    if (::pipe2(out, O_CLOEXEC) != 0) std::abort();
    std::string program = "dbus-daemon";
    std::string config = "--config-file=" + (root / "bus.conf").string();
    std::string stays = "--nofork";
    std::string tells = "--print-address=1";
    char* const arguments[] = {program.data(), config.data(), stays.data(), tells.data(), nullptr};
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    pid_t child = -1;
    const int problem = ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    char c = '\0';
    while (problem == 0 && c != '\n' && ::read(out[0], &c, 1) == 1) {
    }
    ::close(out[0]);
    if (c != '\n') std::abort();  // not installed, or not able to listen
    return child;
  }

  static void end(pid_t& child) {
    if (child <= 0) return;
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    child = -1;
  }

  std::map<std::string, std::optional<std::string>> before_;
  pid_t bus_ = -1;
};

}  // namespace mytoken::test
