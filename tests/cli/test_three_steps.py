"""What docs/concepts.md promises: a login, and a mytoken on another machine in three steps."""
import os
import re
import stat
import unittest

import login
from api import PASSWORDS, claims_of
from machine import CONSENT_URL, DONE, INTERRUPTED, REFUSED, Machine
from shared import stack


class ThreeSteps(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.laptop = Machine("laptop")
        code, out, err = cls.laptop.logged_in("--name", "my laptop", "--capability", "AT tokeninfo create_mytoken", "-o", "main.mytoken")
        assert (code, out) == (DONE, ""), err

    def test_create_a_code_type_it_on_another_machine_and_use_what_came(self):
        code = self.laptop.ok("transfer", "create", "--MT-file", "main.mytoken").strip()
        self.assertRegex(code, r"^\w{8}$")
        cluster = Machine("cluster")
        self.assertEqual(cluster.ok("MT", "--TC", code, "-o", "received.mytoken"), "")
        received = cluster.home / "received.mytoken"
        self.assertEqual(stat.S_IMODE(os.stat(received).st_mode), 0o600)
        self.assertEqual(claims_of(received.read_text())["jti"], claims_of((self.laptop.home / "main.mytoken").read_text())["jti"])
        self.assertEqual(claims_of(cluster.ok("AT", "--MT-file", "received.mytoken").strip())["sub"], "alice")
        self.assertIn("invalid_token", cluster.refused(REFUSED, "MT", "--TC", code, "-o", "again.mytoken"))
        self.assertFalse((cluster.home / "again.mytoken").exists())

    def test_the_same_as_a_script(self):
        done = self.laptop.shell('''
            CODE=$(mytoken transfer create --MT-file main.mytoken)
            mytoken MT --TC "$CODE" -o received.mytoken
            mytoken AT --MT-file received.mytoken >/dev/null && echo "here, too"
            mytoken MT --TC "$CODE" -o again.mytoken || echo "it worked once"''')
        self.assertEqual((done.returncode, done.stdout), (DONE, "here, too\nit worked once\n"), done.stderr)


class LoginOnATerminal(unittest.TestCase):
    def setUp(self):
        self.machine = Machine()

    def test_the_spinner_tells_the_time_left_and_leaves_the_token_alone_on_stdout(self):
        out = self.machine.home / "stdout"
        with self.machine.terminal("MT", "-i", stack().op, "--capability", "AT", stdout=out) as terminal:
            url = terminal.wait_for(CONSENT_URL).group()
            terminal.wait_for(r"waiting for your approval, \d+:\d\d left")
            login.log_in(url, "alice", PASSWORDS["alice"])
            self.assertEqual(terminal.finish(), DONE, terminal.shown)
            self.assertTrue(terminal.modes_are_restored())
        self.assertEqual(claims_of(out.read_text().strip())["capabilities"], ["AT"])
        self.assertEqual(out.read_text().count("\n"), 1)
        self.assertNotIn(out.read_text().strip(), terminal.shown)
        # the last thing the spinner does is to wipe its line
        self.assertTrue(terminal.shown.rpartition("left")[2].endswith("\r\x1b[K"), terminal.shown[-200:])

    def test_control_c_while_polling_ends_with_4_and_a_clean_terminal(self):
        with self.machine.terminal("MT", "-i", stack().op) as terminal:
            terminal.wait_for(r"left")
            terminal.type("\x03")
            self.assertEqual(terminal.finish(), INTERRUPTED)
            self.assertTrue(terminal.modes_are_restored())
        self.assertIn("\r\x1b[Kmytoken: error: interrupted\r\n", terminal.shown)

    def test_control_c_at_a_hidden_prompt_gives_the_echo_back(self):
        with self.machine.terminal("AT", "--MT-prompt") as terminal:
            terminal.wait_for("mytoken: ")
            terminal.type("\x03")
            self.assertEqual(terminal.finish(), INTERRUPTED)
            self.assertTrue(terminal.modes_are_restored())

    def test_W12_a_prompt_is_on_the_terminal_while_stdout_has_the_result_alone(self):
        code, printed, err = self.machine.logged_in("--capability", "AT")
        self.assertEqual(code, DONE, err)
        out = self.machine.home / "stdout"
        with self.machine.terminal("AT", "--MT-prompt", stdout=out) as terminal:
            terminal.wait_for("mytoken: ")
            terminal.type(printed)
            self.assertEqual(terminal.finish(), DONE, terminal.shown)
            self.assertTrue(terminal.modes_are_restored())
        self.assertEqual(claims_of(out.read_text().strip())["sub"], "alice")
        self.assertIsNone(re.search(re.escape(printed[10:30]), terminal.shown))

    def test_a_login_that_is_declined_ends_with_1(self):
        code, out, err = self.machine.logged_in(decision="deny")
        self.assertEqual((code, out), (REFUSED, ""), err)
        self.assertIn("mytoken: error: ", err)
