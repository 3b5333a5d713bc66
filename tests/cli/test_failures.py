"""What can go wrong between a user and a server, and what the command makes of it: exit code, one line, nothing lost."""
import os
import resource
import subprocess
import threading
import time
import unittest

from api import claims_of
from machine import DONE, INTERRUPTED, NOT_STORED, REFUSED, UNREACHABLE, WRONG_USAGE, CommandTest, Machine
from shared import api
from stack import BUILD
from stand_in import StandIn, error

AT = {"access_token": "the-at", "token_type": "Bearer", "expires_in": 3600}


class Servers(unittest.TestCase):
    """Against a scripted server."""

    def setUp(self):
        self.machine = Machine()

    def access_token(self, script, document=None):
        """The finished `mytoken AT` at a server with this script, and the server."""
        with StandIn(script, document) as server:
            return self.machine.run("AT", "--MT-file", self.machine.file(server.mytoken())), server

    def one_error(self, done, code, *words):
        """It ended with this code, an empty stdout, and one line that has these words (and perhaps a hint)."""
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        lines = done.stderr.splitlines()
        self.assertTrue(lines[0].startswith("mytoken: error: "), done.stderr)
        self.assertTrue(all(line.startswith("mytoken: hint: ") for line in lines[1:]), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_no_server(self):
        with StandIn(None) as server:
            token = self.machine.file(server.mytoken())
        self.one_error(self.machine.run("AT", "--MT-file", token), UNREACHABLE, f"cannot reach {server.url}", "hint: check the server address")

    def test_a_page_instead_of_an_answer(self):
        page = b"<html>\x1b[2J<h1>Welcome to the hotel's network</h1></html>"
        for status in (200, 302, 403, 404, 500, 502):
            done, _ = self.access_token(lambda request: (status, {"Content-Type": "text/html"}, page))
            self.one_error(done, UNREACHABLE)
            self.assertNotIn("\x1b", done.stderr)
            done, _ = self.access_token(None, document=lambda request: (status, {"Content-Type": "text/html"}, page))
            self.one_error(done, UNREACHABLE)

    def test_a_server_that_is_busy_for_a_moment_is_asked_again(self):
        answers = iter([error(429, "rate_limited", **{"Retry_After": "1"}), (200, {}, AT)])
        began = time.monotonic()
        done, server = self.access_token(lambda request: next(answers))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (DONE, "the-at\n", ""))
        self.assertGreaterEqual(time.monotonic() - began, 1)
        self.assertEqual(server.count("/at"), 2)

    def test_a_server_that_is_busy_for_long_is_not_waited_for(self):
        for status in (429, 503):
            done, server = self.access_token(lambda request: error(status, "rate_limited", "too many requests", **{"Retry_After": "3600"}))
            self.one_error(done, UNREACHABLE, "too many requests", "hint: try again in 3600 s")
            self.assertEqual(server.count("/at"), 1)

    def test_a_code_that_has_expired(self):
        with StandIn(lambda request: error(401, "invalid_token", "token not valid")) as server:
            self.one_error(self.machine.run("MT", "--TC", "abcdefgh", "--url", server.url), REFUSED, "token not valid")

    def login(self, *polled, interval=1, expires_in=300):
        """A finished `mytoken MT` whose polls get these answers, and the seconds it took."""
        answers = iter(polled)

        def script(request):
            if request.json["grant_type"] == "polling_code":
                return next(answers)
            return 200, {}, {"consent_uri": "https://mt.example.org/c/x", "polling_code": "p" * 40, "expires_in": expires_in,
                             **({} if interval is None else {"interval": interval})}
        with StandIn(script) as server:
            began = time.monotonic()
            return self.machine.run("MT", "--url", server.url), time.monotonic() - began

    def test_polls_that_come_to_nothing(self):
        done, _ = self.login(error(401, "expired_token"))
        self.assertEqual((done.returncode, done.stdout), (INTERRUPTED, ""))
        self.assertIn("hint: run the command again", done.stderr)
        done, _ = self.login(error(401, "access_denied"))
        self.assertEqual((done.returncode, done.stdout), (REFUSED, ""))
        done, _ = self.login(error(428, "authorization_pending"), expires_in=1)
        self.assertEqual((done.returncode, done.stdout), (INTERRUPTED, ""))
        self.assertIn("nobody approved the request in time", done.stderr)

    def test_slow_down_lengthens_the_interval_and_trouble_is_waited_out(self):
        granted = (200, {}, {"mytoken": "the-mytoken", "mytoken_type": "token"})
        done, seconds = self.login(error(400, "slow_down"), granted)
        self.assertEqual((done.returncode, done.stdout), (DONE, "the-mytoken\n"), done.stderr)
        self.assertGreaterEqual(seconds, 1 + 1 + 5)
        done, _ = self.login(error(428, "authorization_pending"), (503, {}, b"<html>"), error(500, "internal_server_error"), granted)
        self.assertEqual((done.returncode, done.stdout), (DONE, "the-mytoken\n"), done.stderr)

    def test_an_interval_of_zero_is_the_usual_one(self):
        granted = (200, {}, {"mytoken": "the-mytoken", "mytoken_type": "token"})
        for interval in (0, None):
            done, seconds = self.login(granted, interval=interval)
            self.assertEqual((done.returncode, done.stdout), (DONE, "the-mytoken\n"), done.stderr)
            self.assertGreaterEqual(seconds, 5)

    def test_W19_a_document_of_another_issuer_is_not_believed(self):
        def document(request):
            return 200, {}, {**StandIn(None).configuration(), "issuer": "https://other.example.org"}
        done, server = self.access_token(None, document)
        self.one_error(done, UNREACHABLE, "says it is another server (https://other.example.org)")
        self.assertEqual(server.count("/at"), 0)
        self.one_error(self.machine.run("MT", "--url", "http://mytoken.example.org"), WRONG_USAGE, "https")

    def test_W10_a_server_without_the_endpoint_is_no_crash(self):
        with StandIn(None) as server:
            small = {k: v for k, v in server.configuration().items() if not k.startswith(("token", "revocation"))}
        with StandIn(None, document=lambda request: (200, {}, {**small, "issuer": running.url})) as running:
            token = self.machine.file(running.mytoken())
            for words in (["info", "history"], ["revoke"], ["transfer"]):
                done = self.machine.run(*words, "--MT-file", token)
                self.one_error(done, REFUSED, "not supported by this server")

    def test_one_request_is_enough_when_the_server_is_known(self):
        with StandIn(lambda request: (200, {}, AT)) as server:
            token = self.machine.file(server.mytoken())
            self.machine.ok("AT", "--MT-file", token)
            self.assertEqual([r.path for r in server.requests], ["/.well-known/mytoken-configuration", "/at"])
            self.machine.ok("AT", "--MT-file", token)
            self.assertEqual([r.path for r in server.requests[2:]], ["/at"])


