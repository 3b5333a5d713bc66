"""Restarts under a client that opens a new connection for each request: none is refused, none is reset, each is answered."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import unittest
import urllib.request

import stack
from installation import refused
from postgres import Postgres

RESTARTS = 10
CLIENTS = 8
PATH = "/.well-known/mytoken-configuration"


def setUpModule():
    global cluster
    cluster = Postgres()
    unittest.enterModuleContext(cluster)


class Hammer:
    """Requests without a pause, each on a connection of its own; use as a context manager."""

    def __init__(self, port):
        self.port, self.done, self.answered, self.problems = port, threading.Event(), 0, []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join()

    def _run(self):
        while not self.done.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
                    connection.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                    answer = b""
                    while part := connection.recv(65536):
                        answer += part
                problem = None if answer.startswith(b"HTTP/1.1 200 ") else f"answer {answer[:40]!r}"
            except OSError as error:
                problem = repr(error)
            with self.lock:
                self.answered += problem is None
                if problem:
                    self.problems.append(problem)


class Handover(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mytoken-handover-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.starts = 0
        self.servers = []
        self.addCleanup(lambda: [server.stop() for server in self.servers])
        self.port, self.health_port = stack.free_port(), stack.free_port()
        self.settings = {
            "issuer": f"http://127.0.0.1:{self.port}",
            "service_operator": {"name": "tests", "mail_contact": "operator@example.org"},
            "server": {"listen": [f"127.0.0.1:{self.port}"], "threads": 2, "tls": {"enabled": False},
                       "request_limits": {"enabled": False}, "handover": str(self.folder / "handover"),
                       "healthcheck": {"enabled": True, "port": self.health_port}},
            "logging": {"access": {"dir": ""}, "internal": {"dir": "", "stderr": True, "level": "info"}},
            "signing": {"mytoken": {"alg": "ES256", "key_file": str(self.folder / "server.key")}},
            "providers": [{"issuer": "http://127.0.0.1:1", "client_id": "a", "client_secret": "b", "scopes": ["openid"]}],
        }

    def configure(self, url):
        self.settings["database"] = {"url": url, "journal": str(self.folder / "journal")}
        (self.folder / "config.yaml").write_text(json.dumps(self.settings))
        done = self.program("init")
        self.assertEqual(done.returncode, 0, done)

    def command(self, *arguments):
        return [stack.BUILD / "mytoken-server", *arguments, "--config", self.folder / "config.yaml"]

    def program(self, *arguments):
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=60, cwd=self.folder)

    def start(self, *arguments):
        self.starts += 1
        server = stack.Process("server", self.command("serve", *arguments), self.folder / f"log-{self.starts}")
        self.servers.append(server)
        server.wait_for(r"^mytoken-server: ready", 60)
        return server

    def is_ready(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/readyz", timeout=10) as answer:
            return answer.status == 200

    def take_over_and_over(self):
        server = self.start()
        with Hammer(self.port) as hammer:
            for _ in range(RESTARTS):
                successor = self.start("--take-over")
                self.assertEqual(server.child.wait(60), 0, server.tail())
                self.assertTrue(self.is_ready())
                server = successor
        self.assertEqual(hammer.problems, [])
        self.assertGreater(hammer.answered, 100)
        self.assertEqual(server.stop(), 0)
        self.assertFalse((self.folder / "handover").exists())

    def test_successors_on_sqlite(self):
        self.configure(f"sqlite://{self.folder}/server.db")
        self.take_over_and_over()

    def test_successors_on_postgresql(self):
        self.configure(cluster.fresh("handover"))
        self.take_over_and_over()

    def test_a_supervisor_that_holds_the_sockets(self):
        self.configure(f"sqlite://{self.folder}/server.db")
        self.settings["server"]["listen"] = ["fd"]
        self.configure(f"sqlite://{self.folder}/server.db")
        listening = socket.create_server(("127.0.0.1", self.port), backlog=512)
        health = socket.create_server(("127.0.0.1", self.health_port))
        self.addCleanup(listening.close)
        self.addCleanup(health.close)

        def as_systemd_does():
            """Between fork and exec; the shell of the command knows its process id."""
            first, second = os.dup(listening.fileno()), os.dup(health.fileno())
            os.dup2(first, 3)
            os.dup2(second, 4)

        def start():
            self.starts += 1
            log = self.folder / f"log-{self.starts}"
            with open(log, "wb") as output:
                child = subprocess.Popen(["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:health exec "$@"', "sh",
                                          *map(str, self.command("serve"))], stdout=output, stderr=output, cwd=self.folder,
                                         start_new_session=True, preexec_fn=as_systemd_does, close_fds=False)
            self.addCleanup(lambda: child.poll() is None and child.kill())
            stack.wait_for_line("server", child, log, r"^mytoken-server: ready", 60)
            return child

        server = start()
        with Hammer(self.port) as hammer:
            for _ in range(RESTARTS):
                server.send_signal(signal.SIGTERM)
                self.assertEqual(server.wait(60), 0)
                server = start()
                self.assertTrue(self.is_ready())
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(60), 0)
        self.assertEqual(hammer.problems, [])
        self.assertGreater(hammer.answered, 100)

    def test_a_second_server_without_take_over_is_refused(self):
        self.configure(cluster.fresh("second"))
        self.start()
        done = self.program("serve")
        refused(self, done, [f"cannot listen on 127.0.0.1:{self.port}", "Address already in use"])

    def test_take_over_without_a_server_is_a_start(self):
        self.configure(f"sqlite://{self.folder}/server.db")
        server = self.start("--take-over")
        self.assertTrue(self.is_ready())
        server.child.kill()
        server.child.wait()
        self.assertTrue((self.folder / "handover").exists())  # nobody is there any more
        self.assertEqual(self.start("--take-over").stop(), 0)

    def test_a_successor_that_gives_up_changes_nothing(self):
        self.configure(cluster.fresh("given_up"))
        server = self.start()
        good = self.folder / "journal.next"  # of a server that starts beside another one
        good.write_text("damaged\njournal\n")
        done = self.program("serve", "--take-over")
        refused(self, done, ["is damaged"])
        self.assertTrue(self.is_ready())
        with Hammer(self.port) as hammer:
            pass
        self.assertEqual(hammer.problems, [])
        good.unlink()
        successor = self.start("--take-over")
        self.assertEqual(server.child.wait(60), 0)
        self.assertEqual(successor.stop(), 0)

    def test_what_is_missing_is_said(self):
        del self.settings["server"]["handover"]
        self.configure(f"sqlite://{self.folder}/server.db")
        refused(self, self.program("serve", "--take-over"), ["--take-over needs server.handover"])
        self.settings["server"]["listen"] = ["fd"]
        self.configure(f"sqlite://{self.folder}/server.db")
        refused(self, self.program("serve"), ["server.listen says fd, but no supervisor passed a socket"])


if __name__ == "__main__":
    unittest.main()
