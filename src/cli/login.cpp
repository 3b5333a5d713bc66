// Without a terminal only plain lines appear: no QR code, no spinner, no escape sequences.
#include "cli/login.h"

#include <array>
#include <cstdio>

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

void show(Context& context, const client::Authorization& authorization) {
  Console& console = context.console;
  console.note("open this address in a browser, on any device, and approve the mytoken:\n\n");
  console.note("  " + authorization.consent_uri + "\n\n");
  if (!console.is_interactive()) return;
  int width = 0;
  const bool uses_colour =
      console.uses_colour(context.no_color, !context.variable("NO_COLOR").empty());
  const std::string picture = qr_code(authorization.consent_uri, uses_colour, width);
  if (!picture.empty() && width <= console.columns()) console.note(picture + "\n");
}

}  // namespace

client::Outcome<client::Mytoken> log_in(Context& context, Session& session,
                                        const client::MytokenRequest& request) {
  auto authorization = session.client->start_authorization(request, session.call);
  if (!authorization) return client::failure(std::move(authorization.error()));
  show(context, *authorization);
  if (!context.console.is_interactive()) {
    return session.client->wait_for_authorization(*authorization, {}, session.call);
  }
  Spinner spinner(context.console);
  const auto draw = [&spinner](Seconds remaining) { spinner.draw(remaining); };
  return session.client->wait_for_authorization(*authorization, draw, session.call);
}

}  // namespace mytoken::cli
