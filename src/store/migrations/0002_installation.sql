-- What all servers of one installation share. One row: `id` is random and stands in the journal of every server; `newest` is
-- the latest time that a server's clock has shown, so that a clock that is behind is noticed.
CREATE TABLE installation (
  one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
  id TEXT NOT NULL,
  created INTEGER NOT NULL,
  newest INTEGER NOT NULL
) STRICT;

-- The installation's secret, once under every signing key that has served it: a new key changes nothing for codes and
-- queued revocations.
CREATE TABLE installation_keys (
  thumbprint TEXT PRIMARY KEY NOT NULL,     -- RFC 7638
  sealed_secret BLOB NOT NULL,              -- under the private key, which is not in this database
  created INTEGER NOT NULL
) STRICT;

-- The servers that run. A row is renewed every few seconds and removed when its server ends.
CREATE TABLE servers (
  owner TEXT PRIMARY KEY NOT NULL,          -- as in leases
  signing_key TEXT NOT NULL,                -- thumbprint of the key that it signs with
  known_keys TEXT NOT NULL,                 -- thumbprints of all keys that it verifies with, separated by blanks
  time INTEGER NOT NULL                     -- what its clock showed
) STRICT;
