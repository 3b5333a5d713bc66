-- What each server has counted for the rate limits, for the others: one row per server, written at most once a second.
CREATE TABLE shared_counts (
  server TEXT PRIMARY KEY NOT NULL,         -- as in leases
  time INTEGER NOT NULL,                    -- of the last change, by its clock
  counts BLOB NOT NULL                      -- src/http/rate_limit.h
) STRICT;
