-- Mytokens made within one second are listed in the order in which they were made: older ones have the same number and
-- go by their ids.
ALTER TABLE mytokens ADD COLUMN number INTEGER NOT NULL DEFAULT 0;  -- ascending in time (src/store/ids.h)
DROP INDEX mytokens_user;
CREATE INDEX mytokens_user ON mytokens (user_id, created, number);
DROP INDEX mytokens_roots;
CREATE INDEX mytokens_roots ON mytokens (user_id, created, number) WHERE parent_id IS NULL;
DROP INDEX mytokens_parent;
CREATE INDEX mytokens_parent ON mytokens (parent_id, created, number) WHERE parent_id IS NOT NULL;

-- When the purge looks again whether a user of the guest provider has any mytoken; for others it means nothing.
ALTER TABLE users ADD COLUMN next_look INTEGER NOT NULL DEFAULT 0;
CREATE INDEX users_look ON users (oidc_iss, next_look);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);
