// libsecret's headers give the types, the dynamic loader gives the functions. Each operation has a
// connection to the bus of its own, which does not end the process when the bus goes away (a shared
// one of glib would).
#include "client/secret_service.h"

#include <dlfcn.h>
#include <libsecret/secret.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>

#include <mytoken/keyring.h>
#include "client/durable_file.h"
#include "client/file_lock.h"
#include "client/lease_turn.h"

namespace mytoken::client::secret_service {
namespace {

// The functions that are used, by their own names.
struct Library {
  void* handle = ::dlopen("libsecret-1.so.0", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  bool is_complete = handle != nullptr;

  template <class Function>
  Function* find(const char* name) {
    void* address = handle ? ::dlsym(handle, name) : nullptr;
    is_complete = is_complete && address != nullptr;
    return reinterpret_cast<Function*>(address);
  }
#define MYTOKEN_FIND(name) decltype(::name)* name = find<decltype(::name)>(#name)
  MYTOKEN_FIND(g_bus_get_sync);
  MYTOKEN_FIND(g_cancellable_cancel);
  MYTOKEN_FIND(g_cancellable_new);
  MYTOKEN_FIND(g_dbus_connection_set_exit_on_close);
  MYTOKEN_FIND(g_dbus_error_quark);
  MYTOKEN_FIND(g_error_free);
  MYTOKEN_FIND(g_hash_table_insert);
  MYTOKEN_FIND(g_hash_table_lookup);
  MYTOKEN_FIND(g_hash_table_new);
  MYTOKEN_FIND(g_hash_table_unref);
  MYTOKEN_FIND(g_io_error_quark);
  MYTOKEN_FIND(g_list_free);
  MYTOKEN_FIND(g_object_unref);
  MYTOKEN_FIND(g_str_equal);
  MYTOKEN_FIND(g_str_hash);
  MYTOKEN_FIND(secret_password_clearv_sync);
  MYTOKEN_FIND(secret_password_free);
  MYTOKEN_FIND(secret_password_lookupv_sync);
  MYTOKEN_FIND(secret_password_searchv_sync);
  MYTOKEN_FIND(secret_password_storev_sync);
  MYTOKEN_FIND(secret_retrievable_get_attributes);
  MYTOKEN_FIND(secret_service_disconnect);
#undef MYTOKEN_FIND
};

const Library& library() {
  static const Library loaded;
  return loaded;
}

const SecretSchema& schema() {
  static const SecretSchema value = [] {
    SecretSchema made{};
    made.name = "org.mytoken.Mytoken";
    made.flags = SECRET_SCHEMA_NONE;
    made.attributes[0] = {"name", SECRET_SCHEMA_ATTRIBUTE_STRING};
    return made;
  }();
  return value;
}

Failure unavailable(std::string why) {
  return failure(ErrorKind::token_source, "there is no keyring here: " + std::move(why),
                 no_keyring);
}

// One operation: its attributes, its error, and a clock that ends it.
class Operation {
 public:
  Operation(const Library& glib, const Call& call) : glib_(glib), call_(call) {
    cancellable_ = glib_.g_cancellable_new();
    attributes_ = glib_.g_hash_table_new(glib_.g_str_hash, glib_.g_str_equal);
    end_ = end_of_waiting(call);
    watch_ = std::jthread([this](const std::stop_token& finished) {
      SystemTimer().wait_until(end_, finished);
      if (!finished.stop_requested()) glib_.g_cancellable_cancel(cancellable_);
    });
    on_stop_.emplace(call.stop, Cancel{this});
  }
  ~Operation() {
    on_stop_.reset();
    watch_.request_stop();
    watch_.join();
    glib_.secret_service_disconnect();
    if (problem_) glib_.g_error_free(problem_);
    glib_.g_hash_table_unref(attributes_);
    if (bus_) glib_.g_object_unref(bus_);
    glib_.g_object_unref(cancellable_);
  }
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  Outcome<void> connect() {
    bus_ = glib_.g_bus_get_sync(G_BUS_TYPE_SESSION, cancellable_, &problem_);
    if (!bus_) return is_over() ? over() : unavailable(reason());
    glib_.g_dbus_connection_set_exit_on_close(bus_, FALSE);
    return {};
  }
  void attribute(const char* name, const std::string& value) {
    // glib takes what it does not change without const.
    glib_.g_hash_table_insert(attributes_, const_cast<char*>(name),
                              const_cast<char*>(value.c_str()));
  }

  GHashTable* attributes() const { return attributes_; }
  GCancellable* cancellable() const { return cancellable_; }
  GError** problem() { return &problem_; }
  bool has_failed() const { return problem_ != nullptr; }

  Failure failed() const {
    if (is_over()) return over();
    const bool is_bus_error =
        problem_ && problem_->domain == glib_.g_dbus_error_quark() &&
        (problem_->code == G_DBUS_ERROR_SERVICE_UNKNOWN ||
         problem_->code == G_DBUS_ERROR_NAME_HAS_NO_OWNER ||
         problem_->code == G_DBUS_ERROR_SPAWN_EXEC_FAILED ||
         problem_->code == G_DBUS_ERROR_SPAWN_SERVICE_NOT_FOUND ||
         problem_->code == G_DBUS_ERROR_SPAWN_CHILD_EXITED ||
         problem_->code == G_DBUS_ERROR_SPAWN_CHILD_SIGNALED ||
         problem_->code == G_DBUS_ERROR_SPAWN_FAILED || problem_->code == G_DBUS_ERROR_NO_REPLY);
    const bool is_closed = problem_ && problem_->domain == glib_.g_io_error_quark() &&
                           problem_->code == G_IO_ERROR_CLOSED;
    if (is_bus_error || is_closed) return unavailable(reason());
    return failure(ErrorKind::token_source, "the keyring refused: " + reason(), keyring_refused);
  }

