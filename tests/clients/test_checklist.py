"""The compatibility checklist of the HTTP API, item by item, for all operations of the document at once where it speaks of all."""
import concurrent.futures
import http.server
import json
import os
import subprocess
import threading
import unittest

import yaml
from api import ACCESS, EVERYTHING, MYTOKEN, REVOKE, TOKENINFO, TRANSFER, claims_of
from shared import api, full, is_dead, stack, sub
from stack import BUILD, ROOT
import login

OPENAPI = ROOT / "tests" / "contract" / "openapi.yaml"
BAD_TOKEN = "x" * 64
JSON_TYPES = (None, "application/json", "text/plain", "application/x-www-form-urlencoded", "application/octet-stream")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def operations(*methods):
    """(method, path) of the API's documented operations, with something in place of each parameter."""
    paths = yaml.load(OPENAPI.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))["paths"]
    return [(method.upper(), "/".join("nosuch" if part.startswith("{") else part for part in path.split("/")))
            for path, item in paths.items() if path.startswith(("/api/", "/.well-known", "/jwks")) for method in item if method in methods]


def gist(answer):
    return answer.status, answer.json.get("error") if isinstance(answer.json, dict) else None


class Item01Documents(unittest.TestCase):
    def test_the_two_well_known_documents_are_the_same_bytes_for_everybody(self):
        one, other = (api().get(f"/.well-known/{name}-configuration", headers={"Origin": "https://elsewhere.example"})
                      for name in ("mytoken", "openid"))
        self.assertEqual((one.status, other.status), (200, 200))
        self.assertEqual(one.body, other.body)
        for answer in (one, other):
            self.assertEqual(answer.headers["Access-Control-Allow-Origin"], "*")
            self.assertNotIn("Location", answer.headers)


class Item02Bodies(unittest.TestCase):
    def test_get_and_delete_with_the_body_null_and_no_type(self):
        served = 0
        for method, path in operations("get", "delete"):
            for headers in ({}, {"Authorization": f"Bearer {BAD_TOKEN}"}):
                without, with_null = api().call(method, path, headers=headers), api().call(method, path, raw=b"null\n", headers=headers)
                self.assertEqual(gist(with_null), gist(without), f"{with_null} against {without}")
                served += without.status != 404
        self.assertGreaterEqual(served, 8)

    def test_json_under_any_type(self):
        served = 0
        for method, path in operations("post"):
            body = json.dumps({"mytoken": BAD_TOKEN, "grant_type": "mytoken", "polling_code": "nosuchcode"}).encode()
            answers = [api().call(method, path, raw=body, headers={"Content-Type": kind} if kind else {}) for kind in JSON_TYPES]
            self.assertEqual({gist(a) for a in answers}, {gist(answers[0])}, str(answers))
            self.assertNotEqual(answers[0].status, 415)
            served += answers[0].status != 404
        self.assertGreaterEqual(served, 5)

    def test_forms_where_the_published_documentation_has_them(self):
        for path, form in ((MYTOKEN, {"grant_type": "mytoken", "mytoken": full()}), (ACCESS, {"grant_type": "mytoken", "mytoken": full()}),
                           (TOKENINFO, {"action": "introspect", "mytoken": full()}), (TRANSFER, {"mytoken": full()})):
            answer = api().post(path, form=form)
            self.assertEqual(answer.status, 200, str(answer))
        self.assertEqual(api().post(REVOKE, form={"token": sub()}).status, 204)


class Item03RefreshGrant(unittest.TestCase):
    def test_a_form_with_basic_and_resource_and_the_successor_in_both_places(self):
        mytoken = sub(rotation={"on_AT": True})
        answer = api().post(ACCESS, form={"grant_type": "refresh_token", "refresh_token": mytoken, "resource": stack().op + "/storage"},
                            headers={"Authorization": "Basic bXl0b2tlbjpteXRva2Vu"})
        self.assertEqual(answer.status, 200, str(answer))
        self.assertEqual(answer.json["audience"], [stack().op + "/storage"])
        self.assertEqual(answer.json["refresh_token"], answer.json["token_update"]["mytoken"])


class Item04WhereTheTokenIsTakenFrom(unittest.TestCase):
    def who(self, body=None, bearer=None, cookie=None):
        """The jti of the token that an introspection tells about, or its error."""
        headers = {**({"Authorization": f"Bearer {bearer}"} if bearer else {}), **({"Cookie": f"mytoken={cookie}"} if cookie else {})}
        answer = api().post(TOKENINFO, {"action": "introspect", **({"mytoken": body} if body else {})}, headers=headers)
        return answer.json["token"]["jti"] if answer.status == 200 else gist(answer)

    def test_body_then_bearer_then_cookie(self):
        a, b, c = sub(), sub(), sub()
        jti = {token: claims_of(token)["jti"] for token in (a, b, c)}
        self.assertEqual(self.who(body=a, bearer=b, cookie=c), jti[a])
        self.assertEqual(self.who(bearer=b, cookie=c), jti[b])
        self.assertEqual(self.who(cookie=c), jti[c])
        self.assertEqual(self.who(), (401, "invalid_token"))

    def test_a_bad_one_in_front_is_an_error_whatever_stands_behind(self):
        good = sub()
        for bad in (BAD_TOKEN, "short", good[:-8] + "AAAAAAAA"):
            self.assertEqual(self.who(body=bad, bearer=good, cookie=good), (401, "invalid_token"))
            self.assertEqual(self.who(bearer=bad, cookie=good), (401, "invalid_token"))

    def test_a_token_in_the_query_is_none(self):
        self.assertEqual(gist(api().post(f"{TOKENINFO}?mytoken={sub()}", {"action": "introspect"})), (401, "invalid_token"))


