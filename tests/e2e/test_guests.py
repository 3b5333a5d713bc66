"""A server without any provider, tried from the consent page to the revocation."""
import pathlib
import subprocess
import tempfile
import unittest

import login
import stack
from api import ACCESS, EVERYTHING, REVOKE, TOKENINFO, Api, claims_of


class Guest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="mytoken-guest-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        config = {"features": {"guest_mode": True, "polling_codes": {"enabled": True, "polling_interval": 1}}}
        for attempt in range(stack.START_ATTEMPTS):
            try:
                cls.server = stack.start_server(cls.folder, stack.free_port(), config, name=f"server{attempt}")
                break
            except stack.StackError as error:
                if "in use" not in str(error) or attempt == stack.START_ATTEMPTS - 1:
                    raise
        cls.addClassCleanup(cls.server.stop)
        cls.api = Api(cls.server.issuer, f"{cls.server.issuer}/api/v0/guests")

    def guest(self, **request):
        """A mytoken from a whole login; nobody asks for a password."""
        start = self.api.start_login(**request)
        self.assertEqual(start.status, 200, str(start))
        pages = []
        login.log_in(start.json["consent_uri"], "", "", trace=pages.append)
        self.assertIn("Guest (for trying only)", pages[0].text)
        answer = self.api.poll(start.json["polling_code"])
        self.assertEqual(answer.status, 200, str(answer))
        return answer.json["mytoken"]

    def valid(self, token):
        return self.api.post(TOKENINFO, {"action": "introspect", "mytoken": token}).status == 200

    def test_from_consent_to_revocation(self):
        mytoken = self.guest(capabilities=EVERYTHING, name="trying")
        claims = claims_of(mytoken)
        self.assertEqual((claims["oidc_iss"], claims["name"]), (self.api.op, "trying"))
        self.assertRegex(claims["oidc_sub"], "^guest-")
        self.assertEqual(claims["exp"] - claims["iat"], 86400)  # a guest's token never lives longer
        first = self.api.access_token(mytoken)
        self.assertEqual(first.status, 200, str(first))
        self.assertEqual((first.json["token_type"], first.json["expires_in"]), ("Bearer", 600))
        second = self.api.access_token(mytoken)
        self.assertNotEqual(first.json["access_token"], second.json["access_token"])
        sub = self.api.sub_token(mytoken, capabilities=["AT", "tokeninfo"],
                                 restrictions=[{"exp": "+1h", "usages_AT": 1, "audience": ["https://a.example"]}])["mytoken"]
        self.assertEqual(self.api.access_token(sub).status, 200)
        self.assertEqual(self.api.access_token(sub).status, 403)
        self.assertEqual(self.api.post(REVOKE, {"token": mytoken, "recursive": True}).status, 204)
        self.assertFalse(self.valid(mytoken) or self.valid(sub))

    def test_two_logins_are_two_guests(self):
        one, other = claims_of(self.guest()), claims_of(self.guest())
        self.assertNotEqual(one["oidc_sub"], other["oidc_sub"])

    def test_a_rotating_token_of_a_guest(self):
        mytoken = self.guest(rotation={"on_AT": True})
        answer = self.api.post(ACCESS, {"grant_type": "mytoken", "mytoken": mytoken})
        self.assertEqual(answer.status, 200, str(answer))
        self.assertTrue(self.api.access_token(answer.json["token_update"]["mytoken"]).status == 200)

    def test_start_and_check_say_what_guest_mode_is(self):
        log = self.server.log.read_text()
        self.assertIn("features.guest_mode: lets everybody in without a login", log)
        self.assertIn("guest mode is on", log)
        config = self.server.log.with_suffix(".yaml")
        done = subprocess.run([stack.BUILD / "mytoken-server", "check-config", "--config", config], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("lets everybody in without a login", done.stderr)
