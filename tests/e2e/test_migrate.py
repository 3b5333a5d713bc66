"""An installation moves from SQLite to PostgreSQL: every kind of token works afterwards, and every bad target is refused."""
import base64
import contextlib
import hashlib
import sqlite3
import unittest

import login
import stack
from api import EVERYTHING, MYTOKEN, PASSWORDS, TOKENINFO, TRANSFER
from installation import Installation, refused
from postgres import Postgres


def setUpModule():
    global cluster
    cluster = Postgres()
    unittest.enterModuleContext(cluster)


class Migrate(unittest.TestCase):
    def setUp(self):
        self.site = Installation(rotate=True)
        self.enterContext(self.site)

    def sqlite(self, sql, *values):
        with contextlib.closing(sqlite3.connect(self.site.database)) as connection, connection:
            return connection.execute(sql, values).fetchall()

    def move(self, url, *flags):
        done = self.site.command("migrate-to", url, *flags)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        return done.stdout

    def start_on(self, url):
        self.site.start_server(database={"url": url, "journal": str(self.site.folder / "postgresql.journal")})

    def test_every_token_is_valid_after_the_move(self):
        site, api = self.site, self.site.api
        jwt = api.login(capabilities=EVERYTHING)["mytoken"]
        short = api.login(user="bob", capabilities=EVERYTHING, response_type="short_token")["mytoken"]
        code = api.post(TRANSFER, {"mytoken": jwt}).json["transfer_code"]
        limited = api.login(user="carol", capabilities=EVERYTHING, restrictions=[{"usages_AT": 3}])["mytoken"]
        self.assertEqual(api.access_token(limited).status, 200)
        limited_child = api.sub_token(limited, capabilities=["AT"])["mytoken"]
        first = api.login(capabilities=EVERYTHING, rotation={"on_other": True})["mytoken"]
        rotated = api.sub_token(first, capabilities=["AT"])
        child, rotated = rotated["mytoken"], rotated["token_update"]["mytoken"]
        revoked = api.login(capabilities=["AT"])["mytoken"]
        self.assertEqual(api.post("/api/v0/token/revoke", {"token": revoked}).status, 204)
        pending = api.start_login(capabilities=["AT"]).json

        url = cluster.fresh("moved")
        refused(self, site.command("migrate-to", url), ["another server has it open; stop that one first"])
        site.stop_server()
        before = {t: self.sqlite(f"SELECT count(*) FROM {t}")[0][0] for t in ("mytokens", "clauses", "proxies", "flows", "events")}
        output = self.move(url)
        for table, rows in before.items():
            self.assertRegex(output, rf"(?m)^{table} +{rows} +{rows}  ([0-9a-f]{{20}}) \1$")
            self.assertEqual(int(cluster.sql(f"SELECT count(*) FROM {table}", "moved")), rows)
        self.assertNotIn("DIFFERENT", output)
        self.assertRegex(output, r"sample: \d+ mytokens with \d+ rows compared one by one: equal")
        self.assertIn(f"moved: {site.database} -> postgresql:///moved\n", output)
        with self.assertRaises(stack.StackError) as failure:
            site.start_server()
        self.assertRegex(str(failure.exception), r"mytoken-server: error: this database was moved to postgresql:///moved at .*: "
                                                 r"set database.url to the new one")
        refused(self, site.command("migrate-to", cluster.fresh("again")), ["was moved to postgresql:///moved"])
        refused(self, site.command("backup", site.folder / "b.db"), ["was moved to postgresql:///moved"])

        self.start_on(url)
        self.assertEqual(api.access_token(jwt).status, 200)
        self.assertEqual(api.access_token(short).status, 200)
        redeemed = api.post(MYTOKEN, {"grant_type": "transfer_code", "transfer_code": code})
        self.assertEqual(redeemed.json["mytoken"], jwt, redeemed)
        self.assertEqual(api.post(MYTOKEN, {"grant_type": "transfer_code", "transfer_code": code}).status, 401)
        self.assertEqual([api.access_token(t).status for t in (limited, limited_child, limited, limited_child)], [200, 200, 403, 403])
        self.assertEqual(api.access_token(first).status, 401)
        self.assertEqual(api.access_token(rotated).status, 200)
        self.assertEqual(api.access_token(child).status, 200)
        self.assertEqual(api.sub_token(rotated, capabilities=["AT"])["token_update"]["mytoken"].count("."), 2)
        self.assertEqual(api.access_token(revoked).status, 401)
        login.log_in(pending["consent_uri"], "alice", PASSWORDS["alice"])
        polled = api.poll(pending["polling_code"])
        self.assertEqual(polled.status, 200, polled)
        self.assertEqual(api.access_token(polled.json["mytoken"]).status, 200)
        self.assertEqual(api.post(TOKENINFO, {"action": "introspect", "mytoken": jwt}).json["valid"], True)
        self.assertEqual(api.login(capabilities=["AT"])["mytoken"].count("."), 2)

        # an older state of PostgreSQL: what must be run after a point-in-time recovery
        refused(self, site.command("backup", site.folder / "b.db"), ["pg_basebackup", "--after-point-in-time"])
        refused(self, site.command("restore", site.folder / "b.db"), ["--after-point-in-time"])
        fresh = api.login(user="carol", capabilities=["AT"], restrictions=[{"usages_AT": 9}])["mytoken"]
        moment = cluster.sql("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')").strip()
        refused(self, site.command("restore", "--after-point-in-time", moment), ["stop all servers"])
        site.stop_server()
        done = site.command("restore", "--after-point-in-time", moment)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        site.start_server()
        answer = api.access_token(fresh)
        self.assertEqual(answer.status, 403, answer)
        self.assertIn("how often this token was used is unknown", answer.json["error_description"])
        self.assertEqual(api.access_token(child).status, 200)

    def test_targets_that_cannot_be_used_are_refused_and_nothing_changes(self):
        token = self.site.api.login(capabilities=["AT"])["mytoken"]
        self.site.stop_server()
        other, filled, newer, read_only = (cluster.fresh(n) for n in ("other", "filled", "newer", "read_only"))
        cluster.sql("CREATE TABLE theirs (id int)", "other")
        second = Installation(rotate=False)
        with second:
            second.stop_server()
            self.assertEqual(second.command("migrate-to", filled).returncode, 0)
            self.assertEqual(second.command("migrate-to", newer).returncode, 1)
        self.assertEqual(cluster.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", "newer"), "0\n")
        cluster.sql("CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL); "
                    "INSERT INTO meta VALUES ('application', 'mytoken'), ('schema', '999')", "newer")
        cluster.sql("ALTER DATABASE read_only SET default_transaction_read_only = on")
        password = "secret-of-the-target"
        before = self.sqlite("SELECT key, value FROM meta ORDER BY key"), self.sqlite("SELECT * FROM mytokens")
        for url, words in [(other, ["tables of another program"]), (filled, ["is not empty", "has rows"]),
                           (newer, ["schema 999", "update the program"]), (read_only, ["read-only", "name the primary"]),
                           (f"postgresql://u:{password}@127.0.0.1:1/x", ["Connection refused"]),
                           (cluster.url("absent"), ['"absent" does not exist']), ("mysql://h/x", ["must be a URL like postgresql://"]),
                           ("${env:MISSING}", ["environment variable"])]:
            with self.subTest(url=url):
                done = self.site.command("migrate-to", url, *(["--start-over"] if url == filled else []))
                refused(self, done, words)
                self.assertNotIn(password, done.stderr)
        self.assertEqual((self.sqlite("SELECT key, value FROM meta ORDER BY key"), self.sqlite("SELECT * FROM mytokens")), before)
        self.site.start_server()
        self.assertEqual(self.site.api.access_token(token).status, 200)

    def test_an_interrupted_move_is_seen_and_begun_again(self):
        site = self.site
        token = site.api.login(capabilities=EVERYTHING, name="a name")["mytoken"]
        site.stop_server()
        self.sqlite("UPDATE mytokens SET name = ?", "a\0name")  # which SQLite can store and PostgreSQL cannot
        url = cluster.fresh("interrupted")
        done = site.command("migrate-to", url)
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(done.stderr, r"^mytoken-server: error: the copy was not completed, the source is unchanged: table mytokens: .*\n$")
        with self.assertRaises(stack.StackError) as failure:
            self.start_on(url)
        self.assertIn("holds a part of an installation", str(failure.exception))
        site.start_server(database={"url": f"sqlite://{site.database}"})
        self.assertEqual(site.api.access_token(token).status, 200)
        site.stop_server()
        self.sqlite("UPDATE mytokens SET name = ?", "a name")
        refused(self, site.command("migrate-to", url), ["a part from an interrupted migration", "--start-over"])
        output = self.move(url, "--start-over")
        self.assertRegex(output, r"^start over: [1-9]\d* rows of the interrupted migration removed\n")
        self.start_on(url)
        self.assertEqual(site.api.access_token(token).status, 200)

    def test_refresh_tokens_that_wait_in_the_journal_come_along(self):
        site = self.site
        token = site.api.login(capabilities=EVERYTHING)["mytoken"]
        self.assertEqual(site.api.access_token(token).status, 200)
        site.stop_server()
        # As after an outage of the database: the newest refresh token is in the journal only.
        (number, version, sealed), = self.sqlite("SELECT id, version, sealed_token FROM refresh_tokens")
        (installation,), = self.sqlite("SELECT id FROM installation")
        lines = [f"mytoken-journal-2 installation {installation}",
                 f"mytoken-journal-1 {number} {version - 1} {base64.b64encode(sealed).decode()}"]
        journal = site.folder / "server.db.journal"
        journal.write_text("".join(f"{line} {hashlib.sha256(line.encode()).hexdigest()}\n" for line in lines))
        self.sqlite("UPDATE refresh_tokens SET version = version - 1, sealed_token = x'00'")
        done = site.command("backup", site.folder / "with-journal.db")
        self.assertIn("1 refresh tokens (1 from the journal)", done.stdout, done)
        with contextlib.closing(sqlite3.connect(site.folder / "with-journal.db")) as copy:
            self.assertEqual(copy.execute("SELECT version, sealed_token FROM refresh_tokens").fetchall(), [(version, sealed)])
        url = cluster.fresh("journal")
        self.assertIn("journal: 1 waiting refresh tokens brought into the source\n", self.move(url))
        self.start_on(url)
        self.assertEqual(site.api.access_token(token).status, 200)


if __name__ == "__main__":
    unittest.main()
