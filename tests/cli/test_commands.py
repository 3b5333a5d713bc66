"""What each command prints and stores, and how it ends, as users and their scripts rely on it: streams, exit codes, files."""
import json
import os
import stat

from api import claims_of
from machine import REFUSED, UNREACHABLE, WRONG_USAGE, CommandTest
from shared import api


class Commands(CommandTest):
    def file(self, token, name="token"):
        return self.machine.file(token, name)

    def ok(self, *arguments, **options):
        return self.machine.ok(*arguments, **options)

    def refused(self, *arguments, **options):
        return self.machine.refused(*arguments, **options)

    def logged_in(self, *arguments):
        return self.machine.logged_in(*arguments)[:2]

    def test_a_login_prints_the_token_and_nothing_else(self):
        code, out = self.logged_in("--capability", "AT tokeninfo", "--name", "laptop")
        self.assertEqual(code, 0)
        self.assertEqual(out.count("\n"), 1)
        claims = claims_of(out.strip())
        self.assertEqual(claims["oidc_sub"], "alice")
        self.assertEqual(claims["capabilities"], ["AT", "tokeninfo"])
        self.assertTrue(claims["name"].endswith("laptop"), claims["name"])

    def test_a_login_into_a_file_of_the_user_alone(self):
        path = self.machine.home / "new"
        code, out = self.logged_in("-o", path, "--usages-AT", "2", "--exp", "+1h", "--scope", "storage.read:/")
        self.assertEqual((code, out), (0, ""))
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        clause = claims_of(path.read_text().strip())["restrictions"][0]
        self.assertEqual((clause["usages_AT"], clause["scope"]), (2, "storage.read:/"))

    def test_access_token_from_file_argument_and_environment(self):
        by_file = self.ok("AT", "--MT-file", self.file(self.full + "\n"))
        by_argument = self.ok("AT", "--MT", self.full)
        by_environment = self.ok("AT", "--MT-env", "SOME_TOKEN", env={"SOME_TOKEN": self.full})
        for printed in (by_file, by_argument, by_environment):
            self.assertEqual(printed.count("\n"), 1)
            self.assertEqual(claims_of(printed.strip())["sub"], "alice")

    def test_access_token_as_json(self):
        answer = json.loads(self.ok("--json", "AT", "--MT-file", self.file(self.full), "-s", "compute.create"))
        self.assertIn("compute.create", answer["scope"].split())
        self.assertGreater(answer["expires_in"], 0)
        self.assertEqual(claims_of(answer["access_token"])["scope"].split(), answer["scope"].split())

    def test_access_token_into_a_file(self):
        path = self.machine.home / "at"
        self.assertEqual(self.ok("AT", "--MT-file", self.file(self.full), "-o", path), "")
        self.assertEqual(claims_of(path.read_text().strip())["sub"], "alice")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)

    def test_sub_token_short_token_and_transfer_code(self):
        parent = self.file(self.full)
        child = self.ok("MT", "--MT-file", parent, "--capability", "AT").strip()
        self.assertEqual(claims_of(child)["capabilities"], ["AT"])
        short = self.ok("MT", "--MT-file", parent, "--token-type", "short").strip()
        self.assertEqual(len(short), 64)
        self.assertEqual(claims_of(self.ok("AT", "--MT-file", self.file(short, "short")).strip())["sub"], "alice")
        code = self.ok("MT", "--MT-file", parent, "--token-type", "transfer").strip()
        self.assertEqual(claims_of(self.ok("MT", "--TC", code).strip())["oidc_sub"], "alice")
        self.assertIn("invalid_token", self.refused(REFUSED, "MT", "--TC", code))

    def test_introspection(self):
        answer = json.loads(self.ok("tokeninfo", "introspect", "--MT-file", self.file(self.full)))
        self.assertEqual((answer["valid"], answer["token_type"], answer["token"]["oidc_sub"]), (True, "token", "alice"))

    def test_info_decodes_without_the_server(self):
        self.assertEqual(json.loads(self.ok("info", "--MT", self.full)), claims_of(self.full))

    def test_a_rotated_token_replaces_the_one_in_the_file(self):
        path = self.file(api().sub_token(self.full, rotation={"on_AT": True})["mytoken"])
        self.ok("AT", "--MT-file", path)
        self.assertEqual(claims_of(path.read_text().strip())["seq_no"], 2)
        self.ok("AT", "--MT-file", path)
        self.assertEqual(claims_of(path.read_text().strip())["seq_no"], 3)

    def test_revocation(self):
        path = self.file(api().sub_token(self.full)["mytoken"])
        self.assertIn("revoked", self.ok("revoke", "--MT-file", path))
        self.assertIn("invalid_token", self.refused(REFUSED, "AT", "--MT-file", path))
        self.assertIn("invalid_token", self.refused(REFUSED, "tokeninfo", "introspect", "--MT-file", path))

    def test_refusals_keep_stdout_empty(self):
        poor = api().sub_token(self.full, capabilities=["tokeninfo"])["mytoken"]
        self.assertIn("insufficient_capabilities", self.refused(REFUSED, "AT", "--MT", poor))
        self.refused(WRONG_USAGE, "AT", "--MT-file", self.machine.home / "missing")
        self.refused(WRONG_USAGE, "AT")

    def test_a_server_that_is_not_there(self):
        short = api().sub_token(self.full, response_type="short_token")["mytoken"]
        self.refused(UNREACHABLE, "AT", "--MT-file", self.file(short), "--url", "http://127.0.0.1:1")

    def test_the_token_never_shows_up_in_an_error(self):
        secret = api().sub_token(self.full, capabilities=["tokeninfo"])["mytoken"]
        self.assertNotIn(secret.split(".")[2], self.refused(REFUSED, "AT", "--MT-file", self.file(secret)))
