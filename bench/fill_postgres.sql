-- What bench/filler.cpp makes, for PostgreSQL: the variable `tokens` counts mytokens, ten of a user, four of a refresh
-- token, one clause and one event each. Ids are scattered as real ones are (SHA-512), so indexes have the size and
-- the order they get from real use. Runs as superuser in an empty schema: foreign keys are not checked row by row.
\set ON_ERROR_STOP on
SET session_replication_role = replica;
SET synchronous_commit = off;
SELECT extract(epoch FROM now())::bigint AS moment \gset

-- 62 random-looking bits of a number.
CREATE FUNCTION pg_temp.scattered(kind text, number bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT ('x' || substr(md5(kind || number), 1, 16))::bit(64)::bigint & 4611686018427387903 $$;
CREATE FUNCTION pg_temp.token(number bigint) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT sha512(('token ' || number)::bytea) $$;

INSERT INTO users (id, oidc_sub, oidc_iss, created)
SELECT pg_temp.scattered('user', i / 10), 'filler-' || i, 'https://provider.bench.example', :moment
FROM generate_series(0, :tokens - 1, 10) i;

INSERT INTO refresh_tokens (id, user_id, issuer, sealed_token, created)
SELECT pg_temp.scattered('refresh', i / 4), pg_temp.scattered('user', i / 10), 'https://provider.bench.example',
  substr(sha512(i::text::bytea) || sha512((i + 1)::text::bytea) || sha512((i + 2)::text::bytea) || sha512((i + 3)::text::bytea) ||
    sha512(('a' || i)::bytea) || sha512(('b' || i)::bytea), 1, 350), :moment
FROM generate_series(0, :tokens - 1, 4) i;

INSERT INTO mytokens (id, parent_id, user_id, refresh_token_id, sealed_key, name, seq_no, created, created_ip, last_rotated,
  expires_at, capabilities, restrictions)
SELECT pg_temp.token(i), CASE WHEN i % 4 > 0 THEN pg_temp.token(i - i % 4) END, pg_temp.scattered('user', i / 10),
  pg_temp.scattered('refresh', i / 4), sha512(('key' || i)::bytea) || substr(sha512(i::text::bytea), 1, 14), 'filler ' || i, 1,
  :moment, '192.0.2.1', :moment::bigint * 1000000, :moment + 2592000 + i % 86400, '["AT","tokeninfo","create_mytoken"]',
  '[{"exp":1893456000,"scope":"openid profile email"}]'
FROM generate_series(0, :tokens - 1) i;

INSERT INTO clauses (mytoken_id, hash)
SELECT pg_temp.token(i), sha512('[{"exp":1893456000,"scope":"openid profile email"}]')
FROM generate_series(0, :tokens - 1) i;

-- Ids of events ascend in time (store/ids.h); these are older than any that the run makes.
INSERT INTO events (id, mytoken_id, time, event, comment, ip, user_agent)
SELECT :moment::bigint * 1024000000 + i, pg_temp.token(i), :moment, 'created', 'Used grant_type oidc_flow', '192.0.2.1', 'filler/1'
FROM generate_series(0, :tokens - 1) i;

RESET session_replication_role;
VACUUM (ANALYZE);
CHECKPOINT;
