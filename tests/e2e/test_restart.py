"""What survives a restart. Runs last, because it takes the shared server away for a moment."""
import unittest

from api import EVERYTHING
from shared import api, stack


class Restart(unittest.TestCase):
    def test_tokens_and_pending_logins_survive(self):
        mytoken = api().login(capabilities=EVERYTHING)["mytoken"]
        short = api().sub_token(mytoken, response_type="short_token")["mytoken"]
        self.assertEqual(api().access_token(mytoken).status, 200)
        pending = api().start_login().json
        self.assertEqual(stack().restart_server(), 0)
        self.assertEqual(api().access_token(mytoken).status, 200)
        self.assertEqual(api().access_token(short).status, 200)
        self.assertEqual(api().poll(pending["polling_code"]).json["error"], "authorization_pending")

    def test_no_secret_is_in_the_log(self):
        mytoken = api().login(capabilities=EVERYTHING)["mytoken"]
        answer = api().access_token(mytoken)
        log = stack().server.log.read_text()
        self.assertIn("mytoken-server: ready", log)
        for secret in (mytoken, answer.json["access_token"], "mytoken-secret"):
            self.assertNotIn(secret, log)
