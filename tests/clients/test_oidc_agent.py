"""oidc-agent 4.2.6 of Debian 12, which knows nothing of mytokens: our server is a provider, a mytoken is a refresh token."""
import json
import subprocess
import unittest

from api import ACCESS, claims_of
from oidc_agent import OidcAgent
from python_clients import environment
from shared import COMPUTE, STORAGE, api, is_dead, stack, sub, with_audiences


def scopes_of(access_token):
    return set(claims_of(access_token)["scope"].split())


class OidcAgent4(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = stack().folder / "oidc-agent"
        folder.mkdir()
        cls.agent = cls.enterClassContext(OidcAgent(folder))

    def generate(self, account, mytoken):
        self.agent.generate(account, stack().issuer, mytoken)
        self.addCleanup(self.agent.run, "oidc-gen", "--delete", account, f"--pw-file={self.agent.password}", "--confirm-yes")

    def test_it_is_the_release_that_the_rules_speak_of(self):
        version = subprocess.run(["oidc-agent", "--version"], capture_output=True, text=True).stdout
        self.assertRegex(version, r"^oidc-agent 4\.2\.6\b")

    def test_an_account_is_made_from_a_mytoken_and_gives_access_tokens(self):
        self.generate("plain", sub())
        claims = claims_of(self.agent.token("plain"))
        self.assertEqual((claims["iss"], claims["sub"], claims["client_id"]), (stack().op, "alice", "mytoken"))

    def test_a_fresh_access_token_each_time_only_where_it_is_forced(self):
        self.generate("fresh", sub())
        first = self.agent.token("fresh")
        self.assertEqual(self.agent.token("fresh"), first)
        self.assertNotEqual(self.agent.token("fresh", "--force-new"), first)

    def test_scopes_are_those_asked_for(self):
        self.generate("scopes", sub())
        token = self.agent.token("scopes", "-s", "openid", "-s", "storage.read:/")
        self.assertEqual(scopes_of(token) - {"offline_access"}, {"openid", "storage.read:/"})

    def test_an_audience_is_the_one_asked_for(self):
        self.generate("audience", sub(with_audiences()))
        for audience in (COMPUTE, STORAGE):
            self.assertEqual(claims_of(self.agent.token("audience", "--force-new", f"--aud={audience}"))["aud"], audience)

    def test_an_audience_outside_the_restrictions_is_refused_with_the_servers_words(self):
        self.generate("elsewhere", sub(with_audiences()))
        done = self.agent.run("oidc-token", "elsewhere", "--force-new", "--aud=https://elsewhere.example.org")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("usage_restricted", done.stderr)

    def test_a_scope_that_the_mytoken_has_not_is_refused_but_offline_access_which_it_always_asks_for_is_not(self):
        self.generate("narrow", sub(restrictions=[{"scope": "openid profile"}]))
        self.assertEqual(claims_of(self.agent.token("narrow", "--force-new"))["sub"], "alice")
        done = self.agent.run("oidc-token", "narrow", "--force-new", "-s", "compute.create")
        self.assertEqual(done.returncode, 1)
        self.assertIn("usage_restricted", done.stderr)

    def test_an_account_is_unloaded_and_loaded_again(self):
        self.generate("again", sub())
        self.agent.output("oidc-add", "--remove", "again")
        self.assertNotIn("again", self.agent.output("oidc-add", "--loaded"))
        self.agent.load("again")
        self.assertIn("again", self.agent.output("oidc-add", "--loaded"))
        token, issuer, expires_at = self.agent.token("again", "--all").splitlines()
        self.assertEqual((claims_of(token)["sub"], issuer.rstrip("/")), ("alice", stack().issuer))
        self.assertEqual(int(expires_at), claims_of(token)["exp"])

    def test_a_rotating_mytoken_is_followed_and_saved(self):
        rotating = sub(rotation={"on_AT": True})
        self.generate("rotating", rotating)
        tokens = {self.agent.token("rotating", "--force-new") for _ in range(3)}
        self.assertEqual(len(tokens), 3)
        self.assertTrue(is_dead(rotating))
        # what a new start of the agent would read from the file is the newest one, too
        self.agent.output("oidc-add", "--remove", "rotating")
        self.agent.load("rotating")
        self.assertNotIn(self.agent.token("rotating", "--force-new"), tokens)
        stored = json.loads(self.agent.output("oidc-add", "--print", f"--pw-file={self.agent.password}", "rotating"))["refresh_token"]
        self.assertEqual(claims_of(stored)["jti"], claims_of(rotating)["jti"])
        self.assertGreaterEqual(claims_of(stored)["seq_no"], 6)
        self.assertFalse(is_dead(stored))

    def test_a_short_token_will_do(self):
        self.generate("short", sub(response_type="short_token"))
        self.assertEqual(claims_of(self.agent.token("short", "--force-new"))["sub"], "alice")

    def test_an_application_gets_access_tokens_from_the_agent(self):
        self.generate("application", sub())
        (self.agent.folder / ".config" / "fedcloud").mkdir(parents=True)
        done = self.agent.run(environment() / "bin" / "fedcloud", "token", "issue", "--oidc-agent-account", "application")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(claims_of(done.stdout.strip())["sub"], "alice")

    def test_the_use_that_makes_the_account_is_counted_and_the_next_is_refused(self):
        self.generate("once", sub(restrictions=[{"usages_AT": 1}]))
        done = self.agent.run("oidc-token", "once", "--force-new")
        self.assertEqual(done.returncode, 1)
        self.assertIn("usage_restricted", done.stderr)

    def test_deleting_the_account_revokes_the_mytoken(self):
        mytoken = sub()
        self.generate("deleted", mytoken)
        self.assertFalse(is_dead(mytoken))
        self.agent.delete("deleted")
        self.assertTrue(is_dead(mytoken))
        self.assertEqual(api().post(ACCESS, {"grant_type": "mytoken", "mytoken": mytoken}).status, 401)
        self.assertNotIn("deleted", self.agent.output("oidc-gen", "--accounts"))

    def test_deleting_the_account_of_a_rotating_mytoken_revokes_its_successors(self):
        self.generate("successor", sub(rotation={"on_AT": True}))
        self.agent.token("successor", "--force-new")
        newest = json.loads(self.agent.output("oidc-add", "--print", f"--pw-file={self.agent.password}", "successor"))["refresh_token"]
        self.assertFalse(is_dead(newest))
        self.agent.delete("successor")
        self.assertTrue(is_dead(newest))

    def test_a_mytoken_that_was_revoked_makes_no_account(self):
        revoked = sub()
        api().post("/api/v0/token/revoke", {"token": revoked})
        with self.assertRaisesRegex(AssertionError, "invalid_token"):
            self.agent.generate("dead", stack().issuer, revoked)
