"""The two Python clients that speak to mytoken servers, as PyPI has them: libmytoken 0.1.0 and fedcloudclient 1.4.7."""
import json
import os
import subprocess
import unittest

import yaml
from api import claims_of
from python_clients import environment
from shared import COMPUTE, api, is_dead, stack, sub, with_audiences

SECONDS = 60
# what the program prints as JSON: {"value": …} or the error that the library raised
AROUND = """
import json, sys
import libmytoken
try:
    value = (lambda mytoken, url: {expression})(sys.argv[1], sys.argv[2])
    print(json.dumps({{"value": value}}))
except libmytoken.MytokenError as error:
    print(json.dumps({{"error": error.err, "description": error.errorDetails, "text": str(error)}}))
"""


def library(expression, mytoken, url=None):
    """Evaluates the expression over `libmytoken`, `mytoken` and `url` in a process of its own."""
    done = subprocess.run([environment() / "bin" / "python", "-c", AROUND.format(expression=expression), mytoken, url or stack().issuer],
                          capture_output=True, text=True, timeout=SECONDS)
    if done.returncode != 0:
        raise AssertionError(f"{expression}: {done.stderr[-3000:]}")
    return json.loads(done.stdout)


class Libmytoken(unittest.TestCase):
    def test_a_jwt_alone_tells_where_its_server_is(self):
        answer = library("libmytoken.get_access_token_from_jwt_mytoken(mytoken)", sub())
        self.assertEqual(claims_of(answer["value"])["sub"], "alice")

    def test_scopes_as_list_and_as_text(self):
        for scopes in ('["openid", "storage.read:/"]', '"openid storage.read:/"'):
            answer = library(f"libmytoken.get_access_token_from_jwt_mytoken(mytoken, scopes={scopes}, comment='for a test')", sub())
            self.assertEqual(set(claims_of(answer["value"])["scope"].split()) - {"offline_access"}, {"openid", "storage.read:/"})

    def test_an_audience_that_arrives_as_null_leaves_the_one_of_the_restriction(self):
        # this release sends the issuer, or null, in place of the audience
        answer = library("libmytoken.get_access_token_from_jwt_mytoken(mytoken, audiences=['https://storage.example.org'])",
                         sub(with_audiences(), restrictions=[{"audience": [COMPUTE]}]))
        self.assertEqual(claims_of(answer["value"])["aud"], COMPUTE)

    def test_the_whole_answer_of_the_server(self):
        answer = library("libmytoken.MytokenServer(url).AccessToken.api_get(mytoken, scopes='openid')", sub())["value"]
        self.assertEqual((answer["token_type"], answer["expires_in"], answer["audience"]), ("Bearer", 3600, [stack().op + "/storage"]))
        self.assertNotIn("token_update", answer)

    def test_the_provider_may_be_named(self):
        answer = library(f"libmytoken.get_mytoken_server(url).AccessToken.get(mytoken, oidc_issuer={stack().op!r})", sub())
        self.assertEqual(claims_of(answer["value"])["iss"], stack().op)

    def test_a_slash_and_a_path_in_the_servers_url(self):
        for url in (stack().issuer + "/", stack().issuer + "/some/page"):
            answer = library("libmytoken.MytokenServer(url).AccessToken.get(mytoken)", sub(), url)
            self.assertEqual(claims_of(answer["value"])["sub"], "alice")

    def test_the_document_has_what_this_and_the_next_release_look_up(self):
        document = library("libmytoken.MytokenServer(url).ServerMetadata", "none")["value"]
        for member in ("access_token_endpoint", "mytoken_endpoint", "revocation_endpoint", "tokeninfo_endpoint", "token_transfer_endpoint",
                       "usersettings_endpoint"):
            self.assertTrue(document[member].startswith(stack().issuer), member)

    def test_a_rotating_mytoken_is_told_in_the_answer_though_not_followed(self):
        rotating = sub(rotation={"on_AT": True})
        answer = library("libmytoken.MytokenServer(url).AccessToken.api_get(mytoken)", rotating)["value"]
        self.assertEqual(claims_of(answer["token_update"]["mytoken"])["seq_no"], 2)
        self.assertTrue(is_dead(rotating))

    def test_every_refusal_arrives_with_error_and_description(self):
        revoked = sub()
        api().post("/api/v0/token/revoke", {"token": revoked})
        used_up = sub(restrictions=[{"usages_AT": 1}])
        self.assertEqual(api().access_token(used_up).status, 200)
        for mytoken, error in ((revoked, "invalid_token"), (used_up, "usage_restricted"),
                               (sub(capabilities=["tokeninfo"]), "insufficient_capabilities"), (sub() + "x", "invalid_token")):
            answer = library("libmytoken.MytokenServer(url).AccessToken.get(mytoken)", mytoken)
            self.assertEqual(answer["error"], error)
            self.assertTrue(answer["description"])
            self.assertEqual(answer["text"], f"{error}: {answer['description']}")
        answer = library("libmytoken.MytokenServer(url).AccessToken.get(mytoken, scopes='nobody.knows')", sub(restrictions=[{"scope": "openid"}]))
        self.assertEqual(answer["error"], "usage_restricted")