class Item05RotationOfOtherUses(unittest.TestCase):
    """What has no body has one, with `token_update` alone, if the token that was presented is replaced."""

    def requests(self):
        """(name, request(token in the body or header or cookie), status without rotation)"""
        other = sub()
        mom_id = api().post(TOKENINFO, {"mytoken": other}).json["mom_id"]
        spare = [api().sub_token(full())["mom_id"] for _ in range(8)]
        return [
            ("tag a token", "POST", f"{MYTOKEN}/tags", lambda: {"tag": "item 5"}, 204),
            ("untag a token", "DELETE", f"{MYTOKEN}/tags", lambda: {"tag": "item 5"}, 204),
            ("tag another token", "POST", f"{MYTOKEN}/tags", lambda: {"tag": "item 5", "mom_id": mom_id}, 204),
            ("revoke another token", "POST", REVOKE, lambda: {"mom_id": spare.pop()}, 204),
            ("make a tag", "POST", "/api/v0/settings/tags/item5", lambda: {"color": "ff0000"}, 204),
            ("change a tag", "PUT", "/api/v0/settings/tags/item5", lambda: {"color": "00ff00"}, 204),
            ("switch a grant off", "DELETE", "/api/v0/settings/grants", lambda: {"grant_type": "ssh"}, 204),
            ("remove a tag", "DELETE", "/api/v0/settings/tags/item5", lambda: {}, 204),
        ]

    def send(self, method, path, members, mytoken, place):
        member = "token" if path == REVOKE else "mytoken"
        headers = {"header": {"Authorization": f"Bearer {mytoken}"}, "cookie": {"Cookie": f"mytoken={mytoken}"}, "body": {}}[place]
        return api().call(method, path, json_body={**members, **({member: mytoken} if place == "body" else {})}, headers=headers)

    def test_204_without_and_200_with_rotation_and_a_cookie_for_cookies_only(self):
        for name, method, path, members, status in self.requests():
            answer = self.send(method, path, members(), full(), "body")
            self.assertEqual((answer.status, answer.body), (status, b""), f"{name}: {answer}")
            for place in ("body", "header", "cookie"):
                rotating = sub(rotation={"on_other": True})
                answer = self.send(method, path, members(), rotating, place)
                self.assertEqual(answer.status, 200, f"{name} by {place}: {answer}")
                self.assertEqual(set(answer.json), {"token_update"})
                successor = answer.json["token_update"]["mytoken"]
                self.assertEqual(claims_of(successor)["seq_no"], 2)
                cookies = answer.headers.get_all("Set-Cookie") or []
                self.assertEqual([c.partition(";")[0] for c in cookies], [f"mytoken={successor}"] if place == "cookie" else [], name)


class Item06Errors(unittest.TestCase):
    def test_every_refusal_is_an_object_with_a_description_and_a_request_id(self):
        provoked = [api().call(method, path, raw=b"{", headers=FORM) for method, path in operations("get", "post", "put", "delete")]
        provoked += [api().call("PATCH", path) for _, path in operations("post")]
        provoked += [api().get("/api/v0/nothing"), api().get("/apifoo", headers={"Accept": "application/json"}),
                     api().post(TOKENINFO, raw=b"x" * 2_000_000, headers=FORM), api().post(TOKENINFO, raw=b"<a/>", headers={"Content-Type": "text/xml"}),
                     api().get("/api/v0/capabilities", headers={"X-Long": "a" * 40_000})]
        refused = [a for a in provoked if a.status >= 400]
        self.assertLessEqual({400, 404, 405, 413, 415, 431}, {a.status for a in refused})
        for answer in refused:
            self.assertEqual(answer.headers.get_content_type(), "application/json", str(answer))
            self.assertEqual(set(answer.json), {"error", "error_description"}, str(answer))
            self.assertTrue(answer.json["error"] and answer.json["error_description"], str(answer))
            self.assertTrue(answer.headers["X-Request-ID"], str(answer))


