-- Codes of the built-in guest provider that were used, until they run out.
CREATE TABLE used_guest_codes (
  hash BLOB PRIMARY KEY NOT NULL,           -- SHA-256 of the code
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX used_guest_codes_expiry ON used_guest_codes (expires_at);
