"""What stops the start of the program, on both engines: one line that says what to do, no password, nothing changed."""
import contextlib
import hashlib
import json
import os
import pathlib
import pwd
import shutil
import sqlite3
import subprocess
import tempfile
import time
import unittest

import stack
from installation import refused
from postgres import Postgres

PASSWORD = "canary-password-4711"
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


def setUpModule():
    global cluster
    cluster = Postgres()
    unittest.enterModuleContext(cluster)
    cluster.sql(f"CREATE ROLE locked LOGIN PASSWORD '{PASSWORD}'; CREATE ROLE reader LOGIN")
    (cluster.folder / "data" / "pg_hba.conf").write_text("local all locked scram-sha-256\nlocal all all trust\n"
                                                              "local replication all trust\n")
    cluster.sql("SELECT pg_reload_conf()")


class Sqlite:
    """A database file in the folder of the test."""

    def __init__(self, folder):
        self.file = folder / "data" / "server.db"
        self.file.parent.mkdir()
        self.url = f"sqlite://{self.file}"

    def execute(self, sql):
        with contextlib.closing(sqlite3.connect(self.file)) as connection, connection:
            connection.executescript(sql)

    def content(self):
        return self.file.read_bytes() if self.file.exists() else b""


class Postgresql:
    """A database of its own in the shared cluster."""
    made = 0

    def __init__(self, _folder):
        Postgresql.made += 1
        self.name = f"start_{Postgresql.made}"
        self.url = cluster.fresh(self.name)

    def execute(self, sql):
        cluster.sql(sql, self.name)

    def content(self):
        text = ""
        for table in cluster.sql(TABLES, self.name).split():
            text += f"{table}\n" + cluster.sql(f"SELECT * FROM {table}", self.name)
        return text.encode()