class Item07Polling(unittest.TestCase):
    def begin(self):
        return api().start_login(capabilities=["AT"]).json

    def test_pending_then_the_token_then_nothing(self):
        start = self.begin()
        self.assertEqual(gist(api().poll(start["polling_code"])), (428, "authorization_pending"))
        login.log_in(start["consent_uri"], "bob", "bobby-pins")
        answer = api().poll(start["polling_code"])
        self.assertEqual((answer.status, answer.json["mytoken_type"]), (200, "token"))
        self.assertEqual(gist(api().poll(start["polling_code"])), (401, "invalid_token"))

    def test_declined(self):
        start = self.begin()
        login.log_in(start["consent_uri"], "bob", "bobby-pins", decision="deny")
        self.assertEqual(gist(api().poll(start["polling_code"])), (401, "access_denied"))

    def test_of_many_polls_at_once_one_gets_the_token(self):
        start = self.begin()
        login.log_in(start["consent_uri"], "bob", "bobby-pins")
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: api().poll(start["polling_code"]), range(16)))
        self.assertEqual(sorted(map(gist, answers), key=lambda x: x[0]), [(200, None)] + [(401, "invalid_token")] * 15)


class Item08Limits(unittest.TestCase):
    def test_one_use_is_one_use_under_fifty_requests_at_once(self):
        once = sub(restrictions=[{"usages_AT": 1}])
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(lambda _: api().access_token(once), range(50)))
        self.assertEqual(sorted(map(gist, answers), key=lambda x: x[0]), [(200, None)] + [(403, "usage_restricted")] * 49)


class Item09Documents(unittest.TestCase):
    """Answers are validated against openapi.yaml by the contract tests; here: what another server may send to our command."""

    DOCUMENT = {"providers_supported": None, "token_signing_alg_value": "ES512", "tokeninfo_endpoint_actions_supported": None,
                "access_token_endpoint_grant_types_supported": None, "mytoken_endpoint_grant_types_supported": None,
                "mytoken_endpoint_oidc_flows_supported": None, "response_types_supported": None, "restriction_claims_supported": None,
                "ssh_keys": None, "service_documentation": None}
    ANSWER = {"access_token": "the-access-token", "token_type": "Bearer", "expires_in": 3600, "scope": None, "audience": None,
              "token_update": None}

    def test_null_lists_of_another_server_are_accepted_by_the_command(self):
        test = self

        class Other(http.server.BaseHTTPRequestHandler):
            def answer(self, value):
                body = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                base = f"http://127.0.0.1:{self.server.server_port}"
                endpoints = {f"{name}_endpoint": f"{base}/{name}" for name in ("access_token", "mytoken", "tokeninfo", "revocation",
                                                                              "usersettings", "token_transfer", "token")}
                self.answer({"issuer": base, "jwks_uri": f"{base}/jwks", **endpoints, **test.DOCUMENT} if "well-known" in self.path else
                            {"grant_type_endpoint": f"{base}/grants"})

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(test.ANSWER)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("MYTOKEN", "BEARER"))}
        done = subprocess.run([BUILD / "mytoken", "--url", f"http://127.0.0.1:{server.server_port}", "AT", "--MT", "m" * 64],
                              capture_output=True, text=True, timeout=60, env={**environment, "HOME": str(stack().folder)})
        self.assertEqual((done.returncode, done.stdout.strip()), (0, "the-access-token"), done.stderr)


class Item10Members(unittest.TestCase):
    def made(self, **members):
        return api().post(MYTOKEN, {"grant_type": "mytoken", "mytoken": full(), **members})

    def test_an_unknown_member_is_ignored_at_the_top_and_refused_in_a_clause(self):
        self.assertEqual(self.made(flavour="vanilla").status, 200)
        self.assertEqual(gist(self.made(restrictions=[{"flavour": "vanilla"}])), (400, "invalid_request"))

    def test_null_is_absent(self):
        answer = self.made(restrictions=None, capabilities=None, rotation=None, name=None, flavour=None)
        self.assertEqual(answer.status, 200)
        self.assertEqual(set(answer.json["capabilities"]), set(EVERYTHING))

    def test_names_in_another_case(self):
        self.assertEqual(api().post(MYTOKEN, {"grant_Type": "mytoken", "MyToken": full()}).status, 200)

    def test_wrong_types(self):
        for member, value in (("name", 1), ("restrictions", 5), ("restrictions", [5]), ("restrictions", [{"exp": 1.5}]),
                              ("restrictions", [{"scope": ["openid"]}]), ("restrictions", [{"audience": "https://a.example"}]),
                              ("restrictions", [{"usages_AT": "1"}]), ("restrictions", [{"usages_AT": True}]), ("capabilities", [1]),
                              ("capabilities", {"AT": True}), ("rotation", [1]), ("rotation", {"on_AT": "yes"}),
                              ("rotation", {"lifetime": -1}), ("max_token_len", "100"), ("max_token_len", 2.0),
                              ("max_token_len", 2**31), ("error_on_restrictions", "yes"), ("mytoken", 5), ("grant_type", 5),
                              ("response_type", 1), ("application_name", [])):
            self.assertEqual(gist(self.made(**{member: value})), (400, "invalid_request"), f"{member}: {value!r}")
