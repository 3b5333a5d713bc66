"""What existing clients need of a server, one class or test for each rule, sent as those clients send it.

The rules are numbered as in the survey of clients that the project works from. `OUT_OF_REACH` names those that no test here can
hold the server to, and why.
"""
import base64
import re
import unittest

from api import ACCESS, EVERYTHING, MYTOKEN, REVOKE, TOKENINFO, Api, claims_of
from shared import COMPUTE, STORAGE, api, full, is_dead, stack, sub
from stack import Stack, start_provider
import login

CONFIGURATION = "/.well-known/openid-configuration"
SETTINGS = "/api/v0/settings"
OUT_OF_REACH = {
    18: "calendars are not part of the service yet",
    21: "the SSH front end is not part of the service yet",
}
AGENT4 = {"Authorization": "Basic eDp5", "Accept": "*/*", "Content-Type": "application/x-www-form-urlencoded"}
AGENT5 = {"User-Agent": "oidc-agent 5.3.3", "Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
GO_CLIENT = {"User-Agent": "mytoken client 0.7.1", "Accept": "application/json", "Accept-Encoding": "gzip"}


def document():
    return api().get(CONFIGURATION).json


def values_of(value):
    """The value and everything inside it, each with the name of its member."""
    found = [("", value)]
    for name, inner in value.items() if isinstance(value, dict) else [("", v) for v in value] if isinstance(value, list) else []:
        found += [(name, inner)] if not isinstance(inner, (dict, list)) else [(name, inner), *values_of(inner)]
    return found


class Documents(unittest.TestCase):
    def test_rule_01_tags_endpoint_in_the_settings_document(self):
        self.assertEqual(api().get(SETTINGS).json["tags_endpoint"], stack().issuer + "/api/v0/settings/tags")

    def test_rule_05_scopes_supported_in_the_configuration_document(self):
        scopes = document()["scopes_supported"]
        self.assertIsInstance(scopes, list)
        self.assertLessEqual({"openid", "offline_access", "storage.read:/"}, set(scopes))
        self.assertEqual(len(scopes), len(set(scopes)))

    def test_rule_11_nothing_is_null_and_providers_supported_is_a_list(self):
        for path in (CONFIGURATION, SETTINGS, "/jwks"):
            for name, value in values_of(api().get(path).json):
                self.assertIsNotNone(value, f"{name} in {path}")
        self.assertIsInstance(document()["providers_supported"], list)
        introspected = api().post(TOKENINFO, {"mytoken": full()}).json
        self.assertNotIn(None, [value for _, value in values_of(introspected)])

    def test_rule_12_the_settings_document_is_there_for_everybody(self):
        for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Cookie": "mytoken=nonsense"}, {"Authorization": "Basic eDp5"}):
            for raw in (None, b"null\n"):
                answer = api().get(SETTINGS, headers={**GO_CLIENT, **headers}, raw=raw)
                self.assertEqual(answer.status, 200, f"{headers} {answer}")
                for member in ("grant_type_endpoint", "email_endpoint", "tags_endpoint"):
                    self.assertTrue(answer.json[member].startswith(stack().issuer), member)

    def test_rule_13_the_configuration_document_has_what_clients_stop_without(self):
        for path in (CONFIGURATION, "/.well-known/mytoken-configuration"):
            answer = api().get(path)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.json["issuer"], stack().issuer)
            for member in ("usersettings_endpoint", "token_endpoint", "access_token_endpoint", "mytoken_endpoint", "revocation_endpoint",
                           "tokeninfo_endpoint", "jwks_uri"):
                self.assertTrue(answer.json[member].startswith(stack().issuer + "/"), member)
            self.assertEqual([p["issuer"] for p in answer.json["providers_supported"]], [stack().op])

    def test_rule_14_the_signature_is_a_multiple_of_three_bytes(self):
        signature = full().split(".")[2]
        self.assertEqual(len(signature) * 3 // 4 % 3, 0)
        self.assertEqual(document()["token_signing_alg_value"], "ES512")


class AccessTokens(unittest.TestCase):
    def test_rule_04_a_rotated_mytoken_is_also_the_refresh_token_of_the_refresh_grant(self):
        mytoken = sub(rotation={"on_AT": True})
        for seq_no in (2, 3, 4):
            answer = api().post(ACCESS, raw=f"grant_type=refresh_token&refresh_token={mytoken}".encode(), headers=AGENT5)
            self.assertEqual(answer.status, 200, str(answer))
            self.assertEqual(answer.json["refresh_token"], answer.json["token_update"]["mytoken"])
            mytoken = answer.json["refresh_token"]
            self.assertEqual(claims_of(mytoken)["seq_no"], seq_no)
        answer = api().access_token(mytoken)
        self.assertIn("token_update", answer.json)
        self.assertNotIn("refresh_token", answer.json)

    def test_rule_06_form_bodies_with_raw_blanks_colons_and_slashes(self):
        # the last clause admits both audiences together; of two the provider takes the first
        login = api().login(capabilities=EVERYTHING, restrictions=[{"audience": [COMPUTE]}, {"audience": [STORAGE]}, {"usages_other": 99}])
        body = f"grant_type=refresh_token&refresh_token={login['mytoken']}&scope=openid offline_access&audience={COMPUTE} {STORAGE}"
        answer = api().post(ACCESS, raw=body.encode(), headers=AGENT4)
        self.assertEqual(answer.status, 200, str(answer))
        self.assertEqual(answer.json["audience"], [COMPUTE])
        self.assertEqual(set(answer.json["scope"].split()), {"openid", "offline_access"})

    def test_rule_06_form_bodies_with_encoded_blanks_and_repeated_resources(self):
        login = api().login(capabilities=EVERYTHING, restrictions=[{"audience": [COMPUTE]}, {"audience": [STORAGE]}, {"usages_other": 99}])
        body = (f"grant_type=refresh_token&refresh_token={login['mytoken']}&scope=openid%20storage.read%3A%2F"
                f"&resource=https%3A%2F%2Fstorage.example.org&resource=https%3A%2F%2Fcompute.example.org")
        answer = api().post(ACCESS, raw=body.encode(), headers=AGENT5)
        self.assertEqual(answer.status, 200, str(answer))
        self.assertEqual(answer.json["audience"], [STORAGE])
        self.assertLessEqual({"openid", "storage.read:/"}, set(answer.json["scope"].split()))

    def test_rule_06_any_basic_header_is_ignored(self):
        for credentials in ("Basic eDp5", "Basic Og==", "Basic bXl0b2tlbjpteXRva2Vu", "Basic", "basic ###"):
            answer = api().post(ACCESS, form={"grant_type": "refresh_token", "refresh_token": full()}, headers={"Authorization": credentials})
            self.assertEqual(answer.status, 200, f"{credentials}: {answer}")
        answer = api().post(REVOKE, form={"token_type_hint": "refresh_token", "token": sub()}, headers=AGENT4)
        self.assertEqual((answer.status, answer.body), (204, b""))

    def test_rule_06_offline_access_may_be_asked_for_though_the_clause_has_it_not(self):
        answer = api().post(ACCESS, headers=AGENT4, raw=("grant_type=refresh_token&scope=openid offline_access&refresh_token=" + sub(
            restrictions=[{"scope": "openid"}])).encode())
        self.assertEqual(answer.status, 200, str(answer))

    def test_rule_22_short_tokens_rotate(self):
        token = sub(rotation={"on_AT": True, "on_other": True}, response_type="short_token")
        for _ in range(3):
            update = api().access_token(token).json["token_update"]
            self.assertEqual(update["mytoken_type"], "short_token")
            self.assertNotEqual(update["mytoken"], token)
            self.assertTrue(is_dead(token))
            token = update["mytoken"]
        update = api().sub_token(token)["token_update"]
        self.assertEqual(update["mytoken_type"], "short_token")
        answer = api().post(ACCESS, form={"grant_type": "refresh_token", "refresh_token": update["mytoken"]})
        self.assertEqual(answer.json["refresh_token"], answer.json["token_update"]["mytoken"])
        self.assertNotIn(".", answer.json["refresh_token"])

    def test_rule_23_slashes_too_many(self):
        for path in ("//api/v0/token/access", "/api//v0/token/access", "/api/v0/token/access/"):
            answer = api().post(path, {"grant_type": "mytoken", "mytoken": full()})
            self.assertEqual(answer.status, 200, f"{path}: {answer}")


class Errors(unittest.TestCase):
    def refused(self, answer, status=None):
        """Rule 8 for one answer; returns its code."""
        self.assertGreaterEqual(answer.status, 400, str(answer))
        if status:
            self.assertEqual(answer.status, status, str(answer))
        self.assertEqual(answer.headers.get_content_type(), "application/json", str(answer))
        self.assertEqual(set(answer.json), {"error", "error_description"})
        self.assertTrue(answer.json["error_description"])
        return answer.json["error"]

    def test_rule_07_scopes_audiences_and_used_up_limits_are_no_broken_token(self):
        limited = sub(restrictions=[{"usages_AT": 1, "scope": "openid profile"}])
        self.assertEqual(self.refused(api().access_token(limited, scope="email"), 403), "usage_restricted")
        self.assertEqual(self.refused(api().access_token(sub(restrictions=[{"audience": [COMPUTE]}]), audience=STORAGE), 403), "usage_restricted")
        self.assertEqual(api().access_token(limited).status, 200)
        self.assertEqual(self.refused(api().access_token(limited), 403), "usage_restricted")
        self.assertEqual(self.refused(api().access_token(full(), oidc_issuer="https://elsewhere.example"), 400), "invalid_request")
        self.assertEqual(self.refused(api().access_token(sub(capabilities=["tokeninfo"])), 403), "insufficient_capabilities")

    def test_rule_07_a_token_that_is_gone_is_said_to_be(self):
        mytoken = sub()
        api().post(REVOKE, {"token": mytoken})
        self.assertEqual(self.refused(api().access_token(mytoken), 401), "invalid_token")

    def test_rule_07_trouble_at_the_provider_is_no_broken_token(self):
        with Stack(rotate=True) as s:
            here = Api(s.issuer, s.op)
            mytoken = here.login(capabilities=EVERYTHING)["mytoken"]
            s.provider.stop()
            self.assertIn(self.refused(here.access_token(mytoken)), ("oidc_error", "internal_server_error"))
            # another provider at its place, which never heard of the login
            s.processes[0] = start_provider(s.folder, int(s.op.rpartition(":")[2]), [f"{s.issuer}/redirect"], name="successor")
            self.assertEqual(self.refused(here.access_token(mytoken), 400), "oidc_error")

    def test_rule_07_overload_is_no_broken_token_and_rule_08_it_is_json(self):
        limits = {"enabled": True, "max_requests": 3, "window": 300, "always_allow": []}
        with Stack(config={"server": {"request_limits": limits}}) as s:
            here = Api(s.issuer, s.op)
            answers = [here.access_token("x" * 64) for _ in range(4)]
            self.assertEqual(self.refused(answers[-1], 429), "Too Many Requests")

    def test_rule_08_errors_are_objects_with_two_texts(self):
        self.refused(api().get("/api/v0/nothing"), 404)
        self.refused(api().get(ACCESS), 405)
        self.refused(api().post("/c", {}))
        self.refused(api().post("/c", raw=b"{"))
        self.refused(api().post("/c/nosuchcode", {"capabilities": ["AT"]}), 404)
        self.refused(api().post(ACCESS, raw=b"<xml/>", headers={"Content-Type": "application/xml"}), 415)
        self.refused(api().post(ACCESS, raw=b'{"a":"' + b"a" * 2_000_000 + b'"}'), 413)
        self.refused(api().get("/api/v0/capabilities", headers={"X-Long": "a" * 40_000}), 431)
        self.refused(api().poll(api().start_login().json["polling_code"]), 428)


class Types(unittest.TestCase):
    """Rules 9 and 10: clients in Go decode into typed structures and give up at a value of another type."""

    INTEGERS = {"expires_in", "interval", "exp", "nbf", "iat", "auth_time", "seq_no", "usages_AT", "usages_other", "usages_AT_done",
                "usages_other_done", "lifetime", "time", "created", "expires_at"}
    ARRAYS = {"audience", "hosts", "geoip_allow", "geoip_disallow", "restrictions", "capabilities", "providers_supported", "ssh_keys", "events",
              "children", "tags", "grant_types", "scopes_supported"}

    def check(self, answer):
        self.assertIn(answer.status, (200, 428), str(answer))
        self.assertNotRegex(answer.body.decode(), r":-?\d+\.\d|:-?\d+[eE]")
        for name, value in values_of(answer.json):
            if name in self.INTEGERS:
                self.assertIs(type(value), int, f"{name} in {answer}")
            if name in self.ARRAYS:
                self.assertIsInstance(value, list, f"{name} in {answer}")
        return answer.json

    def setUp(self):
        self.mytoken = sub(restrictions=[{"exp": "+1d", "usages_AT": 5, "usages_other": 5, "scope": "openid profile", "hosts": ["this"]}],
                           rotation={"on_AT": True, "lifetime": 900})

    def test_rule_09_integers_are_written_as_integers(self):
        self.check(api().start_login())
        self.check(api().access_token(self.mytoken))
        self.check(api().post(MYTOKEN, {"grant_type": "mytoken", "mytoken": full(), "restrictions": [{"exp": "+1d", "usages_AT": 5}]}))
        info = self.check(api().post(TOKENINFO, {"mytoken": sub(restrictions=[{"exp": "+1d", "usages_AT": 5}])}))["token"]
        self.assertIs(type(info["restrictions"][0]["exp"]), int)
        self.assertIs(type(claims_of(self.mytoken)["iat"]), int)

    def test_rule_10_what_is_a_list_is_one_and_scope_and_aud_are_strings(self):
        answer = self.check(api().access_token(self.mytoken))
        self.assertEqual(answer["audience"], [stack().op + "/storage"])
        self.assertIsInstance(answer["scope"], str)
        made = self.check(api().post(MYTOKEN, {"grant_type": "mytoken", "mytoken": full(), "restrictions": [
            {"scope": "openid", "audience": [COMPUTE], "hosts": ["127.0.0.0/8"], "geoip_allow": ["de"]}]}))
        self.assertEqual(made["restrictions"][0]["scope"], "openid")
        self.assertIsInstance(made["capabilities"], list)
        token = self.check(api().post(TOKENINFO, {"mytoken": made["mytoken"]}))["token"]
        self.assertEqual(token["aud"], stack().issuer)
        self.assertIsInstance(token["restrictions"][0]["hosts"], list)


class Profiles(unittest.TestCase):
    def test_rule_20_the_profiles_that_clients_ask_for_by_default_exist(self):
        listed = {entry["name"]: entry["payload"] for entry in api().get(document()["profiles_endpoint"] + "/profiles", headers=GO_CLIENT).json}
        for name, capabilities in (("web-default", ["AT", "tokeninfo"]), ("agent", EVERYTHING)):
            self.assertEqual(sorted(listed[name]["capabilities"]), sorted(capabilities))
            for include in (name, [name], "@" + name):
                self.assertEqual(api().start_login(include=include).status, 200)
                made = api().post(MYTOKEN, {"grant_type": "mytoken", "mytoken": full(), "include": include})
                self.assertEqual(sorted(made.json["capabilities"]), sorted(capabilities), str(made))

    def test_rule_20_an_agents_account_is_made_with_its_profile(self):
        start = api().start_login(include="agent", application_name="oidc-agent", response_type="token", name="mytoken for oidc-agent:A-HOST")
        self.assertEqual(start.status, 200, str(start))
        login.log_in(start.json["consent_uri"], "bob", "bobby-pins")
        self.assertEqual(set(api().poll(start.json["polling_code"]).json["capabilities"]), set(EVERYTHING))

    def test_rule_20_a_sub_token_is_made_with_the_default_of_applications(self):
        made = api().post(MYTOKEN, {"include": "web-default", "grant_type": "mytoken", "mytoken": full(), "oidc_issuer": stack().op})
        self.assertEqual(made.status, 200, str(made))
        self.assertEqual(made.json["capabilities"], ["AT", "tokeninfo"])
        clause, = made.json["restrictions"]
        self.assertEqual((clause["hosts"], clause["usages_AT"]), (["127.0.0.1"], 15))
        self.assertLessEqual(abs(made.json["expires_in"] - 12 * 3600), 5)


class Polling(unittest.TestCase):
    def test_rule_15_pending_is_an_error_status_and_never_slow_down(self):
        start = api().start_login().json
        self.assertLessEqual(1, start["interval"])
        self.assertLessEqual(start["interval"], 15)
        self.assertGreater(start["expires_in"], 0)
        for _ in range(20):  # as fast as it goes
            answer = api().poll(start["polling_code"])
            self.assertEqual((answer.status, answer.json["error"]), (428, "authorization_pending"))

    def test_rule_16_limits_allow_an_agent_to_wait_for_a_login(self):
        # by default, for one client: polls every five seconds for five minutes, each after a look at the document
        with Stack(config={"server": {"request_limits": {"always_allow": []}}}) as s:
            here = Api(s.issuer, s.op)
            for _ in range(2):
                self.assertEqual(here.get(CONFIGURATION).status, 200)
            start = here.start_login()
            for _ in range(300 // 5):
                self.assertEqual(here.get(CONFIGURATION).status, 200)
                self.assertEqual(here.poll(start.json["polling_code"]).status, 428)


class Tags(unittest.TestCase):
    def test_rule_02_whoever_may_manage_notifications_or_calendars_may_list_the_tags(self):
        for capability in ("tokeninfo:notify", "manage_mytokens:notify"):
            answer = api().get(f"{SETTINGS}/tags", raw=b"null\n", headers={**GO_CLIENT, "Authorization": f"Bearer {sub(capabilities=[capability])}"})
            self.assertEqual(answer.status, 200, str(answer))
            self.assertIsInstance(answer.json["tags"], list)


class AbsentMembers(unittest.TestCase):
    def test_rule_17_get_with_the_body_null(self):
        for path in (CONFIGURATION, SETTINGS, "/jwks", "/api/v0/capabilities"):
            answer = api().get(path, raw=b"null\n", headers=GO_CLIENT)
            self.assertEqual(answer.status, 200, str(answer))

    def test_rule_17_null_and_empty_texts_mean_absent(self):
        answer = api().post(MYTOKEN, {
            "grant_type": "mytoken", "mytoken": full(), "mom_id": "", "oidc_issuer": "", "redirect_uri": "", "comment": "", "rotation": None,
            "restrictions": None, "capabilities": None, "tags": None, "include": None, "name": None, "max_token_len": None,
            "error_on_restrictions": None})
        self.assertEqual(answer.status, 200, str(answer))
        self.assertEqual(set(answer.json["capabilities"]), set(EVERYTHING))
        self.assertNotIn("restrictions", answer.json)
        answer = api().access_token(full(), audience=None, comment="", scope="", oidc_issuer=None)
        self.assertEqual(answer.status, 200, str(answer))
        start = api().start_login(redirect_uri="", rotation=None, restrictions=None, tags=None)
        self.assertEqual(start.status, 200, str(start))
        revoked = sub()
        answer = api().post(REVOKE, {"token": revoked, "mom_id": "", "recursive": None})
        self.assertEqual(answer.status, 204)
        self.assertTrue(is_dead(revoked))


class EmptyAnswers(unittest.TestCase):
    def empty(self, answer, *statuses):
        self.assertIn(answer.status, statuses, str(answer))
        self.assertEqual(answer.body, b"")
        self.assertNotIn("Transfer-Encoding", answer.headers)
        if answer.status == 204:
            self.assertNotIn("Content-Type", answer.headers)
        else:
            self.assertEqual(answer.headers["Content-Length"], "0")

    def test_rule_03_a_revocation_has_no_body(self):
        self.empty(api().post(REVOKE, {"token": sub()}), 204)
        self.empty(api().post(REVOKE, {"token": "unknown"}), 204)

    def test_rule_03_profiles_are_made_changed_and_removed_without_a_body(self):
        groups = {"features": {"server_profiles": {"enabled": True, "groups": {"_": "open sesame"}}}}
        with Stack(config=groups) as s:
            here = Api(s.issuer, s.op)
            basic = {"Authorization": "Basic " + base64.b64encode(b"_:open sesame").decode()}
            path = "/api/v0/pt/restrictions"
            self.empty(here.post(path, {"name": "rule3", "payload": {"exp": "+6h"}}, headers=basic), 201)
            entry = next(e for e in here.get(path).json if e["name"] == "rule3")
            self.empty(here.call("PUT", f"{path}/{entry['id']}", json_body={"name": "rule3", "payload": {"exp": "+7h"}}, headers=basic), 200)
            self.empty(here.call("DELETE", f"{path}/{entry['id']}", raw=b"null\n", headers=basic), 204)


    def test_rule_03_a_grant_that_was_switched_on_or_off_has_no_body(self):
        for _ in range(2):
            self.empty(api().post(f"{SETTINGS}/grants", {"grant_type": "ssh", "mytoken": full()}), 201)
        self.empty(api().call("DELETE", f"{SETTINGS}/grants", json_body={"grant_type": "ssh", "mytoken": full()}), 204)

    def test_rule_03_changes_of_tags_have_no_body(self):
        bearer = {**GO_CLIENT, "Authorization": f"Bearer {full()}"}
        self.empty(api().post(f"{SETTINGS}/tags/rule%203", {}, headers=bearer), 204)
        self.empty(api().call("PUT", f"{SETTINGS}/tags/rule%203", json_body={"color": "00FF00"}, headers=bearer), 204)
        self.empty(api().post("/api/v0/token/my/tags", {"tag": "rule 3", "mytoken": full(), "mom_id": "", "include_children": False}), 204)
        self.empty(api().call("DELETE", f"{SETTINGS}/tags/rule%203", raw=b"null\n", headers=bearer), 204)


class Rotation(unittest.TestCase):
    def test_rule_24_every_success_tells_the_new_token(self):
        mytoken = sub(rotation={"on_other": True, "on_AT": True})

        def used(answer):
            nonlocal mytoken
            self.assertIn(answer.status, (200, 201), str(answer))
            update = answer.json["token_update"]
            self.assertEqual(claims_of(update["mytoken"])["seq_no"], claims_of(mytoken)["seq_no"] + 1)
            self.assertTrue(is_dead(mytoken))
            mytoken = update["mytoken"]
            return answer.json

        self.assertIn("access_token", used(api().access_token(mytoken)))
        made = used(api().post(MYTOKEN, {"grant_type": "mytoken", "mytoken": mytoken}))
        self.assertNotEqual(claims_of(made["mytoken"])["jti"], claims_of(mytoken)["jti"])
        for action in ("event_history", "subtokens", "list_mytokens", "notifications"):
            used(api().post(TOKENINFO, {"action": action, "mytoken": mytoken}))
        other = api().sub_token(full())["mom_id"]
        self.assertEqual(set(used(api().post(REVOKE, {"token": mytoken, "mom_id": other}))), {"token_update"})
        used(api().post(f"{SETTINGS}/grants", {"grant_type": "ssh", "mytoken": mytoken}))
        used(api().get(f"{SETTINGS}/grants", json_body={"mytoken": mytoken}))
        used(api().post("/api/v0/token/my/tags", {"tag": "rule 24", "mytoken": mytoken}))
        used(api().get(f"{SETTINGS}/tags", json_body={"mytoken": mytoken}))
        self.assertNotIn("token_update", api().post(TOKENINFO, {"mytoken": mytoken}).json)
        self.assertNotIn("token_update", api().post("/api/v0/token/transfer", {"mytoken": mytoken}).json)


class ConsentPage(unittest.TestCase):
    """Rule 19: what oidc-agent 5 shows to its user before it asks for a sub-token, and what its web view can take."""

    LARGEST = 96 * 1024  # of the page: as base64 it is one argument of a command

    def page(self, accept="application/json", **members):
        return api().post("/c", {"oidc_issuer": stack().op, "grant_type": "mytoken", "mytoken": full(), "name": "mytoken requested by APP", **members},
                          headers={**AGENT5, "Accept": accept, "Content-Type": "application/json"})

    def test_rule_19_the_page_is_one_that_the_agent_can_show(self):
        for accept in ("application/json", "*/*", "text/html"):
            answer = self.page(accept, restrictions=[{"exp": "+7d", "usages_AT": 3}], capabilities=["AT"])
            self.assertEqual((answer.status, answer.headers.get_content_type()), (200, "text/html"), str(answer))
            text = answer.body.decode()
            self.assertLess(len(answer.body), self.LARGEST)
            self.assertIn('<div class="footer"', text)
            for forbidden in ("{{", "}}", "\0"):
                self.assertNotIn(forbidden, text)
            self.assertRegex(text, r"\bapprove\(\w+\)")
            self.assertRegex(text, r"\bcancel\(\)")
            self.assertNotRegex(text, r"function\s+(approve|cancel)\b|(?<![\w.])(approve|cancel)\s*=[^=]")
            self.assertNotRegex(text, r"<(script|link|img|iframe)\b[^>]*\b(src|href)=")
            self.assertIn("mytoken requested by APP", text)
            self.assertNotIn(full(), text)

    def test_rule_19_what_applications_send_cannot_break_the_page(self):
        text = self.page(name="{{name}} </script><b>", application_name="{{#a}}").body.decode()
        self.assertNotIn("{{", text)
        self.assertNotIn("</script><b>", text)

    def test_rule_19_a_profile_is_resolved_for_the_page(self):
        answer = self.page(include="web-default")
        self.assertEqual(answer.status, 200, str(answer))
        self.assertIn("127.0.0.1", answer.body.decode())

    def test_rule_19_nothing_is_used_up_by_a_look(self):
        once = sub(restrictions=[{"usages_other": 1}], rotation={"on_other": True})
        for _ in range(3):
            self.assertEqual(self.page(mytoken=once).status, 200)
        self.assertEqual(api().post(MYTOKEN, {"grant_type": "mytoken", "mytoken": once}).status, 200)

    def test_rule_19_and_08_what_goes_wrong_is_json(self):
        gone = sub()
        api().post(REVOKE, {"token": gone})
        for members, status in (({"mytoken": gone}, 401), ({"mytoken": "x" * 64}, 401), ({"mytoken": None}, 401), ({"oidc_issuer": None}, 400),
                                ({"oidc_issuer": "https://elsewhere.example"}, 400), ({"mytoken": sub(capabilities=["AT"])}, 403),
                                ({"include": "no-such-profile"}, 400)):
            answer = self.page(**members)
            self.assertEqual((answer.status, answer.headers.get_content_type()), (status, "application/json"), f"{members} {answer}")
            self.assertTrue(answer.json["error"] and answer.json["error_description"])

    def test_rule_19_the_approved_object_makes_the_token(self):
        answer = api().post(MYTOKEN, {"restrictions": [{"exp": "+7d", "usages_AT": 3}], "capabilities": ["AT"], "name": "mytoken requested by APP",
                                      "rotation": None, "oidc_issuer": stack().op, "grant_type": "mytoken", "mytoken": full()}, headers=AGENT5)
        self.assertEqual(answer.status, 200, str(answer))
        self.assertIs(type(answer.json["expires_in"]), int)


class TheList(unittest.TestCase):
    def test_every_rule_has_a_test_or_a_reason(self):
        tests = [name for case in globals().values() if isinstance(case, type) and issubclass(case, unittest.TestCase)
                 for name in dir(case) if name.startswith("test_")]
        tested = {int(number) for name in tests for number in re.findall(r"rule_(\d\d)", name)}
        self.assertEqual(tested & set(OUT_OF_REACH), set())
        self.assertEqual(tested | set(OUT_OF_REACH), set(range(1, 25)))
