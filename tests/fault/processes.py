"""What the fault harness starts and ends: the scripted provider, servers with planted faults, a private PostgreSQL.

Every child dies with this program (PR_SET_PDEATHSIG), so that a harness that is itself killed leaves nothing behind.
"""
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent / "demo"), str(HERE.parent / "support")]

import stack  # noqa: E402

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def binary(name):
    """A program of the build, or a StackError that says which one is missing."""
    for file in stack.BUILD.rglob(name):
        if file.is_file():
            return file
    raise stack.StackError(f"{name} is not built in {stack.BUILD}")


def die_with_parent(death_signal):
    return lambda: LIBC.prctl(PR_SET_PDEATHSIG, death_signal)


class Switches:
    """The files by which a test shifts a server's clock and fills its disk while it runs."""

    def __init__(self, folder):
        self.clock, self.disk = folder / "clock", folder / "disk"
        self.disk.touch()
        self.shift_clock(0)
        self.fill_disk(False)
        for file in (self.clock, self.disk):
            file.chmod(0o644)  # PostgreSQL is another user

    def shift_clock(self, seconds):
        with open(self.clock, "r+b" if self.clock.exists() else "wb") as file:
            file.write(int(seconds * 1_000_000).to_bytes(8, sys.byteorder, signed=True))

    def fill_disk(self, full):
        self.is_full = full
        with open(self.disk, "r+b") as file:
            file.write(b"\1" if full else b"\0")

    def environment(self, under):
        return {"MYTOKEN_FAULT_CLOCK": str(self.clock), "MYTOKEN_FAULT_DISK": str(self.disk),
                "MYTOKEN_FAULT_DISK_UNDER": str(under), "LD_PRELOAD": str(binary("libfault-disk.so"))}


class Provider:
    """The scripted provider with its control interface."""

    def __init__(self, folder):
        log = open(folder / "provider.log", "ab")
        self.child = subprocess.Popen([binary("scripted-provider"), "--control", "--rotation", "grace", "--grace", "600000"],
                                      stdout=subprocess.PIPE, stderr=log, preexec_fn=die_with_parent(signal.SIGKILL))
        self.issuer = self.child.stdout.readline().decode().strip()
        self.connection = None

    def ask(self, method, path, body=None):
        for last_try in (False, True):
            try:
                if self.connection is None:
                    self.connection = stack_connection(self.issuer.split("//")[1])
                self.connection.request(method, path, body)
                answer = self.connection.getresponse()
                text = answer.read()
                if answer.status != 200:
                    raise AssertionError(f"the provider's control refused {body!r}: {text!r}")
                return text
            except OSError:
                self.connection = None
                if last_try:
                    raise

    def turn(self, **knobs):
        self.ask("POST", "/control", "&".join(f"{name}={value}" for name, value in knobs.items()))

    def well(self):
        """No fault; the token before the current one is forgiven, and counted."""
        self.turn(rotation="grace", delay=0, down=0, drop_after_acting=0, drop_before_acting=0, error="", html_502=0)

    def sessions(self, start):
        """The provider's ledger from its session number `start` on."""
        return json.loads(self.ask("GET", f"/ledger?from={start}"))["sessions"]

    def stop(self):
        self.child.terminate()
        self.child.wait()
        self.child.stdout.close()


def stack_connection(address, timeout=30):
    import http.client
    connection = http.client.HTTPConnection(address, timeout=timeout)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class Server:
    """A mytoken-server-faulty on a port of its own; may be started, killed and started again."""

    def __init__(self, folder, name, issuer, port, op, database, switches):
        self.folder, self.name, self.port, self.switches = folder, name, port, switches
        self.address = f"127.0.0.1:{port}"
        self.log = folder / f"{name}.log"
        self.config = folder / f"{name}.yaml"
        self.config.write_text(json.dumps({
            "issuer": issuer,
            "service_operator": {"name": "fault tests", "mail_contact": "operator@example.org"},
            "server": {"listen": [self.address], "threads": 1, "tls": {"enabled": False}, "drain_timeout": "5s"},
            "database": {"url": database, "journal": str(folder / "state" / f"{name}.journal")},
            "logging": {"access": {"dir": ""}, "internal": {"dir": "", "stderr": True, "level": "info"}},
            "signing": {"mytoken": {"alg": "ES256", "key_file": str(folder / "key.pem")}},
            "providers": [{"issuer": op, "client_id": "client", "client_secret": "client-secret",
                           "scopes": ["openid", "email", "offline_access"]}],
        }))
        self.config.chmod(0o600)
        self.child = None

    def command(self, *words):
        return [binary("mytoken-server-faulty"), *words, "--config", self.config]

    def environment(self, point=""):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MYTOKEN")}
        return {**clean, **self.switches.environment(self.folder / "state"), "MYTOKEN_FAULT": point}

    def init(self):
        done = subprocess.run(self.command("init"), capture_output=True, text=True, env=self.environment(), timeout=60)
        if done.returncode != 0:
            raise stack.StackError(f"init ended with {done.returncode}: {done.stdout}{done.stderr}")

    def spawn(self, point=""):
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.command("serve"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                          env=self.environment(point), preexec_fn=die_with_parent(signal.SIGKILL))

    def start(self, point=""):
        """Starts and waits until it listens; False if it met its point before. StackError if it does not start."""
        self.spawn(point)
        line = self.child.stdout.readline().decode()
        if not line.startswith("mytoken-server: ready"):
            code = self.wait()
            if point and code == -signal.SIGKILL:
                return False
            raise stack.StackError(f"{self.name} ended with {code}: {line}\n{stack.tail(self.log)}")
        return True

    def is_up(self):
        return self.child is not None and self.child.poll() is None

    def kill(self):
        if self.child is not None:
            self.child.kill()
            self.wait()

    def wait(self, seconds=60):
        code = self.child.wait(seconds)
        self.child.stdout.close()
        self.child = None
        return code

    def end(self):
        """SIGTERM; the exit code."""
        if self.child is None:
            return 0
        self.child.terminate()
        return self.wait()


