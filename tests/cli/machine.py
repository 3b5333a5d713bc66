"""A user's computer for the tests of the command: a home directory of its own, and the real program with pipes or on a terminal.

    machine = Machine("laptop")                 # configured for the shared server; removed with it
    machine.ok("AT", "--MT-file", path)         # stdout of a command that must succeed
    machine.refused(1, "AT", ...)               # stderr of one that must end with this code and an empty stdout
    with machine.terminal("MT") as terminal:    # the same on a pseudo-terminal
        url = terminal.wait_for(r"https?://\\S+").group()
        terminal.type("\\x03")
        terminal.finish()
"""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import tempfile
import termios
import time
import unittest

import login
from api import EVERYTHING, PASSWORDS
from shared import api, stack
from stack import BUILD, wait_for_line

DONE, REFUSED, WRONG_USAGE, UNREACHABLE, INTERRUPTED, NOT_STORED = range(6)  # exit codes
SECONDS = 60  # the longest a command may take
CONSENT_URL = r"https?://\S+/c/\S+"


class Machine:
    """Members: home (a folder that only its user can read), env (variables of its commands, to be changed at will)."""

    def __init__(self, name="machine", **config):
        """`config` are members of the configuration file besides the server's address."""
        self.home = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=stack().folder))
        # Nothing of the person who runs the tests shall be seen.
        self.env = {"HOME": str(self.home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
        for variable, folder in (("XDG_CONFIG_HOME", "config"), ("XDG_CACHE_HOME", "cache"), ("XDG_DATA_HOME", "data"),
                                 ("XDG_STATE_HOME", "state"), ("XDG_RUNTIME_DIR", "run")):
            (self.home / folder).mkdir(mode=0o700)
            self.env[variable] = str(self.home / folder)
        self.configure(**config)

    def configure(self, **config):
        """Writes the configuration file anew."""
        file = self.home / "config/mytoken/config.yaml"
        file.parent.mkdir(exist_ok=True)
        # JSON is YAML; /tmp belongs to the whole machine, so tokens are not looked for there
        file.write_text(json.dumps({"instance": stack().issuer, "use_wlcg_token_discovery": False, **config}))

    def file(self, token, name="token"):
        """A file that only the user can read."""
        path = self.home / name
        path.write_bytes(token if isinstance(token, bytes) else token.encode())
        path.chmod(0o600)
        return path

    def command(self, *arguments):
        return [str(BUILD / "mytoken"), *map(str, arguments)]

    def run(self, *arguments, stdin="", env=None, **options):
        """The finished process, with pipes: returncode, stdout, stderr."""
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=SECONDS, input=stdin,
                              env={**self.env, **(env or {})}, cwd=self.home, **options)

    def shell(self, script, stdin="", **env):
        """A finished `sh -eu` that finds the command as `mytoken`."""
        path = f"{BUILD}:{self.env['PATH']}"
        return subprocess.run(["/bin/sh", "-euc", script], capture_output=True, text=True, timeout=SECONDS, input=stdin,
                              env={**self.env, "PATH": path, **env}, cwd=self.home)

    def ok(self, *arguments, **options):
        done = self.run(*arguments, **options)
        assert done.returncode == DONE, done
        return done.stdout

    def ok_json(self, *arguments, **options):
        return json.loads(self.ok("--json", *arguments, **options))

    def refused(self, code, *arguments, **options):
        done = self.run(*arguments, **options)
        assert (done.returncode, done.stdout) == (code, ""), done
        assert done.stderr.startswith("mytoken: "), done
        return done.stderr

    def start(self, *arguments, **options):
        """A running command, for those that wait; its stderr goes to a file. End it with finish()."""
        return Running(self, arguments, options)

    def terminal(self, *arguments, **options):
        return Terminal(self, self.command(*arguments), **options)

    def terminal_of(self, *command, **options):
        """A terminal with another program on it, such as a shell."""
        return Terminal(self, ["/usr/bin/env", *map(str, command)], **options)

    def logged_in(self, *arguments, user="alice", decision="allow"):
        """`mytoken MT` with a login at the provider while it waits: exit code, stdout, stderr."""
        with self.start("MT", "-i", stack().op, *arguments) as running:
            login.log_in(running.wait_for(CONSENT_URL).group(), user, PASSWORDS[user], decision=decision)
            return running.finish()


class Running:
    """A command with files for stdout and stderr. Use as a context manager; it is killed at the end if it still runs."""

    def __init__(self, machine, arguments, options):
        self.name = f"mytoken {arguments[0]}"
        self.out, self.err = (pathlib.Path(tempfile.mktemp(prefix=f"{kind}-", dir=machine.home)) for kind in ("out", "err"))
        self.out.touch(), self.err.touch()
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.child = subprocess.Popen(machine.command(*arguments), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                          cwd=machine.home, env={**machine.env, **options.pop("env", {})}, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()

    def wait_for(self, pattern, seconds=20):
        """Waits until stderr matches; returns the match."""
        return wait_for_line(self.name, self.child, self.err, pattern, seconds)

    def signal(self, number):
        self.child.send_signal(number)

    def finish(self, seconds=SECONDS):
        """exit code, stdout, stderr"""
        code = self.child.wait(seconds)
        return code, self.out.read_text(), self.err.read_text()


class Terminal:
    """A command on a pseudo-terminal of its own, as its controlling one. Use as a context manager.

    `shown` is all that the terminal got. `stdout`: a path that gets stdout instead; `columns`: width of the terminal.
    """

    def __init__(self, machine, command, columns=120, stdout=None, env=None):
        environment = {**machine.env, **(env or {})}
        self.shown = ""
        self.ended = False
        self.child, self.master = pty.fork()
        if self.child == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
                if stdout:
                    os.dup2(os.open(stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
                os.chdir(machine.home)
                os.execve(command[0], command, environment)
            finally:
                os._exit(127)
        self.modes_before = termios.tcgetattr(self.master)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.ended:
            os.kill(self.child, signal.SIGKILL)
            os.waitpid(self.child, 0)
        os.close(self.master)

    def _receive(self, deadline):
        """False at the end of the output."""
        if not select.select([self.master], [], [], max(0, deadline - time.monotonic()))[0]:
            raise AssertionError(f"the terminal fell silent:\n{self.shown}")
        try:
            piece = os.read(self.master, 65536)
        except OSError:  # EIO: nobody has the other side open any more
            return False
        self.shown += piece.decode(errors="replace")
        return bool(piece)

    def wait_for(self, pattern, seconds=20):
        """Reads until `shown` matches; returns the match."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.shown)):
            if not self._receive(deadline):
                raise AssertionError(f"the command ended without {pattern!r}:\n{self.shown}")
        return found

    def type(self, keys):
        os.write(self.master, keys.encode())

    def modes_are_restored(self):
        return termios.tcgetattr(self.master) == self.modes_before

    def finish(self, seconds=SECONDS):
        """The exit code (128 + n after signal n); `shown` is complete then."""
        deadline = time.monotonic() + seconds
        while self._receive(deadline):
            pass
        status = os.waitpid(self.child, 0)[1]
        self.ended = True
        return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


class CommandTest(unittest.TestCase):
    """With a machine of its own for each test, and one powerful mytoken of alice for all tests of a class: `full`."""

    @classmethod
    def setUpClass(cls):
        cls.full = api().login(capabilities=EVERYTHING)["mytoken"]

    def setUp(self):
        self.machine = Machine()
        self.full_file = self.machine.file(self.full, "full")

    def sub_token(self, **request):
        """A file with a mytoken made from `full`."""
        return self.machine.file(api().sub_token(self.full, **request)["mytoken"], f"token-{len(os.listdir(self.machine.home))}")