class Fedcloudclient(unittest.TestCase):
    """`fedcloud token …` takes the server from its configuration file; the option --mytoken-server is ignored by the program."""

    def setUp(self):
        self.home = stack().folder / self.id()
        self.configuration = self.home / ".config" / "fedcloud" / "config.yaml"
        self.configuration.parent.mkdir(parents=True)

    def run_with(self, server, *arguments, **environment_more):
        self.configuration.write_text(yaml.safe_dump({"mytoken_server": server}))
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("FEDCLOUD", "OIDC"))}
        return subprocess.run([environment() / "bin" / "fedcloud", *arguments], capture_output=True, text=True, timeout=SECONDS,
                              cwd=self.home, env={**inherited, "HOME": str(self.home), **environment_more})

    def issued(self, done):
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return claims_of(done.stdout.strip())

    def test_an_access_token_for_a_mytoken(self):
        self.assertEqual(self.issued(self.run_with(stack().issuer, "token", "issue", "--mytoken", sub()))["sub"], "alice")

    def test_the_mytoken_may_come_from_the_environment(self):
        done = self.run_with(stack().issuer, "token", "issue", FEDCLOUD_MYTOKEN=sub())
        self.assertEqual(self.issued(done)["iss"], stack().op)

    def test_a_slash_behind_the_server_makes_a_double_slash_in_the_path(self):
        self.assertEqual(self.issued(self.run_with(stack().issuer + "/", "token", "issue", "--mytoken", sub()))["sub"], "alice")

    def test_a_short_token_and_a_restricted_audience(self):
        short = sub(with_audiences(), restrictions=[{"audience": [COMPUTE]}], response_type="short_token")
        self.assertEqual(self.issued(self.run_with(stack().issuer, "token", "issue", "--mytoken", short))["aud"], COMPUTE)

    def test_the_access_token_is_checked(self):
        done = self.run_with(stack().issuer, "token", "check", "--mytoken", sub())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"Token expires in (3600|3[45]\d\d) seconds")

    def test_the_mytoken_is_kept_for_the_next_call(self):
        mytoken = sub()
        self.issued(self.run_with(stack().issuer, "token", "issue", "--mytoken", mytoken))
        self.assertEqual(yaml.safe_load(self.configuration.read_text())["mytoken"], mytoken)

    def test_a_mytoken_that_was_revoked_gives_no_access_token(self):
        revoked = sub()
        api().post("/api/v0/token/revoke", {"token": revoked})
        done = self.run_with(stack().issuer, "token", "issue", "--mytoken", revoked)
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("eyJ", done.stdout)
        self.assertIn("TokenError: Cannot get access token", done.stderr)
