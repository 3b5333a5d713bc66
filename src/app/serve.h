// The subcommand serve: a process with narrow rights that runs one Instance until it is told to
// end.
#pragma once
#include "app/config.h"

namespace mytoken::app {

// umask 077, no core dumps and no tracing by other processes, as many descriptors as allowed.
// Before secrets are read.
void harden_process();

// Runs the server until SIGTERM or SIGINT; then lets requests finish and returns 0. A second signal
// ends the process at once. 1: the server could not start.
int serve(Config config);

}  // namespace mytoken::app
