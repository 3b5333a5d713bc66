// The subcommand serve: a process with narrow rights that runs one Instance until it is told to
// end.
#pragma once
#include "app/config.h"

namespace mytoken::app {

// umask 077, no core dumps and no tracing by other processes, as many descriptors as allowed.
// Before secrets are read.
void harden_process();

// Runs the server until SIGTERM, SIGINT or a successor ends it; then lets requests finish and
// returns 0. A second signal ends the process at once. 1: the server could not start.
// `take_over`: follows the server that waits at config.handover, if there is one, on its sockets.
// Sockets that a supervisor passes in the environment are used otherwise.
int serve(Config config, const Environment& environment, bool take_over);

}  // namespace mytoken::app