class Tokens(CommandTest):
    """Against the real server."""

    def test_a_token_of_another_issuer_is_not_shown_to_this_one(self):
        with StandIn(lambda request: error(401, "invalid_token", "unknown here")) as other:
            done = self.machine.run("AT", "--MT-file", self.machine.file(other.mytoken()))
            self.assertEqual((done.returncode, done.stdout), (REFUSED, ""))
            self.assertIn("unknown here", done.stderr)
            done = self.machine.run("AT", "--MT-file", self.machine.file(other.mytoken()), "--url", api().issuer)
            self.assertEqual(done.returncode, REFUSED)
            self.assertIn(f"mytoken: warning: the mytoken is of {other.url}, which is asked instead of {api().issuer}", done.stderr)

    def test_W11_a_token_among_the_arguments_is_warned_about_on_a_terminal(self):
        with self.machine.terminal("AT", "--MT", self.full, stdout=self.machine.home / "stdout") as terminal:
            self.assertEqual(terminal.finish(), DONE, terminal.shown)
        self.assertIn("mytoken: warning: a mytoken on the command line can be seen", terminal.shown)

    def test_W21_a_discovered_token_that_others_could_have_planted_is_not_used(self):
        self.machine.configure(use_wlcg_token_discovery=True)
        with StandIn(lambda request: (200, {}, AT)) as stranger:
            planted = self.machine.file(stranger.mytoken(), f"run/mt_u{os.geteuid()}")
            planted.chmod(0o644)
            done = self.machine.run("info")
            self.assertIn(f"mytoken: warning: ignoring {planted}: it must be a file of yours", done.stderr)
            self.assertNotIn(stranger.url, done.stdout)
            planted.chmod(0o600)
            self.assertEqual(self.machine.ok("AT"), "the-at\n")

    def test_something_that_is_no_mytoken(self):
        access_token = self.machine.ok("AT", "--MT-file", self.full_file).strip()
        for text, word in ((access_token, "not a mytoken"), ("abcdefgh", "transfer code"), ("", "does not begin with a mytoken"), ("a b", "malformed")):
            self.assertIn(word, self.machine.refused(WRONG_USAGE, "AT", "--MT-file", self.machine.file(text)))

    def test_a_file_that_cannot_be_read(self):
        self.assertIn("missing", self.machine.refused(WRONG_USAGE, "AT", "--MT-file", "missing"))
        self.assertIn("No such file", self.machine.refused(WRONG_USAGE, "AT", "--MT-file", "no/folder"))
        loop = self.machine.home / "loop"
        loop.symlink_to(loop)
        self.machine.refused(WRONG_USAGE, "AT", "--MT-file", loop)
        if os.geteuid() != 0:  # root may read everything
            self.full_file.chmod(0)
            self.assertIn("Permission denied", self.machine.refused(WRONG_USAGE, "AT", "--MT-file", self.full_file))

    def test_line_ends_of_other_systems_and_none(self):
        for text in (self.full, self.full + "\n", self.full + "\r\n", f"{self.full}\r\nnotes\r\n"):
            self.assertEqual(claims_of(self.machine.ok("AT", "--MT-file", self.machine.file(text)).strip())["sub"], "alice")

    def test_lines_behind_a_token_survive_its_rotation(self):
        path = self.machine.file(api().sub_token(self.full, rotation={"on_AT": True})["mytoken"] + "\r\n# job 17\n")
        self.machine.ok("AT", "--MT-file", path)
        first, rest = path.read_text().split("\n", 1)
        self.assertEqual((claims_of(first)["seq_no"], rest), (2, "# job 17\n"))

    def test_a_full_disk_under_the_result(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run(self.machine.command("AT", "--MT-file", self.full_file), stdout=full, stderr=subprocess.PIPE, text=True,
                                  env=self.machine.env, timeout=60)
        self.assertEqual(done.returncode, NOT_STORED)
        self.assertEqual(done.stderr, "mytoken: error: cannot write to standard output\n")
        self.assertIn("cannot write", self.machine.refused(NOT_STORED, "AT", "--MT-file", self.full_file, "-o", "/dev/full"))

    def full_disk(self, under):
        """Variables with which every file below `under` has no room to grow."""
        switch = self.machine.home / "switch"
        switch.write_bytes(b"\1")
        return {"LD_PRELOAD": str(next(BUILD.rglob("libfault-disk.so"))), "MYTOKEN_FAULT_DISK": str(switch),
                "MYTOKEN_FAULT_DISK_UNDER": str(under)}

    def test_a_full_disk_leaves_an_old_result_in_place(self):
        folder = self.machine.home / "full-disk"
        folder.mkdir()
        (folder / "at").write_text("the old one\n")
        err = self.machine.refused(NOT_STORED, "AT", "--MT-file", self.full_file, "-o", folder / "at", env=self.full_disk(folder))
        self.assertIn("No space left on device", err)
        self.assertEqual([p.read_text() for p in folder.iterdir()], ["the old one\n"])

    def test_W14_a_successor_that_meets_a_full_disk_is_rescued_elsewhere_or_shown(self):
        folder = self.machine.home / "full-disk"
        folder.mkdir()
        path = folder / "token"
        path.write_text(api().sub_token(self.full, rotation={"on_AT": True})["mytoken"])
        path.chmod(0o600)
        done = self.machine.run("AT", "--MT-file", path, env=self.full_disk(folder))
        self.assertEqual(done.returncode, NOT_STORED, done.stderr)
        self.assertEqual(claims_of(done.stdout.strip())["sub"], "alice")
        rescued, = (self.machine.home / "run").glob("token.rescue-*")
        self.assertIn(str(rescued), done.stderr)
        self.assertEqual(rescued.stat().st_mode & 0o777, 0o600)
        self.assertEqual(claims_of(rescued.read_text())["seq_no"], 2)
        # no disk has room: the terminal is the last place
        path.write_text(rescued.read_text())
        rescued.unlink()
        done = self.machine.run("AT", "--MT-file", path, env={**self.full_disk("/"), "XDG_CACHE_HOME": ""})
        self.assertEqual(done.returncode, NOT_STORED, done.stderr)
        self.assertIn("mytoken: hint: store this mytoken now, no other one is valid:\n", done.stderr)
        self.assertEqual(claims_of(done.stderr.splitlines()[-1])["seq_no"], 3)

    def test_W14_two_processes_use_one_rotating_file_500_times(self):
        path = self.machine.file(api().sub_token(self.full, capabilities=["AT"], rotation={"on_AT": True, "auto_revoke": True})["mytoken"])
        finished = []

        def loop():
            finished.append(subprocess.run(
                ["/bin/sh", "-c", 'i=0; while [ $i -lt 250 ]; do "$0" AT --MT-file "$1" || exit 1; i=$((i + 1)); done', BUILD / "mytoken", path],
                capture_output=True, text=True, env=self.machine.env, timeout=600))
        loops = [threading.Thread(target=loop) for _ in range(2)]
        for thread in loops:
            thread.start()
        for thread in loops:
            thread.join()
        self.assertEqual([(done.returncode, done.stderr) for done in finished], [(DONE, "")] * 2)
        self.assertEqual(sum(done.stdout.count("\n") for done in finished), 500)
        self.assertEqual(claims_of(path.read_text())["seq_no"], 501)
        self.machine.ok("AT", "--MT-file", path)


class Start(unittest.TestCase):
    def test_the_program_starts_fast(self):
        """The wall clock of a busy machine proves nothing; the work to be done does."""
        machine = Machine()

        def work():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            machine.ok("--version")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        seconds = sorted(work() for _ in range(21))
        self.assertLess(seconds[10], 0.020)
        loaded = machine.ok("--version", env={"LD_TRACE_LOADED_OBJECTS": "1"}).splitlines()
        self.assertLessEqual(len(loaded), 45, "\n".join(loaded))
