"""Backups of a running server, and what users see after an older state came back."""
import contextlib
import hashlib
import shutil
import sqlite3
import stat
import threading
import time
import unittest

from api import EVERYTHING, REVOKE, TOKENINFO, TRANSFER, claims_of
from installation import Installation, refused

LOST_ROTATION = "was rotated in the time that the service lost"
LOST_TOKEN = "was made in the time that the service lost"
UNKNOWN_USES = "how often this token was used is unknown"


def setUpModule():
    global site
    site = Installation(rotate=True)
    unittest.enterModuleContext(site)


def database(sql, file=None):
    """Runs statements on the server's database, or on another file, and returns the rows."""
    with contextlib.closing(sqlite3.connect(file or site.database)) as connection, connection:
        return connection.execute(sql).fetchall()


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def revoke(token, recursive=False):
    return site.api.post(REVOKE, {"token": token, "recursive": recursive})


def rotating(**more):
    """A mytoken that is rotated by everything but access tokens, and whose reuse revokes its family."""
    return site.api.login(capabilities=EVERYTHING, rotation={"on_other": True, "auto_revoke": True}, **more)["mytoken"]


def rotate(token):
    """The successor of a rotating token and the sub-token that was made on the way."""
    answer = site.api.sub_token(token, capabilities=["AT"])
    return answer["token_update"]["mytoken"], answer["mytoken"]


class Stopped:
    """Stops the server for a with-block."""

    def __enter__(self):
        site.stop_server()

    def __exit__(self, *_):
        site.start_server()


def restore(test, file, *flags):
    done = site.command("restore", file, *flags)
    test.assertEqual((done.returncode, done.stderr), (0, ""), done)
    return done.stdout


