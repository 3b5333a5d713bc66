-- Templates and profiles (src/store/profiles.h), looked up by kind, group and name.
CREATE TABLE profiles (
  id BLOB PRIMARY KEY NOT NULL,             -- 16 random bytes, a UUID to clients
  kind TEXT NOT NULL,                       -- profiles, capabilities, restrictions, rotation
  group_name TEXT NOT NULL,
  name TEXT NOT NULL,
  payload TEXT NOT NULL,                    -- JSON as it was written, includes unresolved
  created INTEGER NOT NULL,
  UNIQUE (kind, group_name, name)
) STRICT;
