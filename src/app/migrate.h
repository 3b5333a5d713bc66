// `mytoken-server migrate-to postgresql://…`: an installation moves from the embedded database to
// PostgreSQL, with every token valid. docs/operations/backup.md is for the operator.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "app/config.h"

namespace mytoken::app {

// Copies everything into an empty target, proves by counts, digests and a sample that both hold the
// same, and then marks the source as moved. The target is marked as incomplete until then, so that
// no server starts on it; an interrupted move is begun again with `start_over`, which empties such
// a target (and no other). Successors that wait in the journal come along. `report` is given the
// lines to print as they come. Errors (cause: one line that says what to do), the source unchanged:
// a server runs, PostgreSQL already, the target cannot be reached or written, is not empty, is of
// another program or of a newer schema, a value that PostgreSQL cannot store.
Result<void> migrate_to(const Config& config, const Secret& target, bool start_over,
                        const Clock& clock, Log& log,
                        const std::function<void(std::string_view)>& report);

}  // namespace mytoken::app
