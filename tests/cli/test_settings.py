"""Settings of the user and tags of mytokens, by the command, as the server then has them."""
import json
import os
import pathlib
import stat
import subprocess

from api import EVERYTHING, Api, claims_of
from machine import INTERRUPTED, REFUSED, WRONG_USAGE, CommandTest, Machine
from shared import api
from stack import Stack
from stand_in import StandIn, error

TAGS = "/api/v0/settings/tags"


class Settings(CommandTest):
    def ok(self, *arguments, token=None, **options):
        return self.machine.ok(*arguments, "--MT-file", token or self.full_file, **options)

    def ok_json(self, *arguments, token=None):
        return json.loads(self.ok(*arguments, "--json", token=token))

    def refused(self, *arguments, code=REFUSED, token=None):
        return self.machine.refused(code, *arguments, "--MT-file", token or self.full_file)

    def colours(self):
        """name -> colour, as the server says"""
        answer = api().get(TAGS, headers={"Authorization": f"Bearer {self.full}"})
        return {tag["tag"]: tag["color"] for tag in answer.json["tags"]}

    def test_a_tag_from_its_making_to_its_end(self):
        name = "cli: a b+ü?%#&"  # nothing of it may get lost in an address
        self.assertEqual(self.ok("settings", "tags", "create", name, "--color", "tomato"), f"Tag '{name}' created\n")
        self.assertEqual(self.colours()[name], "#ff6347")
        self.assertEqual(self.ok("settings", "tags", "update", name, "--color", "#0af"), f"Tag '{name}' updated\n")
        self.assertEqual(self.colours()[name], "#00aaff")
        renamed = name + " 2"
        self.assertEqual(self.ok_json("settings", "tags", "update", name, "--new-name", renamed), {"tag": renamed, "updated": True})
        self.assertNotIn(name, self.colours())
        self.assertEqual(self.colours()[renamed], "#00aaff")
        self.assertIn({"tag": renamed, "color": "#00aaff"}, self.ok_json("settings", "tags", "list")["tags"])
        self.assertEqual(self.ok("settings", "tags", "rm", renamed), f"Tag '{renamed}' deleted\n")
        self.assertNotIn(renamed, self.colours())

    def test_tags_are_a_table_with_colours_on_a_terminal_only(self):
        self.ok("settings", "tags", "create", "cli-table", "--color", "0102ff")
        table = self.ok("settings", "tags", "list")
        self.assertNotIn("\x1b", table)
        row = next(line for line in table.splitlines() if " cli-table " in line)
        self.assertTrue(row.endswith("│ #0102FF     │"), row)
        self.assertEqual(len({len(line) for line in table.splitlines()}), 1, table)
        with self.machine.terminal("settings", "tags", "list", "--MT-file", self.full_file) as terminal:
            self.assertEqual(terminal.finish(), 0)
        self.assertIn("\x1b[38;2;1;2;255mcli-table\x1b[0m", terminal.shown)
        with self.machine.terminal("settings", "tags", "list", "--MT-file", self.full_file, env={"NO_COLOR": "1"}) as terminal:
            self.assertEqual(terminal.finish(), 0)
        self.assertNotIn("\x1b", terminal.shown)

    def test_what_the_server_refuses_and_what_never_gets_there(self):
        self.assertIn("not_found", self.refused("settings", "tags", "update", "cli-unknown", "--color", "red"))
        self.assertIn("is no colour", self.refused("settings", "tags", "create", "x", "--color", "rouge", code=WRONG_USAGE))
        self.refused("settings", "tags", "create", code=WRONG_USAGE)
        self.refused("settings", "tags", "create", "..", code=WRONG_USAGE)

    def test_hints_name_the_missing_capability(self):
        poor = self.sub_token(capabilities=["AT", "read@settings:tags"])
        self.ok("settings", "tags", "list", token=poor)
        for words, capability in ((("settings", "tags", "create", "x"), "settings:tags"),
                                  (("settings", "grants", "list"), "read@settings:grants"),
                                  (("settings", "grants", "disable", "ssh"), "settings:grants"),
                                  (("MT", "tags", "add", "x"), "tokeninfo:tags"),
                                  (("MT", "list"), "manage_mytokens:list"),
                                  (("info", "history"), "tokeninfo:history")):
            self.assertIn(f"mytoken: hint: this needs a mytoken with the capability '{capability}'\n", self.refused(*words, token=poor))

    def test_a_grant_that_the_server_does_not_have_is_refused(self):
        self.assertEqual(self.ok_json("settings", "grants", "list"), {"grant_types": []})
        self.assertEqual(self.ok("settings", "grants", "list"), "")
        self.assertIn("not available", self.refused("settings", "grants", "enable", "ssh"))
        self.assertIn("invalid_request", self.refused("settings", "grants", "enable", "nonsense"))

    def test_W14_a_rotating_token_serves_command_after_command(self):
        token = self.sub_token(rotation={"on_other": True})
        number = claims_of(token.read_text())["seq_no"]
        for words in (("settings", "tags", "create", "cli-rotation"), ("settings", "tags", "list"), ("settings", "grants", "list"),
                      ("MT", "tags", "add", "cli-rotation"), ("MT", "list"), ("info", "history"), ("info", "tree")):
            self.ok(*words, token=token)
            number += 1
            self.assertEqual(claims_of(token.read_text().strip())["seq_no"], number, words)

    def test_W10_a_server_without_mail_says_so(self):
        self.assertIn("not supported by this server: mail", self.refused("settings", "email", "get"))
        self.assertIn("not supported by this server: mail", self.refused("settings", "email", "update", "--plain"))

    def test_tags_of_mytokens(self):
        child = api().sub_token(self.full, name="cli tagged", capabilities=["tokeninfo"])
        token = self.machine.file(child["mytoken"], "child")
        tags = lambda: [tag["tag"] for tag in self.ok_json("info", "subtokens", token=token)["token"].get("tags", [])]
        self.assertEqual(self.ok("MT", "tags", "add", "cli-own", token=token), "Tag 'cli-own' added\n")
        self.assertEqual(self.ok("MT", "tags", "add", "cli-other", "--mom-id", child["mom_id"]), "Tag 'cli-other' added\n")
        self.assertEqual(sorted(tags()), ["cli-other", "cli-own"])
        self.assertEqual(self.ok_json("MT", "tags", "rm", "cli-own", token=token), {"tag": "cli-own", "removed": True})
        self.assertEqual(tags(), ["cli-other"])


