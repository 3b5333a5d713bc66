"""What becomes of the provider's answers: at the access token endpoint and at the end of a login."""
import unittest
import urllib.parse

from api import claims_of
from fixture import validate
from scripted import ScriptedStack, scripted


class Refresh(unittest.TestCase):
    """Provider trouble at the access token endpoint. Nothing is counted and the token stays good."""

    def refused(self, status, code, **knobs):
        s = scripted()
        s.well()
        token = s.login()["mytoken"]
        try:
            s.turn(**knobs)
            answer = s.api.access_token(token)
        finally:
            s.well()
        self.assertEqual((answer.status, answer.json["error"]), (status, code), str(answer))
        validate(self, answer)
        return s, token

    def test_a_refusal_with_400_is_passed_on(self):
        self.refused(400, "oidc_error", error="invalid_scope")

    def test_a_refusal_of_the_client_is_a_bad_gateway(self):
        self.refused(502, "oidc_error", error="invalid_client", error_status=401)

    def test_api_weakness_19_a_page_instead_of_a_token_is_a_bad_gateway(self):
        s, token = self.refused(502, "oidc_error", html_502=1)
        answer = s.api.access_token(token)
        self.assertEqual(answer.status, 200, str(answer))
        self.assertTrue(answer.json["access_token"])

    def test_a_provider_that_is_away_is_a_bad_gateway(self):
        self.refused(502, "oidc_error", drop_before_acting=1)


class Audiences(unittest.TestCase):
    def test_api_weakness_6_the_audiences_of_the_clause_are_asked_for(self):
        s = scripted()
        s.well()
        audience = ["https://one.example", "https://two.example"]
        token = s.login(restrictions=[{"audience": audience}])["mytoken"]
        answer = s.api.access_token(token)
        self.assertEqual((answer.status, answer.json["audience"]), (200, audience), str(answer))
        self.assertEqual(claims_of(answer.json["access_token"])["aud"], audience)
        validate(self, answer)

    def test_api_weakness_19_all_audiences_are_in_the_authorization_request(self):
        s = scripted()
        audience = ["https://one.example", "https://two.example"]
        _, uri, _ = s.authorization(restrictions=[{"audience": audience[:1]}, {"audience": audience[1:]}])
        self.assertEqual(urllib.parse.parse_qs(urllib.parse.urlsplit(uri).query)["resource"], audience)


class EndOfLogin(unittest.TestCase):
    """GET /redirect; what the poller is told in each case."""

    def ends(self, status, poll, **knobs):
        s = scripted()
        s.well()
        start, uri, headers = s.authorization()
        back = s.back_from_provider(uri)
        try:
            s.turn(**knobs)
            answer = s.api.get(back, headers=headers)
        finally:
            s.well()
        self.assertEqual(answer.status, status, str(answer))
        validate(self, answer)
        polled = s.api.poll(start.json["polling_code"])
        self.assertEqual(polled.json.get("error"), poll, str(polled))
        validate(self, polled)

    def test_a_native_login_ends_at_the_final_page(self):
        _, answer = scripted().finish(application_name="a & b")
        self.assertEqual(answer.status, 303)
        self.assertIn(answer.headers["Location"].removeprefix(scripted().issuer),
                      ("/native?application=a%20%26%20b", "/native?application=a+%26+b"))
        validate(self, answer)

    def test_a_code_that_the_provider_refuses(self):
        self.ends(400, "access_denied", error="invalid_grant")

    def test_a_provider_that_answers_nonsense_may_be_tried_again(self):
        self.ends(502, "authorization_pending", html_502=1)

    def test_an_error_in_place_of_a_code(self):
        s = scripted()
        start, uri, headers = s.authorization()
        state = urllib.parse.parse_qs(urllib.parse.urlsplit(uri).query)["state"][0]
        query = urllib.parse.urlencode({"state": state, "error": "access_denied", "error_description": "no <b>", "iss": s.op})
        answer = s.api.get(f"/redirect?{query}", headers=headers)
        self.assertEqual(answer.status, 555, str(answer))
        self.assertNotIn(b"no <b>", answer.body)
        validate(self, answer)
        polled = s.api.poll(start.json["polling_code"])
        self.assertEqual((polled.status, polled.json["error"]), (401, "access_denied"))

    def test_another_browser_than_the_one_that_consented(self):
        s = scripted()
        _, uri, _ = s.authorization()
        answer = s.api.get(s.back_from_provider(uri), headers={"Accept": "text/html"})
        self.assertEqual(answer.status, 400, str(answer))
        validate(self, answer)

    def test_without_a_refresh_token_there_is_no_mytoken(self):
        with ScriptedStack("--no-refresh-token") as s:
            _, answer = s.finish()
            self.assertEqual(answer.status, 555, str(answer))
            validate(self, answer)
