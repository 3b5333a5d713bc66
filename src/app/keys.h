// Signing keys in files: reading, making, and whether others may read them (operations.md
// §§8, 19.5, 19.6).
#pragma once
#include <string>
#include <vector>

#include "app/config.h"
#include "crypto/jose.h"

namespace mytoken::app {

struct Keys {
  crypto::Key signing;
  crypto::KeySet verification;  // the signing key first
};

// Error: cause with file and reason; a missing signing key names `mytoken-server init`.
Result<crypto::Key> load_key(const SigningKeyFile& file);
Result<Keys> load_keys(const Config& config);

// True if group or others may read or write the file.
bool is_exposed(const std::string& file);

// Makes a key (mode 0600, on disk when this returns) unless the file exists. True: made.
Result<bool> make_key(const SigningKeyFile& file, int rsa_bits);

}  // namespace mytoken::app