class Grants(CommandTest):
    """On a server with the ssh grant."""

    @classmethod
    def setUpClass(cls):
        stack = Stack(config={"features": {"polling_codes": {"enabled": True, "polling_interval": 1}, "ssh": {"enabled": True}}})
        cls.enterClassContext(stack)
        cls.full = Api(stack.issuer, stack.op).login(capabilities=EVERYTHING)["mytoken"]

    def test_a_grant_is_switched_on_and_off(self):
        run = lambda *words: self.machine.ok("settings", "grants", *words, "--MT-file", self.full_file)
        self.assertEqual(run("enable", "ssh"), "Grant 'ssh' enabled\n")
        self.assertIn("│ ssh        │ Enabled │", run("list"))
        self.assertEqual(json.loads(run("disable", "ssh", "--json")), {"grant_type": "ssh", "enabled": False})
        self.assertIn("│ ssh        │ Disabled │", run("view"))
        self.assertEqual(json.loads(run("list", "--json")), {"grant_types": [{"grant_type": "ssh", "enabled": False}]})


class SshKeys(CommandTest):
    """What needs no server: the keys as people give them."""

    def test_keys_are_recognised_before_anything_is_sent(self):
        key = self.machine.home / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "me@laptop", "-f", key], check=True)
        add = lambda value: self.machine.refused(WRONG_USAGE, "settings", "grants", "ssh", "add", value, "--MT-file", self.full_file)
        self.assertIn("is a private key", add(key))
        self.assertIn("neither a public key nor a readable file", add("ssh-ed25519 AAAA"))
        self.assertNotIn(pathlib.Path(key).read_text().splitlines()[1], add(key))

    def test_nothing_is_written_if_the_server_refuses(self):
        key = self.machine.home / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        poor = self.sub_token(capabilities=["AT"])
        self.machine.refused(REFUSED, "settings", "grants", "ssh", "add", f"{key}.pub", "--MT-file", poor)
        self.assertFalse(os.path.exists(self.machine.home / ".ssh"))


USER = "k3JdL0aPq9XzTb7W"
ENTRY = f"# Host entry for mytoken\nHost mytoken-laptop\n\tHostName mt.example.org\n\tPort 2222\n\tUser {USER}\n"


class SshKeyServer:
    """A recorded conversation: the first polls are too early, the next one gets `entry`, or `refusal`."""

    def __init__(self, entry=ENTRY, refusal=None, too_early=0):
        self.entry, self.refusal, self.too_early = entry, refusal, too_early
        self.server = StandIn(self.answer, self.document)

    def document(self, _):
        return 200, {}, {**self.server.configuration(), "usersettings_endpoint": f"{self.server.url}/settings"}

    def answer(self, request):
        if request.path == "/settings":
            return 200, {}, {name: f"{self.server.url}/settings/{path}" for name, path in
                             (("grant_type_endpoint", "grants"), ("email_endpoint", "email"), ("tags_endpoint", "tags"))}
        assert request.path == "/settings/grants/ssh", request.path
        if request.json["grant_type"] == "mytoken":
            return 200, {}, {"consent_uri": f"{self.server.url}/c/x", "polling_code": "code", "expires_in": 60, "interval": 1,
                             "token_update": {"mytoken": self.server.mytoken(2), "mytoken_type": "token"}}
        assert request.json == {"grant_type": "polling_code", "polling_code": "code"}, request.json
        self.too_early -= 1
        if self.too_early >= 0:
            return error(428, "authorization_pending", "not yet")
        return self.refusal or (200, {}, {"ssh_user": USER, "ssh_host_config": self.entry})


