-- What is over is found by its time.
CREATE INDEX rotations_expiry ON rotations (expires_at);

-- Pages of lists and trees, in the order of creation.
DROP INDEX mytokens_user;
CREATE INDEX mytokens_user ON mytokens (user_id, created);
CREATE INDEX mytokens_roots ON mytokens (user_id, created) WHERE parent_id IS NULL;
DROP INDEX mytokens_parent;
CREATE INDEX mytokens_parent ON mytokens (parent_id, created) WHERE parent_id IS NOT NULL;