class Postgres:
    """A private PostgreSQL 15 on a unix socket, fsync on; as root it runs as user postgres."""

    PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")

    def __init__(self, folder, switches):
        self.folder = folder / "pg"
        self.folder.mkdir()
        self.switches = switches
        self.identity = {}
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            folder.chmod(0o711)
            self.identity = {"user": "postgres", "group": "postgres", "extra_groups": []}
        self.data = self.folder / "data"
        self.child = None
        subprocess.run([self.PROGRAMS / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C",
                        "--no-sync", "--no-instructions"], check=True, capture_output=True, cwd="/", **self.identity)
        self.start()

    def start(self, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.child is None:
                with open(self.folder / "log", "ab") as log:
                    options = ["-c", "listen_addresses=", "-c", "max_connections=200", "-c", "shared_buffers=32MB",
                               "-c", "min_wal_size=32MB", "-c", "max_wal_size=64MB", "-c", "restart_after_crash=on"]
                    self.child = subprocess.Popen(
                        [self.PROGRAMS / "postgres", "-D", self.data, "-k", self.folder, *options], stdin=subprocess.DEVNULL,
                        stdout=log, stderr=log, cwd="/", env={**os.environ, **self.switches.environment(self.data)},
                        preexec_fn=die_with_parent(signal.SIGQUIT), **self.identity)
            if self.is_ready():
                return
            if self.child.poll() is not None:
                self.child = None  # children of one that was killed may still hold its memory
            time.sleep(0.02)
        raise stack.StackError(f"PostgreSQL does not start\n{stack.tail(self.folder / 'log')}")

    def is_ready(self):
        done = subprocess.run([self.PROGRAMS / "pg_isready", "-q", "-h", self.folder, "-U", "postgres"], cwd="/")
        return done.returncode == 0

    def wait_until_ready(self, seconds=60):
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            if self.child.poll() is not None:
                self.child = None
                self.start()
                return
            if time.monotonic() > deadline:
                raise stack.StackError(f"PostgreSQL is not ready\n{stack.tail(self.folder / 'log')}")
            time.sleep(0.02)

    def sql(self, text):
        done = subprocess.run([self.PROGRAMS / "psql", "-qAtX", "-h", self.folder, "-U", "postgres", "-c", text, "postgres"],
                              capture_output=True, text=True, cwd="/")
        if done.returncode != 0:
            raise stack.StackError(f"{text}: {done.stderr}")
        return done.stdout

    def children(self):
        file = pathlib.Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children")
        return [int(word) for word in file.read_text().split()]

    def signal_all(self, number):
        for process in [self.child.pid, *self.children()]:
            try:
                os.kill(process, number)
            except ProcessLookupError:
                pass  # ended by itself

    def kill(self):
        """kill -9 of the server and everything it started."""
        children = self.children()
        self.child.kill()
        for process in children:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.child.wait()
        self.child = None

    def stop(self):
        """In order; clients are thrown out."""
        if self.child is not None:
            self.child.send_signal(signal.SIGINT)
            self.child.wait(60)
            self.child = None

    def pause(self):
        self.signal_all(signal.SIGSTOP)

    def resume(self):
        self.signal_all(signal.SIGCONT)

    def end_backends(self):
        """Cuts every connection of a server, as a fail-over or an administrator does."""
        self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = "
                 "'client backend'")

    def url(self, schema):
        return f"postgresql:///postgres?host={self.folder}&user=postgres&options=-csearch_path%3D{schema}"
