-- A mytoken that waits behind a polling code or the code it was created with can be opened by nobody if the code is never
-- used. The key of its family, under the installation's secret, lets the purge revoke the refresh token then. It goes with
-- the row, so whoever collects the mytoken leaves none behind.
ALTER TABLE flows ADD COLUMN key_for_purge BLOB;
ALTER TABLE proxies ADD COLUMN key_for_purge BLOB;

-- A look is done again for repeated requests, a few times: how often it was.
ALTER TABLE rotations ADD COLUMN repeated INTEGER NOT NULL DEFAULT 0;
