-- Once, on the primary, as superuser: the database of mytoken-server and its only user, who owns it and nothing else.
-- `psql -v password=... -f database.sql`
SET log_min_duration_statement = -1;
SET log_statement = 'none';
CREATE ROLE mytoken LOGIN PASSWORD :'password' NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT 80;
CREATE DATABASE mytoken OWNER mytoken TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';
REVOKE ALL ON DATABASE mytoken FROM PUBLIC;
