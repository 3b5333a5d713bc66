"""Logins through the real pages, the three representations, and what parallel use does to the provider's refresh tokens."""
import collections
import concurrent.futures
import time
import unittest
import urllib.parse

import login
from api import ACCESS, EVERYTHING, MYTOKEN, PASSWORDS, REVOKE, TRANSFER, claims_of
from browser import Browser
from shared import api, stack, usable_refresh_tokens


def parallel(count, call):
    """How often which status came from `count` simultaneous calls."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return collections.Counter(answer.status for answer in pool.map(lambda _: call(), range(count)))


class NativeFlow(unittest.TestCase):
    def test_from_the_consent_page_through_the_provider_to_an_access_token(self):
        start = api().start_login(capabilities=["AT"], name="native", application_name="the e2e test").json
        pages = []
        last = login.log_in(start["consent_uri"], "alice", PASSWORDS["alice"], trace=pages.append)
        self.assertIn("the e2e test", pages[0].text)
        texts = [page.text for page in pages]
        self.assertTrue(any("Sign in at the demo provider" in t for t in texts))
        self.assertTrue(any("mytoken asks alice for" in t for t in texts))
        self.assertEqual(urllib.parse.urlsplit(last.url).path, "/native")
        mytoken = api().poll(start["polling_code"]).json
        self.assertEqual(mytoken["capabilities"], ["AT"])
        claims = claims_of(mytoken["mytoken"])
        self.assertEqual((claims["oidc_iss"], claims["oidc_sub"], claims["name"]), (stack().op, "alice", "native"))
        answer = api().access_token(mytoken["mytoken"], scope="storage.read:/")
        self.assertEqual(answer.status, 200, str(answer))
        token = claims_of(answer.json["access_token"])
        self.assertEqual((token["iss"], token["sub"], token["client_id"]), (stack().op, "alice", "mytoken"))
        self.assertIn("storage.read:/", token["scope"].split())
        self.assertNotIn("storage.modify:/", token["scope"].split())
        self.assertEqual(answer.json["audience"], [token["aud"]])

    def test_declined_on_our_page(self):
        start = api().start_login().json
        last = login.log_in(start["consent_uri"], "alice", PASSWORDS["alice"], decision="deny")
        self.assertEqual(urllib.parse.urlsplit(last.url).path, "/native/abort")
        answer = api().poll(start["polling_code"])
        self.assertEqual((answer.status, answer.json["error"]), (401, "access_denied"))

    def test_declined_at_the_provider(self):
        start = api().start_login().json
        with self.assertRaises(login.LoginFailed) as failure:
            login.log_in(start["consent_uri"], "alice", PASSWORDS["alice"], at_provider="deny")
        self.assertIn("answered 555", str(failure.exception))
        self.assertIn("access_denied", str(failure.exception))
        answer = api().poll(start["polling_code"])
        self.assertEqual((answer.status, answer.json["error"]), (401, "access_denied"))
        self.assertIn("the user did not agree", answer.json["error_description"])

    def test_audience_of_a_clause_reaches_the_access_token(self):
        resource = "https://compute.example.org"
        mytoken = api().login(restrictions=[{"audience": [resource]}])["mytoken"]
        answer = api().access_token(mytoken)
        self.assertEqual(answer.status, 200, str(answer))
        self.assertEqual(claims_of(answer.json["access_token"])["aud"], resource)
        self.assertEqual(api().access_token(mytoken, audience="https://other.example.org").status, 403)


class WebFlow(unittest.TestCase):
    def test_ends_with_a_cookie_that_the_api_takes(self):
        body = {"grant_type": "oidc_flow", "oidc_flow": "authorization_code", "oidc_issuer": stack().op, "client_type": "web",
                "redirect_uri": "/home", "capabilities": EVERYTHING}
        start = api().post(MYTOKEN, body).json
        browser = Browser()
        home = login.log_in(start["consent_uri"], "bob", PASSWORDS["bob"], browser=browser,
                            done=lambda page: urllib.parse.urlsplit(page.url).path == "/home")
        self.assertEqual(home.visited[-1], (303, stack().issuer + "/home"))
        cookie = next(c for c in browser.cookies if c.name == "mytoken")
        self.assertEqual(cookie.path, "/api")
        self.assertTrue(cookie.has_nonstandard_attr("HttpOnly"))
        self.assertEqual(cookie.get_nonstandard_attr("SameSite"), "Strict")
        page = browser.open(stack().issuer + ACCESS, [("grant_type", "mytoken")])
        self.assertEqual(page.status, 200, page.html)
        self.assertEqual(claims_of(cookie.value)["oidc_sub"], "bob")


class Representations(unittest.TestCase):
    def test_jwt_short_token_and_transfer_code_all_lead_to_an_access_token(self):
        jwt = api().login(capabilities=EVERYTHING)["mytoken"]
        short = api().sub_token(jwt, response_type="short_token")["mytoken"]
        code = api().post(TRANSFER, {"mytoken": jwt}).json["transfer_code"]
        redeemed = api().post(MYTOKEN, {"grant_type": "transfer_code", "transfer_code": code}).json["mytoken"]
        self.assertEqual((len(jwt.split(".")), len(short), redeemed), (3, 64, jwt))
        for name, token in {"JWT": jwt, "short": short, "redeemed": redeemed}.items():
            with self.subTest(name):
                answer = api().access_token(token)
                self.assertEqual(answer.status, 200, str(answer))
                self.assertEqual(claims_of(answer.json["access_token"])["sub"], "alice")

    def test_a_login_can_hand_out_each_of_them(self):
        self.assertEqual(api().login(response_type="short_token")["mytoken_type"], "short_token")
        answer = api().login(response_type="transfer_code")
        self.assertEqual(answer["mytoken_type"], "transfer_code")
        self.assertEqual(api().post(MYTOKEN, {"grant_type": "transfer_code", "transfer_code": answer["transfer_code"]}).status, 200)


class ParallelUse(unittest.TestCase):
    """The provider ends the whole grant as soon as a refresh token is used twice, so one slip here kills the token for good."""

    def setUp(self):
        self.before = usable_refresh_tokens("carol")
        self.mytoken = api().login("carol", capabilities=EVERYTHING)["mytoken"]

    def assert_chain_is_alive(self):
        self.assertEqual(usable_refresh_tokens("carol"), self.before + 1)
        answer = api().access_token(self.mytoken)
        self.assertEqual(answer.status, 200, str(answer))

    def test_forty_requests_on_one_token_all_succeed(self):
        self.assertEqual(parallel(40, lambda: api().access_token(self.mytoken)), {200: 40})
        self.assert_chain_is_alive()

    def test_tokens_of_one_family_take_turns(self):
        children = [api().sub_token(self.mytoken)["mytoken"] for _ in range(4)]
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            statuses = collections.Counter(a.status for a in pool.map(lambda i: api().access_token(children[i % 4]), range(24)))
        self.assertEqual(statuses, {200: 24})
        self.assert_chain_is_alive()

    def test_a_limit_of_three_admits_three_of_thirty(self):
        limited = api().sub_token(self.mytoken, restrictions=[{"usages_AT": 3}])["mytoken"]
        self.assertEqual(parallel(30, lambda: api().access_token(limited)), {200: 3, 403: 27})
        self.assert_chain_is_alive()

    def test_requests_that_the_provider_refuses_do_not_end_the_chain(self):
        self.assertEqual(parallel(6, lambda: api().access_token(self.mytoken, scope="no.such.scope")), {400: 6})
        self.assert_chain_is_alive()


class Revocation(unittest.TestCase):
    def test_the_last_token_of_a_family_takes_the_refresh_token_along(self):
        before = usable_refresh_tokens("bob")
        mytoken = api().login("bob")["mytoken"]
        self.assertEqual(usable_refresh_tokens("bob"), before + 1)
        self.assertEqual(api().post(REVOKE, {"token": mytoken}).status, 204)
        deadline = time.monotonic() + 10  # the provider is told after the answer
        while usable_refresh_tokens("bob") != before and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(usable_refresh_tokens("bob"), before)
        self.assertEqual(api().access_token(mytoken).status, 401)
