// Without a terminal only plain lines appear: no QR code, no spinner, no escape sequences.
#include "cli/login.h"

#include <array>
#include <cstdio>

#include "cli/browser.h"
#include "cli/qr.h"

namespace mytoken::cli {
namespace {

// One line that is rewritten in place and removed at the end.
class Spinner {
 public:
  explicit Spinner(Console& console) : console_(console) {}
  ~Spinner() {
    if (is_drawn_) console_.note("\r\x1b[K");
  }
  Spinner(const Spinner&) = delete;
  Spinner& operator=(const Spinner&) = delete;

  void draw(Seconds remaining) {
    constexpr std::array<char, 4> frames{'|', '/', '-', '\\'};
    std::array<char, 80> line{};
    const long long left = remaining.count();
    std::snprintf(line.data(), line.size(),
                  "\r%c waiting for your approval, %lld:%02lld left\x1b[K",
                  frames[frame_++ % frames.size()], left / 60, left % 60);
    console_.note(line.data());
    is_drawn_ = true;
  }

 private:
  Console& console_;
  std::size_t frame_ = 0;
  bool is_drawn_ = false;
};

}  // namespace

void show_authorization(Context& context, const client::Authorization& authorization,
                        const LoginFlags& flags, const std::string& what) {
  Console& console = context.console;
  if (flags.quiet) return console.note(authorization.consent_uri + "\n");
  const bool is_open = !flags.no_browser && open_browser(context, authorization.consent_uri);
  console.note(is_open ? "your browser opens this address; approve the " + what +
                             " there, or on any other device:\n\n"
                       : "open this address in a browser, on any device, and approve the " + what +
                             ":\n\n");
  console.note("  " + authorization.consent_uri + "\n\n");
  if (!console.is_interactive()) return;
  int width = 0;
  const bool uses_colour =
      console.uses_colour(context.no_color, !context.variable("NO_COLOR").empty());
  const std::string picture = qr_code(authorization.consent_uri, uses_colour, width);
  if (!picture.empty() && width <= console.columns()) console.note(picture + "\n");
}

void wait_with_spinner(Context& context, const LoginFlags& flags,
                       const std::function<void(const client::Client::Progress&)>& wait) {
  if (!context.console.is_interactive() || flags.quiet) return wait({});
  Spinner spinner(context.console);
  wait([&spinner](Seconds remaining) { spinner.draw(remaining); });
}

namespace {

// Nobody decided yet, and the server may still be asked.
bool can_be_resumed(const client::ClientError& error) {
  switch (error.kind) {
    case client::ErrorKind::cancelled:
    case client::ErrorKind::network:
    case client::ErrorKind::timeout:
    case client::ErrorKind::tls:
    case client::ErrorKind::protocol:
      return true;
    default:
      return false;
  }
}

client::Outcome<client::Mytoken> wait(Context& context, Session& session, PendingLogin login,
                                      const LoginFlags& flags, std::string& resumable) {
  const Time began = context.clock->now();
  client::Outcome<client::Mytoken> token = client::failure(client::ErrorKind::cancelled, "");
  wait_with_spinner(context, flags, [&](const client::Client::Progress& progress) {
    token = session.client->wait_for_authorization(login.authorization, progress, session.call);
  });
  if (!token && can_be_resumed(token.error())) {
    login.authorization.expires_in -= context.clock->now() - began;
    resumable = save_login(context, login);
  }
  return token;
}

}  // namespace

void LoginFlags::declare_display(Command& command) {
  command.toggle("--no-browser", no_browser, "do not open the address of the login in a browser");
  command.toggle("-q,--quiet", quiet, "show nothing but the address while logging in");
}

void LoginFlags::declare(Command& command) {
  declare_display(command);
  command.text("--resume", resume, "go on waiting for a login that was interrupted: its code");
}

client::Outcome<client::Mytoken> log_in(Context& context, Session& session,
                                        const client::MytokenRequest& request,
                                        const LoginFlags& flags, std::string& resumable) {
  auto authorization = session.client->start_authorization(request, session.call);
  if (!authorization) return client::failure(std::move(authorization.error()));
  show_authorization(context, *authorization, flags, "mytoken");
  return wait(context, session, {session.client->server_url(), std::move(*authorization)}, flags,
              resumable);
}

client::Outcome<ResumedLogin> session_to_resume(Context& context, const Config& config,
                                                const LoginFlags& flags) {
  ResumedLogin resumed;
  PendingLogin& login = resumed.login;
  if (auto saved = load_login(context, *flags.resume)) {
    login = std::move(*saved);
    context.url = login.server_url;
  } else if (*flags.resume == "-") {
    auto code = context.console.prompt("polling code: ", context.interruption());
    if (!code || code->empty())
      return client::failure(client::ErrorKind::usage, "no polling code was entered");
    login.authorization.polling_code = std::move(*code);
  } else if (flags.resume->size() <= login_code_length) {
    return client::failure(client::ErrorKind::usage,
                           "there is no login of that name that still waits");
  } else {
    login.authorization.polling_code = Secret(*flags.resume);
  }
  auto session = open_session(context, config, {});
  if (!session) return client::failure(std::move(session.error()));
  resumed.session = std::move(*session);
  login.server_url = resumed.session.client->server_url();
  return resumed;
}

client::Outcome<client::Mytoken> resume_login(Context& context, ResumedLogin& resumed,
                                              const LoginFlags& flags, std::string& resumable) {
  auto token = wait(context, resumed.session, std::move(resumed.login), flags, resumable);
  forget_login(context, *flags.resume);
  return token;
}

}  // namespace mytoken::cli
