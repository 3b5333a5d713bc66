-- Times are Unix seconds UTC, ids and digests are blobs, JSON is text. Columns named sealed_* hold envelopes
-- (src/crypto/envelope.h) that nothing in this database can open.

CREATE TABLE users (
  id INTEGER PRIMARY KEY NOT NULL,          -- random
  oidc_sub TEXT NOT NULL,
  oidc_iss TEXT NOT NULL,                   -- issuer as configured
  created INTEGER NOT NULL,
  email TEXT,
  email_verified INTEGER NOT NULL DEFAULT 0,
  UNIQUE (oidc_sub, oidc_iss)
) STRICT;

CREATE TABLE refresh_tokens (
  id INTEGER PRIMARY KEY NOT NULL,          -- random
  user_id INTEGER NOT NULL REFERENCES users (id),
  issuer TEXT NOT NULL,
  sealed_token BLOB NOT NULL,               -- under the family key
  version INTEGER NOT NULL DEFAULT 1,       -- +1 with every stored successor
  state TEXT NOT NULL DEFAULT 'ok',         -- ok, suspect (outcome of a refresh unknown), dead (provider refused it)
  offline_granted INTEGER NOT NULL DEFAULT 1,
  lease_owner TEXT,
  lease_until INTEGER NOT NULL DEFAULT 0,
  failed_at INTEGER NOT NULL DEFAULT 0,
  created INTEGER NOT NULL,
  last_rotation INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE mytokens (
  id BLOB PRIMARY KEY NOT NULL,             -- SHA-512 of the jti: the mom_id
  parent_id BLOB REFERENCES mytokens (id),  -- NULL: root
  user_id INTEGER NOT NULL REFERENCES users (id),
  refresh_token_id INTEGER REFERENCES refresh_tokens (id),
  sealed_key BLOB NOT NULL,                 -- the family key under this token's JWT
  name TEXT NOT NULL,
  seq_no INTEGER NOT NULL,
  created INTEGER NOT NULL,
  created_ip TEXT NOT NULL,
  last_rotated INTEGER NOT NULL,            -- microseconds: tells a retry from a replay within a second
  expires_at INTEGER,                       -- from the restrictions; NULL: never
  capabilities TEXT NOT NULL,
  restrictions TEXT NOT NULL,
  rotation TEXT
) STRICT;
CREATE INDEX mytokens_parent ON mytokens (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX mytokens_user ON mytokens (user_id);
CREATE INDEX mytokens_refresh_token ON mytokens (refresh_token_id);
CREATE INDEX mytokens_expiry ON mytokens (expires_at) WHERE expires_at IS NOT NULL;

-- One row per distinct clause of a token: its limits, its counters, and the parent's clause it was fitted into. The row
-- of a limited clause outlives its token for as long as clauses of sub-tokens are charged to it, so that a budget does
-- not multiply when the token it was given to is revoked.
CREATE TABLE clauses (
  mytoken_id BLOB NOT NULL,                 -- maybe of a token that is gone
  hash BLOB NOT NULL,                       -- SHA-512 of the canonical clause
  limit_at INTEGER,
  limit_other INTEGER,
  used_at INTEGER NOT NULL DEFAULT 0,
  used_other INTEGER NOT NULL DEFAULT 0,
  parent_mytoken_id BLOB,
  parent_hash BLOB,
  PRIMARY KEY (mytoken_id, hash)
) STRICT;
CREATE INDEX clauses_parent ON clauses (parent_mytoken_id) WHERE parent_mytoken_id IS NOT NULL;

-- Short tokens and transfer codes.
CREATE TABLE proxies (
  id BLOB PRIMARY KEY NOT NULL,             -- short token: SHA-512 of it; code: keyed digest
  kind TEXT NOT NULL,                       -- short_token, transfer_code
  mytoken_id BLOB NOT NULL REFERENCES mytokens (id) ON DELETE CASCADE,
  sealed_jwt BLOB NOT NULL,                 -- under the proxy itself
  created INTEGER NOT NULL,
  expires_at INTEGER,
  response_type TEXT NOT NULL,              -- what redeeming a code hands out
  revokes_token INTEGER NOT NULL DEFAULT 0  -- the code is the first representation of its token
) STRICT;
CREATE INDEX proxies_mytoken ON proxies (mytoken_id);
CREATE INDEX proxies_expiry ON proxies (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE flows (
  id BLOB PRIMARY KEY NOT NULL,             -- random
  consent_hash BLOB NOT NULL UNIQUE,        -- SHA-256 of the consent code
  polling_hash BLOB UNIQUE,                 -- SHA-256 of the polling code; NULL: web flow
  state_hash BLOB UNIQUE,                   -- SHA-256 of the current state; NULL: not consented yet
  status TEXT NOT NULL,                     -- started consented exchanging done declined failed
  error TEXT,                               -- of a failed flow, as the poller sees it
  issuer TEXT NOT NULL,
  request TEXT NOT NULL,                    -- JSON: what was asked for, resolved
  key_for_consent BLOB NOT NULL,            -- the flow's key under consent code, polling code, state
  key_for_polling BLOB,
  key_for_state BLOB,
  sealed_secrets BLOB,                      -- PKCE verifier and nonce under the state
  browser_hash BLOB,
  created INTEGER NOT NULL,
  created_ip TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  mytoken_id BLOB REFERENCES mytokens (id) ON DELETE CASCADE,
  sealed_jwt BLOB                           -- the result under the flow's key
) STRICT;
CREATE INDEX flows_expiry ON flows (expires_at);
CREATE INDEX flows_mytoken ON flows (mytoken_id) WHERE mytoken_id IS NOT NULL;

CREATE TABLE events (
  id INTEGER PRIMARY KEY NOT NULL,          -- ascending in time
  mytoken_id BLOB NOT NULL REFERENCES mytokens (id) ON DELETE CASCADE,
  time INTEGER NOT NULL,
  event TEXT NOT NULL,
  comment TEXT NOT NULL,
  ip TEXT NOT NULL,
  user_agent TEXT NOT NULL
) STRICT;
CREATE INDEX events_mytoken ON events (mytoken_id, id);

-- What is remembered of access tokens; never the tokens.
CREATE TABLE access_tokens (
  id INTEGER PRIMARY KEY NOT NULL,          -- ascending in time
  mytoken_id BLOB NOT NULL REFERENCES mytokens (id) ON DELETE CASCADE,
  created INTEGER NOT NULL,
  expires_at INTEGER,
  ip TEXT NOT NULL,
  comment TEXT NOT NULL,
  scope TEXT NOT NULL,
  audience TEXT NOT NULL,
  hash BLOB NOT NULL                        -- SHA-256 of the access token
) STRICT;
CREATE INDEX access_tokens_mytoken ON access_tokens (mytoken_id);

-- The answer that rotated a token, for a retry of the same request with the predecessor.
CREATE TABLE rotations (
  mytoken_id BLOB PRIMARY KEY NOT NULL REFERENCES mytokens (id) ON DELETE CASCADE,
  predecessor_seq_no INTEGER NOT NULL,
  request_hash BLOB NOT NULL,
  sealed_answer BLOB NOT NULL,              -- under the predecessor
  expires_at INTEGER NOT NULL
) STRICT;

-- Calls to providers that must happen after a commit.
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY NOT NULL,          -- ascending in time
  kind TEXT NOT NULL,                       -- revoke_refresh_token
  issuer TEXT NOT NULL,
  sealed_payload BLOB NOT NULL,             -- under the installation's secret, which is not in this database
  attempts INTEGER NOT NULL DEFAULT 0,
  next_at INTEGER NOT NULL,
  created INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_due ON outbox (next_at);

CREATE TABLE leases (
  name TEXT PRIMARY KEY NOT NULL,
  owner TEXT NOT NULL,
  until INTEGER NOT NULL
) STRICT;
