"""A private PostgreSQL 15 on loopback for benchmarks, durable as in production: fsync, synchronous commit and full pages on.

As root it runs as user postgres, because the server refuses to run as root.
"""
import os
import secrets
import signal
import socket
import subprocess
import time

import machine

PROGRAMS = "/usr/lib/postgresql/15/bin"
SETTINGS = {
    "listen_addresses": "127.0.0.1", "max_connections": "400", "shared_buffers": "1GB", "fsync": "on",
    "synchronous_commit": "on", "full_page_writes": "on", "max_wal_size": "8GB", "checkpoint_timeout": "5min",
    "track_wal_io_timing": "on", "logging_collector": "off", "log_min_messages": "fatal", "jit": "off",
}
STATE = """SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn, wal_records, wal_fpi, wal_sync, wal_sync_time, xact_commit
FROM pg_stat_wal, pg_stat_database WHERE datname = current_database()"""
NAMES = ("wal_bytes", "wal_records", "wal_fpi", "wal_sync", "wal_sync_ms", "commits")


class Cluster:
    """`statements`: with the extension pg_stat_statements, which costs a few per cent."""

    def __init__(self, folder, statements=False):
        self.folder = folder
        folder.mkdir()
        self.as_user = []
        if os.geteuid() == 0:
            subprocess.run(["chown", "postgres:postgres", folder], check=True)
            self.as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        self.environment = {**os.environ, "PGPASSWORD": secrets.token_hex(16)}
        secret = folder.parent / (folder.name + ".password")
        secret.touch(mode=0o600)
        secret.write_text(self.environment["PGPASSWORD"])
        if self.as_user:
            subprocess.run(["chown", "postgres:postgres", secret], check=True)
        try:
            self._run("initdb", "-D", folder / "data", "-U", "bench", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8",
                      "--locale=C", "--no-sync", "--no-instructions")
        finally:
            secret.unlink()
        self.settings = {**SETTINGS, "unix_socket_directories": str(folder)}
        if statements:
            self.settings |= {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "all"}
        self.process = None
        self.session = None
        self._start()
        if statements:
            self.sql("CREATE EXTENSION pg_stat_statements")

    def _run(self, program, *arguments):
        done = subprocess.run([*self.as_user, f"{PROGRAMS}/{program}", *map(str, arguments)], cwd="/", stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise SystemExit(f"bench: error: {program}: {done.stdout}")

    def _start(self):
        for _attempt in range(5):  # somebody else may take the port meanwhile
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
            words = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
            with open(self.folder.parent / "postgresql.log", "ab") as log:
                prefix = [*self.as_user, "--pdeathsig=QUIT"] if self.as_user else ["setpriv", "--pdeathsig=QUIT"]
                self.process = subprocess.Popen([*prefix, f"{PROGRAMS}/postgres", "-D", str(self.folder / "data"), "-p",
                                                 str(self.port), *words], cwd="/", stdout=log, stderr=log)
            until = time.monotonic() + 60
            while self.process.poll() is None and time.monotonic() < until:
                ready = subprocess.run([f"{PROGRAMS}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)])
                if ready.returncode == 0:
                    return
                time.sleep(0.1)
            self.stop()
        raise SystemExit(f"bench: error: PostgreSQL does not start, see {self.folder.parent / 'postgresql.log'}")

    @property
    def pid(self):
        return self.process.pid

    @property
    def url(self):
        """Without the password, which is in `environment`."""
        return f"postgresql://bench@127.0.0.1:{self.port}/bench"

    def psql(self, *arguments, database="bench", **options):
        return subprocess.run(["psql", "-XAtq", "-h", "127.0.0.1", "-p", str(self.port), "-U", "bench", "-d", database,
                               "-v", "ON_ERROR_STOP=1", *map(str, arguments)], env=self.environment, check=True,
                              stdout=subprocess.PIPE, text=True, **options).stdout

    def sql(self, text, database="postgres"):
        """The rows as lists of texts."""
        return [line.split("|") for line in self.psql("-c", text, database=database).splitlines()]

    def make_database(self):
        self.sql("CREATE DATABASE bench")

    def checkpoint(self):
        self.sql("CHECKPOINT")

    def state(self):
        """Counters since the start, through a session that stays open: asking costs no login."""
        if self.session is None:
            self.session = subprocess.Popen(
                ["psql", "-XAtq", "-h", "127.0.0.1", "-p", str(self.port), "-U", "bench", "-d", "bench"], env=self.environment,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=machine.die_with_parent(signal.SIGTERM))
        self.session.stdin.write(STATE.replace("\n", " ") + ";\n")
        self.session.stdin.flush()
        return dict(zip(NAMES, map(float, self.session.stdout.readline().split("|"))))

    def close_session(self):
        if self.session is not None:
            self.session.stdin.close()
            self.session.wait()
            self.session.stdout.close()
            self.session = None

    def processor_seconds(self):
        """By what the processes are for: backends, wal_writer, checkpointer, the rest."""
        used = {"backends": 0.0, "wal_writer": 0.0, "checkpointer": 0.0, "rest": machine.processor_seconds(self.pid)}
        for child in machine.children_of(self.pid):
            title = machine.title_of(child)
            kind = "rest"
            if title.startswith("postgres: bench bench"):
                kind = "backends"
            elif title.startswith("postgres: walwriter"):
                kind = "wal_writer"
            elif title.startswith("postgres: checkpointer"):
                kind = "checkpointer"
            used[kind] += machine.processor_seconds(child)
        return used

    def stop(self):
        self.close_session()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)  # nothing in it is needed any more
            self.process.wait()
        self.process = None
