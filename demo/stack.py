"""Starts and stops what the demo and the tests need: the OpenID provider and mytoken-server, on free loopback ports.

Everything lives in one temporary folder (configuration, key, database, logs) and ends with the Stack; processes are
ended by the ids under which they were started. Only Python's standard library is used.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("MYTOKEN_BUILD", ROOT / "build" / "release"))
CLIENT_ID, CLIENT_SECRET = "mytoken", "mytoken-secret"
SCOPES = ["openid", "profile", "email", "offline_access", "storage.read:/", "storage.modify:/", "compute.create"]
START_ATTEMPTS = 4  # a port found free may be taken by somebody else before it is used


class StackError(Exception):
    """Something did not start; the text has the end of its log."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tail(log, lines=25):
    return f"--- end of {log.name} ---\n" + "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def wait_for_line(name, child, log, pattern, seconds):
    """Waits until a line of the file `log` matches `pattern`; returns the match. StackError if the child ends before."""
    deadline = time.monotonic() + seconds
    while True:
        ended = child.poll() is not None  # asked first, so that a last line is not missed
        found = re.search(pattern, log.read_text(errors="replace"), re.MULTILINE)
        if found:
            return found
        if ended:
            raise StackError(f"{name} ended with {child.returncode}\n{tail(log)}")
        if time.monotonic() > deadline:
            raise StackError(f"{name} did not say what was awaited within {seconds} s\n{tail(log)}")
        time.sleep(0.02)


class Process:
    """A child with its output in a file. `name` is for messages, `options` are Popen's."""

    def __init__(self, name, command, log, env=None, **options):
        self.name, self.log = name, pathlib.Path(log)
        with open(self.log, "ab") as output:
            # its own session: Ctrl-C on the terminal reaches only us, and we end the children in order
            self.child = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                          env={**os.environ, **(env or {})}, start_new_session=True, **{"cwd": ROOT, **options})

    def wait_for(self, pattern, seconds):
        """Waits until a line of the log matches `pattern`; returns the match."""
        return wait_for_line(self.name, self.child, self.log, pattern, seconds)

    def tail(self, lines=25):
        return tail(self.log, lines)

    def stop(self, seconds=15):
        """SIGTERM, then SIGKILL. Returns the exit code."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.child.kill()
        return self.child.wait()


def start_provider(folder, port, redirects, *, script=ROOT / "demo" / "provider.mjs", rotate=True, name="provider"):
    env = {"PORT": str(port), "REDIRECT": ",".join(redirects), "ROTATE": "1" if rotate else "0"}
    process = Process(name, [ROOT / "scripts" / "node", script], folder / f"{name}.log", env)
    try:
        process.wait_for(r"^provider at ", 20)
    except BaseException:  # also Ctrl-C: nobody else knows this child yet
        process.stop()
        raise
    return process


def start_server(folder, port, config, overlays=(), name="server", program="mytoken-server", env=None):
    """`config` (a dict, the server's YAML format) is completed by address, key and database; `overlays` are files on top."""
    issuer = f"http://127.0.0.1:{port}"
    full = {
        "issuer": issuer,
        "service_operator": {"name": "mytoken demo", "mail_contact": "operator@example.org"},
        "database": {"url": f"sqlite://{folder / f'{name}.db'}"},
        "logging": {"access": {"dir": "", "stderr": False}, "internal": {"dir": "", "stderr": True, "level": "info"}},
        **config,
    }
    full["server"] = {**config.get("server", {}), "listen": [f"127.0.0.1:{port}"]}
    full["server"].setdefault("tls", {"enabled": False})
    signing = config.get("signing", {}).get("mytoken", {})
    full["signing"] = {**config.get("signing", {}),
                       "mytoken": {"alg": "ES512", **signing, "key_file": str(folder / f"{name}.key")}}
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(full, indent=1))  # JSON is YAML
    path.chmod(0o600)
    arguments = [a for file in (path, *overlays) for a in ("--config", os.path.abspath(file))]
    binary = BUILD / program
    if not binary.exists():
        raise StackError(f"{binary} is not built")
    done = subprocess.run([binary, "init", *arguments], cwd=folder, capture_output=True, text=True, timeout=60,
                          env={**os.environ, **(env or {})})
    if done.returncode != 0:
        raise StackError(f"mytoken-server init ended with {done.returncode}\n{done.stdout}{done.stderr}")
    process = Process(name, [binary, "serve", *arguments], folder / f"{name}.log", env)
    try:
        # an overlay may change the issuer, so the server tells where it is
        process.issuer = process.wait_for(r"^mytoken-server: ready at (\S+)", 30).group(1)
    except BaseException:  # also Ctrl-C: nobody else knows this child yet
        process.stop()
        raise
    return process


