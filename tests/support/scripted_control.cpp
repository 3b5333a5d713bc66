// The scripted provider's knobs and ledger over HTTP, for tests in other processes (--control):
//   POST /control  a form of rotation (as on the command line), grace, delay (milliseconds),
//                  drop_after_acting, drop_before_acting (numbers of requests), error,
//                  error_status, html_502, down (discovery and keys too; 0 or 1), clock_offset
//                  (seconds), user; others: 400
//   GET /ledger    {"sessions": [{user, refreshes, repeats, lost_replies, reuse_detected, ended,
//                  current}], "counters": {…}}; ?from=N leaves out the first N sessions
// `current` is the SHA-256 of the refresh token that the provider considers current.
#include <charconv>

#include "crypto/hash.h"
#include "support/scripted_provider_impl.h"

namespace mytoken::test {
namespace {

int number(const std::string& text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool turn(ProviderKnobs& knobs, const std::string& name, const std::string& value) {
  using Rotation = ProviderKnobs::Rotation;
  static const std::map<std::string, Rotation> rotations{
      {"off", Rotation::off},
      {"single-use", Rotation::single_use},
      {"family-revocation", Rotation::family_revocation},
      {"grace", Rotation::grace}};
  if (name == "rotation") {
    const auto found = rotations.find(value);
    if (found == rotations.end()) return false;
    knobs.rotation = found->second;
  } else if (name == "grace") {
    knobs.grace = std::chrono::milliseconds(number(value));
  } else if (name == "delay") {
    knobs.delay = std::chrono::milliseconds(number(value));
  } else if (name == "drop_after_acting") {
    knobs.drop_after_acting = number(value);
  } else if (name == "drop_before_acting") {
    knobs.drop_before_acting = number(value);
  } else if (name == "error") {
    knobs.error.reset();
    if (!value.empty()) knobs.error = ProviderKnobs::ErrorAnswer{value, "as asked", 400};
  } else if (name == "error_status" && knobs.error) {
    knobs.error->status = number(value);
  } else if (name == "html_502") {
    knobs.html_502 = value == "1";
  } else if (name == "down") {
    const bool down = value == "1";
    knobs.discovery = down ? ProviderKnobs::Discovery::down : ProviderKnobs::Discovery::up;
    knobs.jwks = down ? ProviderKnobs::Jwks::down : ProviderKnobs::Jwks::normal;
    knobs.drop_before_acting = down ? 1 << 30 : 0;
  } else if (name == "clock_offset") {
    knobs.clock_offset = std::chrono::seconds(number(value));
  } else if (name == "user") {
    knobs.user = value;
  } else {
    return false;
  }
  return true;
}

}  // namespace

TinyResponse ScriptedProvider::Impl::control(const TinyRequest& request) {
  ProviderKnobs changed = knobs;
  for (const auto& [name, value] : decode(request.body)) {
    if (!turn(changed, name, value)) return error_answer(400, "unknown knob or value", name);
  }
  knobs = std::move(changed);
  return TinyResponse{};
}

TinyResponse ScriptedProvider::Impl::ledger(const TinyRequest& request) const {
  const auto from =
      static_cast<std::size_t>(std::max(number(first(decode(request.query), "from")), 0));
  json::array list;
  for (std::size_t i = from; i < sessions.size(); ++i) {
    const Session& session = sessions[i];
    list.push_back(json::object{{"user", session.user},
                                {"refreshes", session.refreshes},
                                {"repeats", session.repeats},
                                {"lost_replies", session.lost_replies},
                                {"reuse_detected", session.reuse_detected},
                                {"ended", session.ended},
                                {"current", hex(crypto::sha256(session.current_refresh_token))}});
  }
  TinyResponse response;
  response.body = json::serialize(
      json::object{{"sessions", std::move(list)},
                   {"counters", json::object{{"codes", counters.codes},
                                             {"refreshes", counters.refreshes},
                                             {"refused", counters.refused},
                                             {"reuse_detected", counters.reuse_detected},
                                             {"revocations", counters.revocations},
                                             {"dropped", counters.dropped}}}});
  return response;
}

}  // namespace mytoken::test
