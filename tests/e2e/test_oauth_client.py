"""A stock OAuth client library (npm openid-client) that takes our server for its authorization server."""
import json
import os
import subprocess
import unittest

from api import EVERYTHING, REVOKE, claims_of
from shared import api, stack
from stack import ROOT


def client(what, mytoken="none"):
    """Runs openid_client.mjs; returns the JSON value it prints."""
    done = subprocess.run([ROOT / "scripts" / "node", ROOT / "tests" / "e2e" / "openid_client.mjs", what], capture_output=True, text=True,
                          timeout=60, env={**os.environ, "ISSUER": stack().issuer, "MYTOKEN": mytoken})
    if done.returncode != 0:
        raise AssertionError(f"openid-client, {what}: {done.stderr[-3000:]}")
    return json.loads(done.stdout)


class OpenidClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.full = api().login(capabilities=EVERYTHING)["mytoken"]

    def test_discovery(self):
        self.assertEqual(client("discovery")["token_endpoint"], stack().issuer + "/api/v0/token/access")

    def test_a_mytoken_is_a_refresh_token(self):
        answer = client("refresh", self.full)
        self.assertEqual(claims_of(answer["access_token"])["sub"], "alice")
        self.assertEqual(answer["token_type"].lower(), "bearer")
        self.assertNotIn("refresh_token", answer)

    def test_scope_and_resource(self):
        resource = "https://compute.example.org"
        mytoken = api().login(restrictions=[{"audience": [resource]}], capabilities=["AT"])["mytoken"]
        claims = claims_of(client("narrow", mytoken)["access_token"])
        self.assertEqual(claims["aud"], resource)
        self.assertNotIn("storage.read:/", claims["scope"].split())

    def test_a_rotating_mytoken_is_replaced_as_a_refresh_token_is(self):
        rotating = api().sub_token(self.full, rotation={"on_AT": True})["mytoken"]
        answers = client("three times", rotating)
        self.assertEqual([claims_of(a["refresh_token"])["seq_no"] for a in answers], [2, 3, 4])
        self.assertEqual({claims_of(a["refresh_token"])["jti"] for a in answers}, {claims_of(rotating)["jti"]})
        self.assertEqual(api().access_token(rotating).status, 401)
        self.assertEqual(api().access_token(answers[-1]["refresh_token"]).status, 200)

    def test_a_revoked_mytoken_is_an_error_that_the_library_understands(self):
        revoked = api().sub_token(self.full)["mytoken"]
        api().post(REVOKE, {"token": revoked})
        self.assertEqual(client("refused", revoked), {"status": 401, "error": "invalid_token"})