 private:
  struct Cancel {
    Operation* self;
    void operator()() const { self->glib_.g_cancellable_cancel(self->cancellable_); }
  };

  bool is_over() const {
    return call_.stop.stop_requested() || std::chrono::steady_clock::now() >= end_;
  }
  Failure over() const {
    if (call_.stop.stop_requested()) return failure(ErrorKind::cancelled, "interrupted");
    return failure(ErrorKind::timeout, "no answer from the keyring in time");
  }
  std::string reason() const {
    return problem_ && problem_->message ? sanitised(problem_->message, 300) : "no reason given";
  }

  const Library& glib_;
  const Call& call_;
  TimePoint end_;
  GCancellable* cancellable_ = nullptr;
  GHashTable* attributes_ = nullptr;
  GDBusConnection* bus_ = nullptr;
  GError* problem_ = nullptr;
  std::jthread watch_;
  std::optional<std::stop_callback<Cancel>> on_stop_;
};

// libsecret keeps one connection to the service for the whole process, which an operation must not
// close under another one: then the closed one would stay, and nothing would work any more.
class Turn {
 public:
  Outcome<void> take(const Call& call) {
    auto taken = state().take_turn(call);
    is_taken_ = taken.has_value();
    if (taken || taken.error().kind != ErrorKind::timeout) return taken;
    return failure(ErrorKind::timeout, "no answer from the keyring in time");
  }
  Turn() = default;
  ~Turn() {
    if (is_taken_) state().end_turn();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  static MemoryTokenSource::State& state() {
    static MemoryTokenSource::State turns;
    return turns;
  }
  bool is_taken_ = false;
};

// What `work` makes of a connected operation.
template <class Answer, class Work>
Outcome<Answer> run(const Call& call, const Work& work) {
  const Library& glib = library();
  if (!glib.is_complete) return unavailable("libsecret is not installed");
  Turn turn;
  if (auto taken = turn.take(call); !taken) return failure(std::move(taken.error()));
  Operation operation(glib, call);
  if (auto connected = operation.connect(); !connected)
    return failure(std::move(connected.error()));
  return work(glib, operation);
}

Failure no_entry(const std::string& name) {
  return failure(ErrorKind::token_source,
                 "the keyring has no mytoken named '" + sanitised(name) + "'", no_token);
}

}  // namespace

Outcome<void> store(const std::string& name, const Secret& content, const Call& call) {
  return run<void>(call, [&](const Library& glib, Operation& operation) -> Outcome<void> {
    operation.attribute("name", name);
    const std::string label = "mytoken " + name;
    if (!glib.secret_password_storev_sync(&schema(), operation.attributes(),
                                          SECRET_COLLECTION_DEFAULT, label.c_str(),
                                          content.reveal().data(),  // of a std::string: ends with 0
                                          operation.cancellable(), operation.problem())) {
      return operation.failed();
    }
    return {};
  });
}

Outcome<Secret> lookup(const std::string& name, const Call& call) {
  return run<Secret>(call, [&](const Library& glib, Operation& operation) -> Outcome<Secret> {
    operation.attribute("name", name);
    char* found = glib.secret_password_lookupv_sync(&schema(), operation.attributes(),
                                                    operation.cancellable(), operation.problem());
    if (operation.has_failed()) return operation.failed();
    if (!found) return no_entry(name);
    Secret content{std::string(found)};
    glib.secret_password_free(found);
    return content;
  });
}

Outcome<std::vector<std::string>> names(const Call& call) {
  using Names = std::vector<std::string>;
  return run<Names>(call, [&](const Library& glib, Operation& operation) -> Outcome<Names> {
    GList* found =
        glib.secret_password_searchv_sync(&schema(), operation.attributes(), SECRET_SEARCH_ALL,
                                          operation.cancellable(), operation.problem());
    if (operation.has_failed()) return operation.failed();
    Names list;
    for (const GList* item = found; item; item = item->next) {
      GHashTable* attributes =
          glib.secret_retrievable_get_attributes(static_cast<SecretRetrievable*>(item->data));
      const auto* name = static_cast<const char*>(glib.g_hash_table_lookup(attributes, "name"));
      if (name) list.emplace_back(name);
      glib.g_hash_table_unref(attributes);
      glib.g_object_unref(item->data);
    }
    glib.g_list_free(found);
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    return list;
  });
}

Outcome<void> remove(const std::string& name, const Call& call) {
  return run<void>(call, [&](const Library& glib, Operation& operation) -> Outcome<void> {
    operation.attribute("name", name);
    const bool was_there = glib.secret_password_clearv_sync(
        &schema(), operation.attributes(), operation.cancellable(), operation.problem());
    if (operation.has_failed()) return operation.failed();
    if (!was_there) return no_entry(name);
    return {};
  });
}

}  // namespace mytoken::client::secret_service