class Stack:
    """A provider and a server that know each other. Use as a context manager.

    `config`: more settings of the server, a dict or a function (issuer, op) -> dict; `overlays`: configuration files on top;
    `rotate`: the provider rotates refresh tokens; `program`, `env`: another build of the server, with this in its environment.
    Members: issuer, op (issuer of the provider), folder, provider, server, processes (in the order of their start).
    """

    def __init__(self, config=None, overlays=(), rotate=True, program="mytoken-server", env=None):
        self.config, self.overlays, self.rotate = config or {}, overlays, rotate
        self.build = {"program": program, "env": env}
        self.processes = []

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mytoken-"))
        try:
            for attempt in range(START_ATTEMPTS):
                try:
                    self._start()
                    return self
                except StackError as error:
                    self._stop()
                    if attempt == START_ATTEMPTS - 1 or not re.search(r"(?i)in use|EADDRINUSE", str(error)):
                        raise
        except BaseException:
            self.__exit__()
            raise

    def _start(self):
        port, op_port = free_port(), free_port()
        self.issuer, self.op = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{op_port}"
        self.provider = start_provider(self.folder, op_port, [f"{self.issuer}/redirect"], rotate=self.rotate)
        self.processes.append(self.provider)
        more = self.config(self.issuer, self.op) if callable(self.config) else self.config
        config = {
            "features": {"polling_codes": {"enabled": True, "polling_interval": 1}},
            "providers": [{"issuer": self.op, "name": "Demo provider", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
                           "scopes": SCOPES}],
            **more,
        }
        self._server = (self.folder, port, config, self.overlays)
        self.server = start_server(*self._server, **self.build)
        self.issuer = self.server.issuer
        self.processes.append(self.server)

    def restart_server(self):
        """Ends the server in order and starts it again on the same database; returns the exit code of the first."""
        self.processes.remove(self.server)
        code = self.server.stop()
        self.server.log.rename(self.server.log.with_suffix(".log.1"))  # the ready line of the new one is awaited
        self.server = start_server(*self._server, **self.build)
        self.processes.append(self.server)
        return code

    def _stop(self):
        while self.processes:
            self.processes.pop().stop()

    def logs(self):
        return "\n".join(p.tail() for p in self.processes)

    def __exit__(self, *_):
        # Cleaning up is not to be interrupted, however impatient the keyboard.
        here = threading.current_thread() is threading.main_thread()
        before = signal.signal(signal.SIGINT, signal.SIG_IGN) if here else None
        try:
            self._stop()
            shutil.rmtree(self.folder, ignore_errors=True)
        finally:
            if here:
                signal.signal(signal.SIGINT, before)


def cli(stack, *arguments, **options):
    """Command line and environment for the `mytoken` program against this stack, for subprocess functions.

    The person's own configuration and tokens of this machine are kept out.
    """
    configuration = stack.folder / "cli.yaml"
    if not configuration.exists():
        configuration.write_text(json.dumps({"instance": stack.issuer, "use_wlcg_token_discovery": False}))
    env = {k: v for k, v in os.environ.items() if not k.startswith(("BEARER_TOKEN", "MYTOKEN"))}
    env.update(MYTOKEN_CONFIG=str(configuration), HOME=str(stack.folder), XDG_RUNTIME_DIR=str(stack.folder))
    return [str(BUILD / "mytoken"), "--url", stack.issuer, *map(str, arguments)], {"env": env, **options}
