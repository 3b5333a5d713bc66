-- What a database must remember of having been an older one (store/restore.h): when that was, and for every rotating
-- token and limited clause of that time what cannot be known of it.
CREATE TABLE restores (
  id INTEGER PRIMARY KEY NOT NULL,          -- ascending in time
  state_time INTEGER NOT NULL,              -- up to here everything is known
  restored INTEGER NOT NULL,                -- from here on everything is known again
  first_seq_no INTEGER NOT NULL,            -- of successors made after it
  finished INTEGER NOT NULL DEFAULT 0       -- all rows are marked; before that no server starts
) STRICT;

-- Numbers above restored_seq_no and below first_seq_no were handed out in the time that is lost.
ALTER TABLE mytokens ADD COLUMN restored_seq_no INTEGER;
ALTER TABLE mytokens ADD COLUMN first_seq_no INTEGER;
-- A token with such a number was presented: the one that is stored here has been replaced since.
ALTER TABLE mytokens ADD COLUMN superseded INTEGER NOT NULL DEFAULT 0;
-- How often a limited clause was used is not known: its counters stand at their limits.
ALTER TABLE clauses ADD COLUMN uses_unknown INTEGER NOT NULL DEFAULT 0;
