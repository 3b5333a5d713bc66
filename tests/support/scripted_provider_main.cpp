// scripted-provider: the scripted provider as a program. Prints its issuer and serves until it is
// ended.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "support/scripted_provider.h"

int main(int argc, char** argv) {
  using mytoken::test::ProviderKnobs;
  mytoken::test::ProviderOptions options;
  ProviderKnobs knobs;
  int delay = 0;
  int grace = 0;
  long offset = 0;
  std::string error;
  std::string description;
  int status = 400;

  CLI::App app("An OpenID provider on loopback for tests and benchmarks");
  app.add_option("--port", options.port, "port (0: any)");
  app.add_option("--client-id", options.client_id);
  app.add_option("--client-secret", options.client_secret);
  app.add_flag("--rsa", options.rsa_key, "sign with RS256 instead of ES256");
  app.add_option("--user", knobs.user, "who logs in");
  const std::map<std::string, ProviderKnobs::Rotation> rotations{
      {"off", ProviderKnobs::Rotation::off},
      {"single-use", ProviderKnobs::Rotation::single_use},
      {"family-revocation", ProviderKnobs::Rotation::family_revocation},
      {"grace", ProviderKnobs::Rotation::grace}};
  app.add_option("--rotation", knobs.rotation, "of refresh tokens")
      ->transform(CLI::CheckedTransformer(rotations));
  app.add_option("--grace", grace, "milliseconds, with --rotation grace");
  app.add_option("--delay", delay, "milliseconds between acting and answering");
  app.add_option("--drop-after-acting", knobs.drop_after_acting, "number of token requests");
  app.add_option("--drop-before-acting", knobs.drop_before_acting, "number of token requests");
  const std::map<std::string, ProviderKnobs::Audience> audiences{
      {"ignore", ProviderKnobs::Audience::ignore},
      {"echo", ProviderKnobs::Audience::echo},
      {"fixed", ProviderKnobs::Audience::fixed}};
  app.add_option("--audience", knobs.audience)->transform(CLI::CheckedTransformer(audiences));
  app.add_option("--fixed-audience", knobs.fixed_audience);
  app.add_option("--expires-in", knobs.expires_in, "seconds");
  app.add_option("--clock-offset", offset, "seconds, of iat and exp");
  app.add_option("--error", error, "answer token requests with this error");
  app.add_option("--error-description", description);
  app.add_option("--error-status", status);
  app.add_flag("--html-502", knobs.html_502, "answer token requests with an HTML page");
  app.add_flag("--control", options.control, "POST /control and GET /ledger, for tests");
  bool no_refresh_token = false;
  app.add_flag("--no-refresh-token", no_refresh_token);
  CLI11_PARSE(app, argc, argv);

  knobs.delay = std::chrono::milliseconds(delay);
  knobs.grace = std::chrono::milliseconds(grace);
  knobs.clock_offset = std::chrono::seconds(offset);
  knobs.refresh_token = !no_refresh_token;
  if (!error.empty()) knobs.error = ProviderKnobs::ErrorAnswer{error, description, status};

  // Blocked before the provider starts its thread, so that sigwait gets them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const mytoken::test::ScriptedProvider provider(options, knobs);
  std::printf("%s\n", provider.issuer().c_str());
  std::fflush(stdout);
  int received = 0;
  sigwait(&signals, &received);
  return 0;
}