class SshFlow(CommandTest):
    """A key from the command to what ssh makes of it."""

    @classmethod
    def setUpClass(cls):
        pass  # no mytoken of the shared server is needed

    def setUp(self):
        self.machine = Machine()
        self.key = self.machine.home / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        self.config = self.machine.home / ".ssh/config"

    def add(self, conversation, *flags, **options):
        """The finished command, and the file with its mytoken."""
        with conversation.server as server:
            token = self.machine.file(server.mytoken())
            return self.machine.run("settings", "grants", "ssh", "add", f"{self.key}.pub", "--key-name", "laptop", "--MT-file", token,
                                    *flags, **options), token

    def ssh_view(self, host):
        """What ssh would do for `host`."""
        shown = subprocess.run(["ssh", "-F", self.config, "-G", host], capture_output=True, text=True, check=True).stdout
        return dict(line.split(" ", 1) for line in shown.splitlines() if " " in line)

    def test_ssh_understands_the_entry_and_keeps_the_others(self):
        self.config.parent.mkdir(mode=0o700)
        self.config.write_text("Host other\n  User me")
        done, token = self.add(SshKeyServer(too_early=1))
        self.assertEqual((done.returncode, done.stdout), (0, USER + "\n"), done)
        self.assertNotIn(USER, done.stderr)
        view = self.ssh_view("mytoken-laptop")
        self.assertEqual((view["hostname"], view["port"], view["user"]), ("mt.example.org", "2222", USER))
        self.assertEqual(self.ssh_view("other")["user"], "me")
        self.assertEqual(stat.S_IMODE(os.stat(self.config).st_mode), 0o600)
        self.assertEqual(claims_of(token.read_text().strip())["seq_no"], 2)

    def test_a_server_cannot_make_ssh_run_programs(self):
        for line in ("\tProxyCommand touch /x\n", "\tUser a\n\tLocalCommand x\n", "Match all\n", "\tHostName -oProxyCommand=x\n"):
            done, _ = self.add(SshKeyServer(entry=ENTRY + line))
            self.assertEqual((done.returncode, done.stdout), (5, USER + "\n"), done)
            self.assertIn("not safe", done.stderr)
            self.assertFalse(self.config.exists())

    def test_the_entry_is_printed_instead_on_demand(self):
        done, _ = self.add(SshKeyServer(), "--no-write-host-entry")
        self.assertEqual((done.returncode, done.stdout), (0, f"{USER}\n\n{ENTRY}"), done)
        done, _ = self.add(SshKeyServer(), "--json", env={"NO_WRITE_HOST_ENTRY": "1"})
        fingerprint = subprocess.run(["ssh-keygen", "-lf", f"{self.key}.pub"], capture_output=True, text=True, check=True).stdout.split()[1]
        self.assertEqual(json.loads(done.stdout), {"ssh_user": USER, "ssh_key_fp": fingerprint, "ssh_host_config": ENTRY,
                                                   "host_entry_written": False})
        self.assertFalse(self.config.exists())

    def test_a_declined_key_leaves_nothing_but_the_rotated_token(self):
        done, token = self.add(SshKeyServer(refusal=error(401, "access_denied", "user declined consent")))
        self.assertEqual((done.returncode, done.stdout), (REFUSED, ""), done)
        self.assertFalse(self.config.exists())
        self.assertEqual(claims_of(token.read_text().strip())["seq_no"], 2)

    def test_an_interruption_while_waiting_is_4(self):
        conversation = SshKeyServer(refusal=error(428, "authorization_pending", "not yet"))
        with conversation.server as server:
            token = self.machine.file(server.mytoken())
            with self.machine.terminal("settings", "grants", "ssh", "new", f"{self.key}.pub", "--MT-file", token, "--no-browser") as terminal:
                terminal.wait_for(r"approve the ssh key:\s+http\S+/c/x")
                terminal.wait_for("waiting for your approval")
                terminal.type("\x03")
                self.assertEqual(terminal.finish(), INTERRUPTED)
        self.assertEqual(claims_of(token.read_text().strip())["seq_no"], 2)
        self.assertFalse(self.config.exists())
