"""The guest provider: its three endpoints, and how it is listed."""
import unittest
import urllib.parse

from api import claims_of
from fixture import Row, shared, table, validate

GUESTS = "/api/v0/guests"
CONFIGURATION, AUTH, TOKEN = f"{GUESTS}/.well-known/openid-configuration", f"{GUESTS}/auth", f"{GUESTS}/token"


def code(s):
    location = s.api.get(f"{AUTH}?state=x").headers["Location"]
    return urllib.parse.parse_qs(urllib.parse.urlsplit(location).query)["code"][0]


def exchange(s, **members):
    return s.api.post(TOKEN, form={"grant_type": "authorization_code", "code": code(s), **members})


def used(s):
    spent = code(s)
    assert s.api.post(TOKEN, {"code": spent}).status == 200
    return s.api.post(TOKEN, {"code": spent})


def two_addresses(case, answer, s):
    issuer = s.stack.issuer
    case.assertEqual(answer.json, {"authorization_endpoint": f"{issuer}{AUTH}", "token_endpoint": f"{issuer}{TOKEN}"})


def back_with(state):
    def check(case, answer, s):
        case.assertTrue(answer.headers["Location"].startswith(f"{s.stack.issuer}/redirect?"))
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.headers["Location"]).query, strict_parsing=True)
        case.assertEqual(query["state"], [state])
        case.assertNotEqual(query["code"], [state])
        case.assertEqual(set(query), {"state", "code"})
    return check


def of_a_guest(case, answer, s):
    case.assertEqual(answer.json["token_type"], "Bearer")
    claims = claims_of(answer.json["id_token"])
    case.assertEqual(claims["iss"], f"{s.stack.issuer}{GUESTS}")
    case.assertRegex(claims["sub"], r"^guest-[0-9A-Za-z]{32}$")
    case.assertTrue(answer.json["id_token"].endswith("."))  # no signature


Guests = table("Guests", [
    Row("guest configuration", lambda s: s.api.get(CONFIGURATION), 200, schema="GuestConfiguration", check=two_addresses),
    Row("a guest comes in", lambda s: s.api.get(f"{AUTH}?state=abc&client_id=x&response_type=code"), 302, check=back_with("abc")),
    Row("a guest without state", lambda s: s.api.get(AUTH), 400, "invalid_request"),
    Row("a guest with an empty state", lambda s: s.api.get(f"{AUTH}?state="), 400, "invalid_request"),
    Row("a guest with a huge state", lambda s: s.api.get(f"{AUTH}?state={'a' * 2049}"), 400, "invalid_request"),
    Row("a guest with a plain challenge", lambda s: s.api.get(f"{AUTH}?state=a&code_challenge={'c' * 43}&code_challenge_method=plain"),
        400, "invalid_request"),
    Row("code of a guest by form", exchange, 200, schema="GuestTokenResponse", check=of_a_guest),
    Row("code of a guest by JSON", lambda s: s.api.post(TOKEN, {"code": code(s)}), 200, schema="GuestTokenResponse", check=of_a_guest),
    Row("refresh of a guest", lambda s: s.api.post(TOKEN, form={"grant_type": "refresh_token", "refresh_token": "x"}), 200,
        schema="GuestTokenResponse", check=of_a_guest),
    Row("used code of a guest", used, 400, "invalid_grant"),
    Row("unknown code of a guest", lambda s: s.api.post(TOKEN, {"code": "abc"}), 400, "invalid_grant"),
    Row("no code of a guest", lambda s: s.api.post(TOKEN, {"grant_type": "authorization_code"}), 400, "invalid_request"),
    Row("code of a guest that is a number", lambda s: s.api.post(TOKEN, {"code": 5}), 400, "invalid_request"),
])


class Guest(unittest.TestCase):
    def test_api_weakness_22_the_state_is_percent_encoded(self):
        answer = shared().api.get(AUTH + "?state=a%26code%3Db%0d%0aX:%20y%23")
        self.assertEqual(answer.status, 302, str(answer))
        validate(self, answer)
        back_with("a&code=b\r\nX: y#")(self, answer, shared())

    def test_the_shared_server_lists_the_guest_provider_last_and_marks_it(self):
        listed = shared().api.get("/.well-known/mytoken-configuration").json["providers_supported"]
        self.assertEqual(listed[-1], {"issuer": f"{shared().stack.issuer}{GUESTS}", "name": "Guest (for trying only)",
                                      "scopes_supported": ["openid"]})