class Backup(unittest.TestCase):
    def backup(self, name, *flags):
        file = site.folder / name
        done = site.command("backup", file, *flags)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        return file, done.stdout

    def assertRefused(self, answer, status, words):
        self.assertEqual(answer.status, status, answer)
        self.assertIn(words, answer.json["error_description"])

    def test_a_running_server_is_backed_up_while_it_writes(self):
        token = site.api.login(capabilities=EVERYTHING)["mytoken"]
        statuses, stop = [], threading.Event()

        def work():
            while not stop.is_set():
                statuses.append(site.api.post("/api/v0/token/my", {"grant_type": "mytoken", "mytoken": token}).status)

        worker = threading.Thread(target=work)
        worker.start()
        try:
            while len(statuses) < 5:
                time.sleep(0.01)
            file, line = self.backup("running.db")
        finally:
            stop.set()
            worker.join()
        self.assertEqual(set(statuses), {200})
        self.assertRegex(line, r"^backup: \S+/running\.db: \d+ mytokens, \d+ refresh tokens \(0 from the journal\), schema \d+, "
                               r"state of 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC\n$")
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        self.assertEqual(database("PRAGMA integrity_check", file), [("ok",)])
        self.assertGreater(database("SELECT count(*) FROM mytokens", file)[0][0], 5)
        self.assertEqual([f.name for f in site.folder.glob("running*")], ["running.db"])

    def test_what_users_see_after_an_older_backup_came_back(self):
        api = site.api
        plain = api.login(capabilities=EVERYTHING)["mytoken"]
        limited = api.login(capabilities=["AT"], restrictions=[{"usages_AT": 3}])["mytoken"]
        self.assertEqual(api.access_token(limited).status, 200)
        parent = api.login(capabilities=EVERYTHING, restrictions=[{"usages_AT": 5, "usages_other": 9}])["mytoken"]
        child = api.sub_token(parent, capabilities=["AT"])["mytoken"]
        unused = rotating()
        first, kept_child = rotate(rotating())
        stolen, _ = rotate(rotating())
        gone = api.login(user="bob", capabilities=EVERYTHING)["mytoken"]
        code = api.post(TRANSFER, {"mytoken": plain}).json["transfer_code"]
        pending = api.start_login().json["polling_code"]
        file, _ = self.backup("older.db")

        self.assertEqual(api.access_token(limited).status, 200)
        second, lost_child = rotate(first)
        third, _ = rotate(second)
        newest, _ = rotate(stolen)
        made = api.login(user="bob")["mytoken"]
        self.assertEqual(revoke(gone).status, 204)
        refused(self, site.command("restore", file), ["a server runs on it; stop it first"])
        with Stopped():
            before = digest(site.database)
            # made: the sub-tokens of three rotations and a login; renewed: by the access token
            refused(self, site.command("restore", file),
                    ["is newer than the backup: 4 mytokens were made since, 1 revoked, 2 rotated, 1 refresh tokens renewed", "--force"])
            self.assertEqual(digest(site.database), before)
            while int(time.time()) <= claims_of(made)["iat"]:  # lost time is counted in whole seconds
                time.sleep(0.02)
            lines = restore(self, file, "--force")
            self.assertIn("revoked since, stay revoked: 1\n", lines)
            self.assertIn("dropped: 1 transfer codes, 1 logins under way\n", lines)
            kept = site.folder / lines.rpartition("kept: ")[2].strip()
            self.assertEqual(len(database("SELECT 1 FROM mytokens", kept)), len(database("SELECT 1 FROM mytokens")) + 4)

        self.assertEqual(api.access_token(plain).status, 200)
        self.assertRefused(api.access_token(limited), 403, UNKNOWN_USES)
        self.assertRefused(api.access_token(child), 403, UNKNOWN_USES)
        self.assertRefused(api.post("/api/v0/token/my", {"grant_type": "mytoken", "mytoken": parent}), 403, UNKNOWN_USES)
        # a token nobody rotated meanwhile goes on, with numbers that no lost successor can have
        successor, _ = rotate(unused)
        self.assertGreater(claims_of(successor)["seq_no"], 1 << 50)
        self.assertEqual(rotate(successor)[1].count("."), 2)
        # a lost successor is refused, is no reuse, and ends its older copy
        self.assertRefused(api.access_token(third), 401, LOST_ROTATION)
        self.assertRefused(api.access_token(first), 401, LOST_ROTATION)
        self.assertRefused(revoke(second), 401, LOST_ROTATION)
        self.assertEqual(api.access_token(kept_child).status, 200)
        # if somebody used the older copy first, the lost successor ends what came of it
        line, other_child = rotate(stolen)
        self.assertRefused(api.post(TOKENINFO, {"action": "introspect", "mytoken": newest}), 401, LOST_ROTATION)
        self.assertRefused(api.access_token(line), 401, LOST_ROTATION)
        self.assertEqual(api.access_token(other_child).status, 200)
        for token in (made, lost_child):
            self.assertRefused(api.access_token(token), 401, LOST_TOKEN)
        self.assertEqual(api.access_token(gone).status, 401)
        self.assertEqual(api.post("/api/v0/token/my", {"grant_type": "transfer_code", "transfer_code": code}).status, 401)
        self.assertEqual(api.poll(pending).status, 401)
        log = site.logs_of_server()
        for line in ("rotated after the state the database went back to", "made in the time lost by a restore", "before the restore is unknown"):
            self.assertIn(line, log)
        self.assertNotIn("its family is revoked", log)

    def test_the_operator_may_trust_the_counters_and_bring_back_what_was_revoked(self):
        limited = site.api.login(capabilities=["AT"], restrictions=[{"usages_AT": 2}])["mytoken"]
        gone = site.api.login(user="carol", capabilities=["AT"])["mytoken"]
        # revoked at the provider, too, unless another token of the family lives
        sibling_keeps = site.api.login(user="carol", capabilities=EVERYTHING)["mytoken"]
        child = site.api.sub_token(sibling_keeps, capabilities=["AT"])["mytoken"]
        file, _ = self.backup("trusted.db")
        self.assertEqual(revoke(child).status, 204)
        with Stopped():
            lines = restore(self, file, "--force", "--keep-usage-counters", "--bring-back-revoked")
            self.assertIn("revoked since and valid again: 1\n", lines)
        self.assertEqual([site.api.access_token(limited).status for _ in range(3)], [200, 200, 403])
        self.assertEqual(site.api.access_token(child).status, 200)
        self.assertEqual(site.api.access_token(gone).status, 200)

    def test_an_older_state_that_came_back_by_other_means_is_marked(self):
        limited = site.api.login(capabilities=["AT"], restrictions=[{"usages_AT": 2}])["mytoken"]
        first = rotating()
        refused(self, site.command("restore", "--after-point-in-time", "2026-01-01T00:00:00Z"), ["another server has it open"])
        site.stop_server()
        snapshot = site.folder / "snapshot.db"
        shutil.copy(site.database, snapshot)
        site.start_server()
        second, _ = rotate(first)
        site.stop_server()
        shutil.copy(snapshot, site.database)
        refused(self, site.command("restore", "--after-point-in-time", "2020-01-01T00:00:00Z"),
                ["the database was written at", "give the time of the state that came back"])
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        done = site.command("restore", "--after-point-in-time", now)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.assertIn("marked as restored: ", done.stdout)
        site.start_server()
        self.assertRefused(site.api.access_token(limited), 403, UNKNOWN_USES)
        self.assertRefused(site.api.access_token(second), 401, LOST_ROTATION)
        self.assertRefused(site.api.access_token(first), 401, LOST_ROTATION)

    def test_a_database_that_cannot_be_read_is_replaced_on_demand_and_kept(self):
        token = site.api.login(capabilities=["AT"])["mytoken"]
        file, _ = self.backup("sound.db")
        with Stopped():
            site.database.write_bytes(b"broken" * 1000)
            refused(self, site.command("backup", site.folder / "never.db"), ["there is no database"])
            refused(self, site.command("restore", file), ["cannot be read", "--force"])
            lines = restore(self, file, "--force")
            kept = site.folder / lines.rpartition("kept: ")[2].strip()
            self.assertEqual(kept.read_bytes(), b"broken" * 1000)
        self.assertEqual(site.api.access_token(token).status, 200)

    def test_what_is_no_backup_of_this_installation_is_refused_and_changes_nothing(self):
        good, _ = self.backup("good.db")
        damaged, newer, foreign, keyless, text = (site.folder / f"{n}.db" for n in ("damaged", "newer", "foreign", "keyless", "text"))
        bytes_ = bytearray(good.read_bytes())
        bytes_[len(bytes_) // 2: len(bytes_) // 2 + 9000] = b"\xff" * 9000
        damaged.write_bytes(bytes_)
        shutil.copy(good, newer)
        database("UPDATE meta SET value = '999' WHERE key = 'schema'", newer)
        database("CREATE TABLE mine (id INTEGER PRIMARY KEY)", foreign)
        shutil.copy(good, keyless)
        database("UPDATE installation_keys SET thumbprint = 'another'", keyless)
        text.write_text("hello")
        with Stopped():
            before = digest(site.database)
            for file, words in [(damaged, ["is damaged"]), (newer, ["schema 999", "update the program"]),
                                (foreign, ["no tables of mytoken"]), (keyless, ["the signing key of this server"]),
                                (text, ["is not a SQLite database"]), (site.folder / "none", ["No such file"]),
                                (site.database, ["this is the database itself"])]:
                with self.subTest(file=file.name):
                    refused(self, site.command("restore", file, "--force"), words)
                    self.assertEqual(digest(site.database), before)
            self.assertEqual(list(site.folder.glob("*.restoring*")), [])

    def test_names_that_a_backup_must_not_have_are_refused(self):
        taken, _ = self.backup("taken.db")
        before = digest(taken)
        for name, words in [("taken.db", ["exists", "--force"]), ("server.db", ["belongs to the running database"]),
                            ("server.db-wal", ["belongs to the running database"]), ("server.key", ["is a file of the server"]),
                            ("nowhere/x.db", ["is no directory"]), (".", ["is no file"])]:
            with self.subTest(name=name):
                flags = [] if name == "taken.db" else ["--force"]
                refused(self, site.command("backup", site.folder / name, *flags), words)
        self.assertEqual(digest(taken), before)
        self.backup("taken.db", "--force")
        self.assertEqual(site.command("restore").returncode, 2)


if __name__ == "__main__":
    unittest.main()