class Folder(unittest.TestCase):
    """A key, a configuration and the program."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mytoken-start-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.program = stack.BUILD / "mytoken-server"
        self.user = {}
        self.settings = {
            "issuer": "http://127.0.0.1:8000",
            "service_operator": {"name": "tests", "mail_contact": "operator@example.org"},
            "server": {"listen": ["127.0.0.1:0"], "tls": {"enabled": False}},
            "logging": {"access": {"dir": ""}, "internal": {"dir": "", "stderr": True}},
            "signing": {"mytoken": {"alg": "ES256", "key_file": str(self.folder / "one.key")}},
            "providers": [{"issuer": "http://127.0.0.1:1", "client_id": "a", "client_secret": "b", "scopes": ["openid"]}],
        }
        self.journal = self.folder / "journal"

    def configure(self, url, **more):
        self.settings = {**self.settings, **more, "database": {"url": url, "journal": str(self.journal)}}
        file = self.folder / "config.yaml"
        file.write_text(json.dumps(self.settings))

    def run_program(self, *arguments):
        return subprocess.run([self.program, *arguments, "--config", self.folder / "config.yaml"], capture_output=True, text=True,
                              timeout=60, cwd=self.folder, **self.user)

    def init(self):
        done = self.run_program("init")
        self.assertEqual(done.returncode, 0, done)

    def serve(self):
        """Starts the server, waits until it is ready and ends it."""
        log = self.folder / f"log-{time.monotonic_ns()}"
        server = stack.Process("server", [self.program, "serve", "--config", self.folder / "config.yaml"], log)
        try:
            server.wait_for(r"^mytoken-server: ready", 30)
        finally:
            code = server.stop()
        self.assertEqual(code, 0, log.read_text())

    def without_rights(self):
        """From now on the program runs as a user whom permissions bind, and who owns the folder."""
        if os.geteuid() != 0:
            return
        user = pwd.getpwnam("postgres")
        self.program = shutil.copy(self.program, self.folder / "program")
        for path in [self.folder, *self.folder.rglob("*")]:
            os.chown(path, user.pw_uid, user.pw_gid)
        self.user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def refused(self, *words, arguments=("serve",)):
        refused(self, self.run_program(*arguments), words)


class EveryEngine:
    engine = None

    def setUp(self):
        super().setUp()
        self.database = self.engine(self.folder)
        self.configure(self.database.url)
        self.init()

    def unchanged(self, *words):
        before = self.database.content(), self.journal.read_bytes() if self.journal.is_file() else None
        self.refused(*words)
        after = self.database.content(), self.journal.read_bytes() if self.journal.is_file() else None
        self.assertTrue(before == after, "something was changed")

    def test_a_newer_schema(self):
        self.serve()
        self.database.execute("UPDATE meta SET value = '999' WHERE key = 'schema'")
        self.unchanged("the database has schema 999, this program knows", "update the program")

    def test_the_schema_of_another_program(self):
        self.database = self.engine(pathlib.Path(tempfile.mkdtemp(dir=self.folder)))
        self.configure(self.database.url)
        self.database.execute("CREATE TABLE invoices (id INTEGER PRIMARY KEY, sum INTEGER); INSERT INTO invoices VALUES (1, 2)")
        self.unchanged("the tables of another program", "choose another")
        self.database.execute("CREATE TABLE meta (key TEXT, value TEXT); INSERT INTO meta VALUES ('application', 'invoices')")
        self.unchanged("the tables of another program", "choose another")

    def test_a_clock_behind_the_database(self):
        self.serve()
        year_2100 = 4102444800
        self.database.execute(f"UPDATE installation SET newest = {year_2100}")
        self.unchanged("the clock of this server shows 20", "the database was written at 2100-01-01 00:00:00 UTC", "set the clock",
                       "--accept-clock")

    def test_another_signing_key(self):
        self.serve()
        signing = {"mytoken": {"alg": "ES256", "key_file": str(self.folder / "two.key")}}
        self.configure(self.database.url, signing=signing)
        self.init()
        self.unchanged("the signing key of this server", "is not one of its database's", "signing.mytoken.keys")
        signing["mytoken"]["keys"] = [{"key_file": str(self.folder / "one.key"), "state": "verify"}]
        self.configure(self.database.url, signing=signing)
        self.serve()

    def test_a_damaged_journal(self):
        self.journal.write_text("no line of a journal\nand another\n")
        self.unchanged(f"the journal {self.journal} is damaged", "restore it")

    def test_a_folder_as_journal(self):
        self.journal.mkdir()
        self.unchanged(f"the journal {self.journal} is no file", "database.journal")

    def test_a_journal_of_a_later_version(self):
        body = "mytoken-journal-9 something"
        self.journal.write_text(f"{body} {hashlib.sha256(body.encode()).hexdigest()}\n")
        self.unchanged(f"the journal {self.journal} is of a later version", "update this program")

    def test_a_journal_of_another_installation(self):
        self.serve()
        body = "mytoken-journal-2 installation 11111111-2222-4333-8444-555555555555"
        self.journal.write_text(f"{body} {hashlib.sha256(body.encode()).hexdigest()}\n")
        self.unchanged(f"the journal {self.journal} belongs to another installation (11111111-", "database.journal")

    def test_a_journal_that_may_not_be_read(self):
        self.serve()
        self.journal.write_text("")
        self.without_rights()
        self.journal.chmod(0)
        before = self.database.content()
        self.refused(f"the journal {self.journal} cannot be read (Permission denied)", "the server's user")
        self.assertEqual(self.database.content(), before)

    def test_a_journal_that_may_not_be_written(self):
        self.serve()
        self.journal.write_text("")
        self.without_rights()
        self.journal.chmod(0o400)
        self.refused(f"the journal {self.journal} cannot be written (Permission denied)")


class OnSqlite(EveryEngine, Folder):
    engine = Sqlite

    def test_a_wrong_url(self):
        for url in ("mysql://server/database", "sqlite:", "sqlite://relative/file"):
            with self.subTest(url=url):
                self.configure(url)
                self.refused("database.url: must be sqlite:///path/of/file")

    def test_a_folder_that_is_missing(self):
        self.configure(f"sqlite://{self.folder}/missing/server.db")
        self.refused("cannot open the database", "its directory must exist and be writable")

    def test_what_is_no_database(self):
        self.database.file.write_bytes(b"This is no database, but a text of some length.\n" * 200)
        self.unchanged("cannot open the database", "is not a database")

    def test_a_database_that_may_not_be_written(self):
        self.serve()
        self.without_rights()
        self.database.file.chmod(0o400)
        self.unchanged("cannot open the database", str(self.database.file), "Permission denied")

    def test_a_folder_that_may_not_be_written(self):
        self.serve()
        self.without_rights()
        (self.database.file.parent / "server.db.lock").unlink(missing_ok=True)
        self.database.file.parent.chmod(0o500)
        self.addCleanup(self.database.file.parent.chmod, 0o700)
        self.unchanged("cannot open the database", "its directory must exist and be writable")

    def test_a_journal_without_its_database(self):
        body = "mytoken-journal-2 installation 11111111-2222-4333-8444-555555555555"
        self.journal.write_text(f"{body} {hashlib.sha256(body.encode()).hexdigest()}\n")
        self.configure(f"sqlite://{self.folder}/new.db")
        self.refused(f"the journal {self.journal} belongs to another installation (11111111-")
        self.assertFalse((self.folder / "new.db").exists())

    def test_an_unknown_argument(self):
        done = self.run_program("serve", "--port", "8000")
        self.assertEqual((done.returncode, done.stdout), (2, ""), done)
        self.assertEqual(done.stderr, "mytoken-server: error: unknown argument '--port'; see mytoken-server --help\n")

    def test_templates_for_a_group_that_is_not_configured_are_written_and_that_is_said(self):
        done = self.run_program("profiles", "update", "--group", "physics")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.assertIn("group physics is not in features.server_profiles.groups", done.stdout.splitlines()[-1])
        self.configure(self.database.url, features={"server_profiles": {"groups": {"physics": "a-long-password"}}})
        done = self.run_program("profiles", "update", "--group", "physics")
        self.assertNotIn("server_profiles", done.stdout)


class OnPostgresql(EveryEngine, Folder):
    engine = Postgresql

    def test_a_wrong_url(self):
        for url in (f"postgresql://user:{PASSWORD}@[broken/db", f"postgresql://user:{PASSWORD}@x@host/db",
                    f"postgresql://user:{PASSWORD}@host/db?no_such_option=1"):
            with self.subTest(url=url):
                self.configure(url)
                self.refused("the database URL is not understood: write postgresql://user:password@host/database")

    def test_a_server_that_is_not_there(self):
        self.configure(f"postgresql://user:{PASSWORD}@/db?host={self.folder}")
        done = self.run_program("serve")
        refused(self, done, ["cannot open the database", "No such file or directory"])
        self.assertNotIn(PASSWORD, done.stderr)

    def test_a_wrong_password(self):
        wrong = "another-canary-0815"
        self.configure(f"postgresql://locked:{wrong}@/{self.database.name}?host={cluster.folder}")
        done = self.run_program("serve")
        refused(self, done, ["cannot open the database", "password authentication failed for user", "locked", "database.url"])
        self.assertNotIn(wrong, done.stderr)

    def test_a_database_that_does_not_exist(self):
        self.configure(cluster.url("no_such_database"))
        self.refused("cannot open the database", "no_such_database", "does not exist", "database.url")

    def test_a_read_only_database(self):
        cluster.sql(f"ALTER DATABASE {self.database.name} SET default_transaction_read_only = on")
        self.unchanged("cannot open the database", "it takes no writes: let database.url name the primary")

    def test_a_user_that_may_not_write(self):
        self.serve()
        self.configure(self.database.url.replace("user=postgres", "user=reader"))
        self.unchanged("permission denied", "needs all rights")

    def test_a_replica(self):
        self.serve()
        replica = cluster.folder / "replica"
        cluster._run("pg_basebackup", "-h", cluster.folder, "-U", "postgres", "-D", replica, "-R", "-c", "fast")
        postgres = subprocess.Popen(
            ["/usr/lib/postgresql/15/bin/postgres", "-D", replica, "-k", replica, "-c", "listen_addresses=", "-c", "port=5999",
             "-c", "hot_standby=on"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
            start_new_session=True, **cluster.user)
        self.addCleanup(postgres.wait)
        self.addCleanup(postgres.terminate)
        deadline = time.monotonic() + 30
        while subprocess.run(["/usr/lib/postgresql/15/bin/pg_isready", "-q", "-h", replica, "-p", "5999"]).returncode != 0:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        url = f"postgresql:///{self.database.name}?host={replica}&port=5999&user=postgres"
        for form in (url, url + "&target_session_attrs=any"):
            with self.subTest(url=form):
                self.configure(form)
                self.unchanged("cannot open the database", "it takes no writes")


if __name__ == "__main__":
    unittest.main()
