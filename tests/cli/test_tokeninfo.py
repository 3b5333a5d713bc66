"""What the command shows of mytokens: content, history, trees, lists, and whether a signature is good."""
import base64
import json
import re

from api import claims_of
from machine import REFUSED, WRONG_USAGE, CommandTest
from shared import api, stack


class Tokeninfo(CommandTest):
    def ok(self, *arguments, token=None, **options):
        return self.machine.ok(*arguments, "--MT-file", token or self.full_file, **options)

    def ok_json(self, *arguments, token=None):
        return json.loads(self.ok(*arguments, "--json", token=token))

    def test_history_is_a_table_and_json_the_answer(self):
        token = self.sub_token(capabilities=["AT", "tokeninfo"])
        self.ok("AT", token=token)
        table = self.ok("info", "history", token=token)
        self.assertRegex(table.splitlines()[1], r"^│ +EVENT +│ +COMMENT +│ +TIME +│ +IP +│ +USER AGENT +│$")
        row = next(line for line in table.splitlines() if "AT_created" in line)
        self.assertRegex(row, r"│ AT_created +│ Used grant_type mytoken +│ \d{4}-\d\d-\d\d \d\d:\d\d:\d\d │ 127\.0\.0\.1 +│ mytoken client ")
        self.assertEqual(len({len(line) for line in table.splitlines()}), 1, table)
        events = [event["event"] for event in self.ok_json("info", "history", token=token)["events"]]
        self.assertIn("AT_created", events)
        self.assertIn("created", events)

    def test_history_of_another_mytoken(self):
        child = api().sub_token(self.full, name="cli watched")
        table = self.ok("info", "history", "--mom-id", child["mom_id"])
        self.assertIn("MOM-ID", table)
        self.assertIn(child["mom_id"], table)

    def test_subtokens_are_a_tree(self):
        parent = self.sub_token(name="cli parent", capabilities=["create_mytoken", "tokeninfo"])
        api().sub_token(parent.read_text(), name="cli child", capabilities=["AT", "tokeninfo"])
        for name in ("subtokens", "token-tree", "tree"):
            tree = json.loads(self.ok("tokeninfo", name, token=parent))
            self.assertTrue(tree["token"]["name"].endswith("cli parent"))
            self.assertEqual([child["token"]["name"] for child in tree["children"]], ["cli child"])

    def test_the_list_shows_descent_and_expiry(self):
        parent = api().sub_token(self.full, name="cli list parent", capabilities=["create_mytoken", "tokeninfo"])
        api().sub_token(parent["mytoken"], name="cli list child", capabilities=["tokeninfo"])
        rows = self.ok("MT", "list").splitlines()
        at = next(i for i, row in enumerate(rows) if "cli list parent" in row)
        depth = rows[at].index("└─")
        self.assertIn("does not expire", rows[at])
        self.assertIn("└─ cli list child", rows[at + 1])
        self.assertEqual(rows[at + 1].index("└─"), depth + 2)
        self.assertEqual(len({len(row) for row in rows}), 1)
        self.assertNotIn(parent["mom_id"], "\n".join(rows))
        self.assertIn(parent["mom_id"], self.ok("info", "list-mytokens", "--include-mom-id"))
        self.assertIn("mytokens", self.ok_json("MT", "list-mytokens"))

    def test_names_cannot_paint_on_the_terminal(self):
        api().sub_token(self.full, name="cli \x1b[31mred\u202e")
        listing = self.ok("MT", "list")
        self.assertIn("cli ?[31mred?", listing)
        self.assertFalse(re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", listing))

    def test_introspection_about_a_use(self):
        token = self.sub_token(restrictions=[{"scope": "storage.read:/", "usages_AT": 3}])
        ask = lambda *flags: json.loads(self.ok("info", "introspect", *flags, token=token))
        self.assertTrue(ask()["valid"])
        self.assertTrue(ask("--for-scope", "storage.read:/")["use"]["allowed"])
        self.assertFalse(ask("--for-scope", "compute.create")["use"]["allowed"])
        self.assertFalse(ask("--use", '{"scope":"compute.create"}')["use"]["allowed"])

    def test_a_good_signature(self):
        self.assertEqual(self.ok("verify"), f"Valid: signed by {claims_of(self.full)['iss']}\n")
        self.assertEqual(self.ok_json("verify"), {"valid": True, "token": claims_of(self.full)})
        self.assertEqual(json.loads(self.ok("info", "--verify")), claims_of(self.full))

    def test_a_changed_mytoken_is_refused(self):
        head, payload, signature = self.full.split(".")
        changed = {**claims_of(self.full), "capabilities": ["everything"]}
        payload = base64.urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b"=").decode()
        forged = self.machine.file(f"{head}.{payload}.{signature}", "forged")
        for words in (("verify",), ("info", "--verify")):
            self.assertIn("invalid_token", self.machine.refused(REFUSED, *words, "--MT-file", forged))
        self.assertEqual(json.loads(self.ok("info", token=forged)), changed)  # decoding alone trusts nobody

    def test_a_mytoken_of_another_server_is_refused(self):
        error = self.machine.refused(REFUSED, "verify", "--url", "https://mt.example.org", "--MT-file", self.full_file)
        self.assertIn("not of https://mt.example.org", error)

    def test_short_tokens_have_no_content_of_their_own(self):
        short = self.sub_token(response_type="short_token")
        for words in (("info",), ("verify",)):
            self.machine.refused(WRONG_USAGE, *words, "--MT-file", short)
        self.assertEqual(json.loads(self.ok("info", "introspect", "--url", stack().issuer, token=short))["token_type"], "short_token")

    def test_revocation_of_a_tree_by_id(self):
        parent = api().sub_token(self.full, capabilities=["create_mytoken", "tokeninfo"])
        child = api().sub_token(parent["mytoken"], capabilities=["tokeninfo"])
        self.assertEqual(self.ok_json("revoke", "-r", "--MOM", parent["mom_id"]), {"revoked": True})
        for token in (parent, child):
            self.machine.refused(REFUSED, "info", "introspect", "--MT-file", self.machine.file(token["mytoken"], "gone"))
