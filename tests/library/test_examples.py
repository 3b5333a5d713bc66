"""The example programs of the library, run as their users would."""
import os
import stat
import subprocess
import unittest

import login
from api import PASSWORDS, Api, claims_of
from shared import environment, examples, stack
from stack import wait_for_line


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = stack().folder / "library"
        cls.folder.mkdir()
        cls.file = cls.folder / "token"
        cls.first = cls.log_in(cls.file)

    @classmethod
    def log_in(cls, file):
        """stdout of the example `login` in its first run."""
        out, log = file.with_suffix(".out"), file.with_suffix(".log")
        log.touch()
        with open(out, "wb") as stdout, open(log, "wb") as stderr:
            child = subprocess.Popen([examples() / "login", stack().issuer, stack().op, file], stdin=subprocess.DEVNULL,
                                     stdout=stdout, stderr=stderr, env=environment())
        try:
            url = wait_for_line("login", child, log, r"^open this address: (\S+)$", 20).group(1)
            login.log_in(url, "alice", PASSWORDS["alice"])
            if child.wait(30) != 0:
                raise AssertionError(log.read_text())
            return out.read_text()
        finally:
            child.kill()
            child.wait()

    def run_example(self, name, *arguments):
        return subprocess.run([examples() / name, *map(str, arguments)], capture_output=True, text=True, timeout=60, env=environment())

    def test_a_login_stores_the_mytoken_for_its_user_alone_and_prints_an_access_token(self):
        self.assertEqual(claims_of(self.first.strip())["sub"], "alice")
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        claims = claims_of(self.file.read_text().strip())
        self.assertEqual((claims["oidc_sub"], claims["capabilities"]), ("alice", ["AT", "tokeninfo"]))
        self.assertGreater(claims["seq_no"], 1)  # rotated by the first access token

    def test_later_runs_take_the_rotated_token_out_of_the_file(self):
        before = claims_of(self.file.read_text().strip())["seq_no"]
        done = self.run_example("login", stack().issuer, stack().op, self.file)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(claims_of(done.stdout.strip())["sub"], "alice")
        self.assertEqual(done.stderr, "the mytoken lives for 167 more hours\n")
        self.assertEqual(claims_of(self.file.read_text().strip())["seq_no"], before + 1)

    def test_the_program_in_c_verifies_the_token_and_stores_its_successor(self):
        before = claims_of(self.file.read_text().strip())["seq_no"]
        done = self.run_example("access_token", stack().issuer, self.file, "storage.read:/")
        self.assertEqual(done.returncode, 0, done.stderr)
        scopes = claims_of(done.stdout.strip())["scope"].split()
        self.assertIn("storage.read:/", scopes)
        self.assertNotIn("storage.modify:/", scopes)
        self.assertRegex(done.stderr, r"^valid for \d+ seconds\n$")
        self.assertEqual(claims_of(self.file.read_text().strip())["seq_no"], before + 1)
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)

    def test_a_token_with_a_changed_signature_is_not_sent_anywhere(self):
        head, payload, signature = self.file.read_text().strip().split(".")
        forged = self.folder / "forged"
        forged.write_text(".".join((head, payload, ("B" if signature[0] == "A" else "A") + signature[1:])))
        done = self.run_example("access_token", stack().issuer, forged)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("invalid_token", done.stderr)

    def test_refusals_and_absent_servers_end_with_one_line(self):
        api = Api(stack().issuer, stack().op)
        poor = self.folder / "poor"
        poor.write_text(api.login(capabilities=["tokeninfo"])["mytoken"])
        for program, server in (("login", [stack().op]), ("access_token", [])):
            done = self.run_example(program, stack().issuer, *server, poor)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertTrue(done.stderr.startswith(f"{program}: error: insufficient_capabilities: "), done.stderr)
        done = self.run_example("access_token", "http://127.0.0.1:1", poor)
        self.assertEqual((done.returncode, done.stdout), (75, ""))
