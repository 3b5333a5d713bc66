"""A private PostgreSQL 15 for tests: a data directory of its own with a unix socket in it, and nothing on the network.

Needs the Debian package postgresql-15; as root it runs as user postgres, because PostgreSQL refuses root.
"""
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")


class Postgres:
    """Use as a context manager. `url(name)` is the URL of a database."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mytoken-pg-"))
        self.user = {}
        if os.geteuid() == 0:
            postgres = pwd.getpwnam("postgres")
            os.chown(self.folder, postgres.pw_uid, postgres.pw_gid)
            self.user = {"user": postgres.pw_uid, "group": postgres.pw_gid, "extra_groups": []}
        self.server = None
        try:
            data = self.folder / "data"
            self._run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
                      "--no-instructions")
            with open(self.folder / "log", "wb") as log:
                self.server = subprocess.Popen(
                    [PROGRAMS / "postgres", "-D", data, "-k", self.folder, "-c", "listen_addresses=", "-c", "shared_buffers=32MB"],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True, **self.user)
            deadline = time.monotonic() + 30
            while subprocess.run([PROGRAMS / "pg_isready", "-q", "-h", self.folder], **self.user, cwd="/").returncode != 0:
                if self.server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("PostgreSQL does not start: " + (self.folder / "log").read_text())
                time.sleep(0.05)
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)  # fast shutdown
            try:
                self.server.wait(20)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program, *arguments):
        done = subprocess.run([PROGRAMS / program, *arguments], capture_output=True, text=True, cwd="/", **self.user)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr}")
        return done.stdout

    def sql(self, text, database="postgres"):
        """Runs statements; the rows as text, values separated by '|'."""
        return self._run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", "postgres", "-d", database,
                         "-c", text)

    def url(self, database):
        return f"postgresql:///{database}?host={self.folder}&user=postgres"

    def fresh(self, name):
        """The URL of a new, empty database."""
        self.sql(f"CREATE DATABASE {name}")
        return self.url(name)
