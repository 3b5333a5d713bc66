"""`mytoken store`: mytokens by name, in files here; the keyring has its own tests."""
import json
import stat

from api import claims_of
from machine import DONE, NOT_STORED, REFUSED, WRONG_USAGE, CommandTest
from shared import api, stack
from stand_in import StandIn


class Store(CommandTest):
    def setUp(self):
        super().setUp()
        self.machine.configure(token_storage="file")
        self.folder = self.machine.home / "data/mytoken/tokens"

    def add(self, name, token, *flags):
        return self.machine.ok("store", "add", name, "--MT-file", "-", *flags, stdin=token)

    def names(self):
        return [entry["name"] for entry in self.machine.ok_json("store", "list")]

    def test_a_token_is_used_by_its_name(self):
        self.assertEqual(self.add("laptop", self.full), "'laptop' is stored in a file\n")
        self.assertEqual(claims_of(self.machine.ok("AT", "--MT-name", "laptop").strip())["sub"], "alice")
        self.assertEqual(claims_of(self.machine.ok("AT", env={"MYTOKEN_NAME": "laptop"}).strip())["sub"], "alice")
        file = self.folder / "laptop.token"
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.folder.stat().st_mode), 0o700)

    def test_the_first_token_of_a_server_is_its_default_until_another_is_chosen(self):
        self.add("first", self.full)
        second = api().sub_token(self.full, capabilities=["tokeninfo"])["mytoken"]
        self.add("second", second)
        self.machine.ok("AT")
        self.assertEqual(self.machine.ok("store", "default", "second"), f"'second' is the default for {stack().issuer}\n")
        self.assertIn("insufficient_capabilities", self.machine.refused(REFUSED, "AT"))
        self.assertEqual([(e["name"], e["default"]) for e in self.machine.ok_json("store", "list")], [("first", False), ("second", True)])
        with StandIn(None) as other:  # of another server it is not the default
            self.assertIn("no mytoken provided", self.machine.refused(WRONG_USAGE, "AT", "--url", other.url))
            self.add("third", other.mytoken())
            self.assertEqual(self.machine.ok_json("store", "show", "third")["default"], True)
        self.machine.ok("store", "rm", "second")
        self.assertTrue(self.machine.ok_json("store", "show", "first")["default"])
        # a login asks for a new mytoken; a default is not taken as its parent
        code, out, err = self.machine.logged_in("--capability", "AT")
        self.assertEqual(code, DONE, err)

    def test_a_login_can_go_straight_into_the_store(self):
        code, out, err = self.machine.logged_in("--store", "work", "--capability", "AT")
        self.assertEqual((code, out), (DONE, ""), err)
        self.assertIn("mytoken: notice: stored as 'work' in a file\n", err)
        self.assertEqual(claims_of(self.machine.ok("AT").strip())["sub"], "alice")
        self.machine.refused(WRONG_USAGE, "MT", "--store", "work")  # before anybody has to log in
        self.machine.refused(WRONG_USAGE, "MT", "--store", "x", "-o", "file")
        self.machine.refused(WRONG_USAGE, "MT", "--storage", "file")

    def test_a_token_that_cannot_be_stored_is_printed_instead(self):
        (self.machine.home / "data/mytoken").write_text("in the way")
        done = self.machine.run("MT", "--MT-file", self.full_file, "--store", "x")
        self.assertEqual(done.returncode, NOT_STORED, done.stderr)
        self.assertEqual(claims_of(done.stdout.strip())["oidc_sub"], "alice")
        self.assertIn("cannot store the mytoken", done.stderr)

    def test_a_rotated_token_goes_back_to_the_store(self):
        self.add("rotating", api().sub_token(self.full, rotation={"on_AT": True})["mytoken"])
        for sequence in (2, 3):
            done = self.machine.run("AT", "--MT-name", "rotating")
            self.assertEqual((done.returncode, done.stderr), (DONE, ""))
            self.assertEqual(self.machine.ok_json("store", "show", "rotating")["token"]["seq_no"], sequence)

    def test_a_short_token_remembers_its_server(self):
        short = api().sub_token(self.full, response_type="short_token")["mytoken"]
        self.add("short", short)
        self.machine.configure(instance="http://127.0.0.1:1")
        self.assertEqual(claims_of(self.machine.ok("AT", "--MT-name", "short").strip())["sub"], "alice")

    def test_show_tells_everything_but_the_token(self):
        self.add("laptop", self.full)
        shown = self.machine.ok("store", "show", "laptop")
        self.assertRegex(shown, rf"name: +laptop\nserver: +{stack().issuer}\nstorage: +file\ndefault: +yes\n")
        self.assertIn("expires:  never\n", shown)
        self.assertNotIn(self.full.split(".")[2], shown + self.machine.ok("--json", "store", "show", "laptop"))
        self.assertEqual(self.machine.ok("store", "show", "laptop", "--reveal"), self.full + "\n")

    def test_list_is_a_table_sorted_by_name(self):
        self.assertEqual(self.machine.ok("store", "list"), "")
        self.assertEqual(self.machine.ok_json("store", "list"), [])
        for name in ("b", "a"):
            self.add(name, self.full)
        lines = self.machine.ok("store", "list").splitlines()
        self.assertIn("NAME", lines[1])
        self.assertEqual([line.split("│")[1].strip() for line in lines[3:5]], ["a", "b"])

    def test_removed_is_forgotten_but_not_revoked(self):
        self.add("laptop", self.full)
        self.machine.ok("AT")
        self.assertEqual(self.machine.ok("store", "rm", "laptop"), "'laptop' is removed\n")
        self.assertEqual(self.names(), [])
        self.assertEqual([p for p in self.folder.rglob("*") if p.is_file()], [])
        self.machine.refused(WRONG_USAGE, "AT")
        self.machine.ok("AT", "--MT-file", self.full_file)

    def test_names_are_checked_and_kept(self):
        for bad in ("../x", ".hidden", "-x", "a/b", "a b", "x" * 65, ""):
            self.machine.refused(WRONG_USAGE, "store", "add", "--MT-file", self.full_file, "--", bad)
            self.machine.refused(WRONG_USAGE, "AT", f"--MT-name={bad}")
        self.add("x", self.full)
        self.assertIn("--force", self.machine.refused(WRONG_USAGE, "store", "add", "x", "--MT-file", self.full_file))
        self.add("x", api().sub_token(self.full, capabilities=["tokeninfo"])["mytoken"], "--force")
        self.assertEqual(self.machine.ok_json("store", "show", "x")["token"]["capabilities"], ["tokeninfo"])
        for words in (["show", "y"], ["rm", "y"], ["default", "y"], ["show"], ["add"]):
            self.machine.refused(WRONG_USAGE, "store", *words)
        self.machine.refused(WRONG_USAGE, "store", "add", "z", "--storage", "paper", "--MT-file", self.full_file)

    def test_without_a_flag_the_token_is_asked_for(self):
        with self.machine.terminal("store", "add", "typed") as terminal:
            terminal.wait_for("mytoken: ")
            terminal.type(self.full + "\n")
            self.assertEqual(terminal.finish(), DONE, terminal.shown)
        self.assertNotIn(self.full[:30], terminal.shown)
        self.assertEqual(self.names(), ["typed"])

    def test_without_a_keyring_the_automatic_choice_is_a_file_and_an_explicit_one_an_error(self):
        self.machine.configure()
        self.assertEqual(self.add("x", self.full), "'x' is stored in a file\n")
        self.machine.refused(WRONG_USAGE, "store", "add", "y", "--storage", "keyring", "--MT-file", self.full_file)
        self.assertEqual(json.loads((self.folder / "x.json").read_text())["storage"], "file")
