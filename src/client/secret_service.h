// The four things this library asks of a Secret Service, through libsecret. It is loaded at the
// first use, because loading glib takes as long as the rest of a command together.
#pragma once
#include <mytoken/call.h>
#include <mytoken/error.h>

#include <string>
#include <vector>

#include "base/secret.h"

namespace mytoken::client::secret_service {

// Errors of all: as in mytoken/keyring.h. `name` is the attribute by which entries are told apart.
Outcome<void> store(const std::string& name, const Secret& content, const Call& call);
Outcome<Secret> lookup(const std::string& name, const Call& call);
Outcome<std::vector<std::string>> names(const Call& call);
Outcome<void> remove(const std::string& name, const Call& call);

}  // namespace mytoken::client::secret_service
