"""Known weaknesses that show on the wire (spec tokens.md §14, api.md §15), each tried on a running server, and the check of the
index of all of them (weaknesses.py).
"""
import base64
import concurrent.futures
import hashlib
import hmac
import json
import re
import unittest
import urllib.parse
import uuid

import special
import weaknesses
from api import ACCESS, MYTOKEN, REVOKE, TOKENINFO, TRANSFER, claims_of
from fixture import shared, validate
from scripted import ScriptedStack, scripted
from test_matrix import world


def at_once(call, times):
    with concurrent.futures.ThreadPoolExecutor(times) as pool:
        return [f.result() for f in [pool.submit(call) for _ in range(times)]]


def introspect(token):
    return shared().api.post(TOKENINFO, {"action": "introspect", "mytoken": token})


class Codes(unittest.TestCase):
    def test_api_weakness_1_a_polling_code_does_not_follow_from_what_others_see(self):
        s = scripted()
        start, uri, _ = s.authorization()
        consent_code = start.json["consent_uri"].rpartition("/")[2]
        state = urllib.parse.parse_qs(urllib.parse.urlsplit(uri).query)["state"][0]
        polling_code = start.json["polling_code"]

        def derived(text):
            data = text.encode()
            return base64.urlsafe_b64encode(data + hmac.digest(data, b"", hashlib.sha3_512)).decode()
        for seen in (consent_code, state):
            self.assertFalse(derived(seen).startswith(polling_code[:8]))
            self.assertNotIn(polling_code, derived(seen) + seen)
        self.assertFalse(derived(consent_code).startswith(state[:8]))
        self.assertNotIn(base64.urlsafe_b64encode(consent_code.encode()).decode().rstrip("=")[:10], state)
        self.assertGreaterEqual(len(polling_code) * 5.6, 128)  # bits
        self.assertGreaterEqual(len(state) * 5.6, 128)

    def test_api_weakness_2_codes_made_in_one_moment_are_all_different(self):
        s = shared()
        codes = [a.json["transfer_code"] for a in at_once(lambda: s.api.post(TRANSFER, {"mytoken": s.full}), 40)]
        self.assertEqual(len(set(codes)), 40)
        self.assertGreater(len(set("".join(codes))), 40)  # of 50 letters
        tokens = [a.json["mytoken"] for a in at_once(lambda: s.api.post(MYTOKEN, {
            "grant_type": "mytoken", "mytoken": s.full, "response_type": "short_token"}), 20)]
        self.assertEqual(len({t[:8] for t in tokens}), 20)

    def test_api_weakness_3_one_of_many_gets_the_token_of_a_code(self):
        s = shared()
        code = s.sub(response_type="transfer_code")
        answers = at_once(lambda: s.api.post(MYTOKEN, {"grant_type": "transfer_code", "transfer_code": code}), 30)
        self.assertEqual(sorted(a.status for a in answers), [200] + [401] * 29)

    def test_api_weakness_4_a_code_of_the_other_kind_is_refused_and_stays(self):
        s = shared()
        transfer_code = s.sub(response_type="transfer_code")
        answer = s.api.poll(transfer_code)
        self.assertEqual((answer.status, answer.json["error"]), (401, "invalid_token"))
        self.assertEqual(s.api.post(MYTOKEN, {"grant_type": "transfer_code", "transfer_code": transfer_code}).status, 200)
        polling_code = s.api.start_login().json["polling_code"]
        answer = s.api.post(MYTOKEN, {"grant_type": "transfer_code", "transfer_code": polling_code})
        self.assertEqual((answer.status, answer.json["error"]), (401, "invalid_token"))
        self.assertEqual(s.api.poll(polling_code).status, 428)

    def test_api_weakness_5_no_log_contains_a_token_or_code(self):
        with special.talkative() as s:
            secrets = [s.login(response_type="short_token")["mytoken"]]
            full = s.login()["mytoken"]
            secrets += [full, full.rpartition(".")[2]]
            access = s.api.access_token(full).json["access_token"]
            code = s.api.post(TRANSFER, {"mytoken": full}).json["transfer_code"]
            begun = s.api.start_login().json
            secrets += [access, code, begun["polling_code"], begun["consent_uri"].rpartition("/")[2]]
            s.api.poll(begun["polling_code"])
            s.api.post(MYTOKEN, {"grant_type": "transfer_code", "transfer_code": code[::-1]})
            s.api.post(REVOKE, {"token": code})
            s.api.post(REVOKE, {"token": full, "recursive": True})
            s.api.post(TOKENINFO, raw=json.dumps({"mytoken": full}).encode()[:-1])
            s.server.stop()
            written = "".join(f.read_text(errors="replace") for f in s.folder.rglob("*") if f.suffix == ".log" and "provider" not in f.name)
        self.assertGreater(len(written), 1000)
        for secret in [*secrets, code[::-1]]:
            self.assertNotIn(secret, written)


class Authorisation(unittest.TestCase):
    def test_api_weakness_7_a_requested_scope_counts_without_restrictions(self):
        answer = shared().api.access_token(shared().full, scope="storage.read:/")
        self.assertEqual(set(answer.json["scope"].split()) - {"offline_access"}, {"storage.read:/"})

    def test_api_weakness_8_error_on_restrictions_refuses_what_is_too_wide(self):
        s = shared()
        parent = s.sub(restrictions=[{"scope": "openid", "usages_AT": 5}])
        for restrictions in ([{"scope": "openid email"}], [{"scope": "openid", "usages_AT": 6}]):
            request = {"grant_type": "mytoken", "mytoken": parent, "restrictions": restrictions}
            answer = s.api.post(MYTOKEN, {**request, "error_on_restrictions": True})
            self.assertEqual((answer.status, answer.json["error"]), (400, "invalid_request"))
            self.assertEqual(s.api.post(MYTOKEN, request).status, 200)

    def test_api_weakness_9_ip_is_hosts_and_unknown_members_are_refused(self):
        s = shared()
        token = s.sub(restrictions=[{"ip": ["192.0.2.1"]}])
        self.assertEqual(claims_of(token)["restrictions"], [{"hosts": ["192.0.2.1"]}])
        self.assertEqual(s.api.access_token(token).json["error"], "usage_restricted")
        for clause in ({"weekday": "monday"}, {"ip": ["this"], "hosts": ["this"]}, {"schedule": "x"}):
            answer = s.api.post(MYTOKEN, {"grant_type": "mytoken", "mytoken": s.full, "restrictions": [clause]})
            self.assertEqual((answer.status, answer.json["error"]), (400, "invalid_request"), clause)

    def test_api_weakness_14_the_end_of_a_rotation_lifetime_is_no_theft(self):
        w = world()  # whose clock has jumped on
        answer = w.api.post(TRANSFER, {"mytoken": w.of_short_life})
        self.assertEqual((answer.status, answer.json["error"]), (401, "invalid_token"))
        self.assertTrue(w.lives(w.child_of_short_life))

    def test_api_weakness_15_an_unknown_token_in_the_body_does_not_fall_through(self):
        s = shared()
        for path, form in ((ACCESS, {"grant_type": "mytoken"}), (TOKENINFO, {}), (TRANSFER, {})):
            for headers in ({"Authorization": f"Bearer {s.full}"}, {"Cookie": f"mytoken={s.full}"}):
                answer = s.api.post(path, form={**form, "mytoken": "x" * 64}, headers=headers)
                self.assertEqual((answer.status, answer.json["error"]), (401, "invalid_token"), f"{path} {headers.keys()}")
        kept = s.sub()
        self.assertEqual(s.api.post(REVOKE, form={"token": "x" * 64}, headers={"Authorization": f"Bearer {kept}"}).status, 204)
        self.assertEqual(introspect(kept).status, 200)

    def test_api_weakness_16_consent_from_elsewhere_and_foreign_redirects_are_refused(self):
        s = shared()
        path = s.api.start_login().json["consent_uri"]
        for origin in ("https://evil.example", "null", s.stack.issuer + ".evil.example"):
            answer = s.api.post(path, {"oidc_issuer": s.stack.op}, headers={"Origin": origin})
            self.assertEqual((answer.status, answer.json["error"]), (403, "access_denied"), origin)
        for uri in ("https://evil.example/", "https://evil.example/https://trusted.example/", "//evil.example", "https://trusted.example.evil.example/"):
            answer = s.api.start_login(client_type="web", redirect_uri=uri)
            self.assertEqual((answer.status, answer.json["error"]), (400, "invalid_request"), uri)

    def test_api_weakness_21_an_empty_list_of_capabilities_is_refused_and_cookies_are_left_alone(self):
        s = shared()
        answer = s.api.post(MYTOKEN, {"grant_type": "mytoken", "mytoken": s.full, "capabilities": []})
        self.assertEqual((answer.status, answer.json["error"]), (400, "invalid_request"))
        request = {"grant_type": "mytoken"}
        token = s.sub(rotation={"on_AT": True})
        by_header = s.api.post(ACCESS, request, headers={"Authorization": f"Bearer {token}"})
        self.assertIsNone(by_header.headers["Set-Cookie"])
        token = by_header.json["token_update"]["mytoken"]
        by_cookie = s.api.post(ACCESS, request, headers={"Cookie": f"mytoken={token}"})
        self.assertTrue(by_cookie.headers["Set-Cookie"].startswith(f"mytoken={by_cookie.json['token_update']['mytoken']};"))


class Robustness(unittest.TestCase):
    def test_api_weakness_17_what_crashed_the_reference_is_an_ordinary_answer(self):
        s = shared()
        token = s.sub(restrictions=[{"usages_other": 3}])
        for status in (200, 200, 200, 403):
            self.assertEqual(s.api.post(MYTOKEN, {"grant_type": "mytoken", "mytoken": token}).status, status)
        for body in (b"null", b"", b"{}"):
            answer = s.api.post("/c/nosuchcode", raw=body)
            self.assertEqual((answer.status, answer.json["error"]), (404, "not_found"))
        begun = s.api.start_login().json["consent_uri"]
        consent = {"oidc_issuer": s.stack.op, "rotation": {"on_AT": True}}
        answers = at_once(lambda: s.api.post(begun, consent), 12)
        self.assertLessEqual({a.status for a in answers}, {278, 404})  # one that was overtaken finds another request
        self.assertEqual(s.api.post(begun, consent).status, 278)
        self.assertEqual(introspect(s.full).status, 200)

    def test_api_weakness_18_names_have_their_limit_and_long_ones_their_events(self):
        s = shared()
        for name, status in (("n" * 100, 200), ("ü" * 100, 200), ("n" * 101, 400)):
            answer = s.api.post(MYTOKEN, {"grant_type": "mytoken", "mytoken": s.full, "name": name})
            self.assertEqual(answer.status, status, str(answer))
            validate(self, answer)


class Protocol(unittest.TestCase):
    def test_api_weakness_23_errors_are_objects_and_a_body_token_is_judged_alike_everywhere(self):
        s = shared()
        for path, member in ((MYTOKEN, "mytoken"), (ACCESS, "mytoken"), (TOKENINFO, "mytoken"), (TRANSFER, "mytoken")):
            for value in ("short", "x" * 64, s.full[:-8] + "AAAAAAAA"):
                answer = s.api.post(path, {"grant_type": "mytoken", member: value})
                self.assertEqual((answer.status, answer.json["error"]), (401, "invalid_token"), f"{path} {value}")
        for answer in (s.api.call("PUT", ACCESS), special.exhausted().get("/api/v0/settings")):
            self.assertEqual(set(answer.json), {"error", "error_description"})
            self.assertTrue(answer.json["error_description"])

    def test_api_weakness_24_answers_are_not_stored_and_bodies_and_headers_are_bounded(self):
        s = shared()
        long_token = s.sub(restrictions=[{"scope": "openid", "audience": [f"https://{i}.example" for i in range(400)]}])
        self.assertGreater(len(long_token), 8192)
        answer = s.api.post(TOKENINFO, headers={"Authorization": f"Bearer {long_token}"})
        self.assertEqual(answer.status, 200)
        self.assertEqual((answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]), ("no-store", "nosniff"))
        for given in ("../../etc/passwd", "x" * 65, "a b"):
            answer = s.api.get("/jwks", headers={"X-Request-ID": given})
            self.assertEqual(str(uuid.UUID(answer.headers["X-Request-ID"])), answer.headers["X-Request-ID"])
        answer = s.api.access_token(s.sub(restrictions=[{"hosts": ["192.0.2.1"]}]))
        self.assertEqual(answer.status, 403)
        answer = s.api.post(ACCESS, {"grant_type": "mytoken", "mytoken": s.sub(restrictions=[{"hosts": ["192.0.2.1"]}])},
                            headers={"X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1", "X-Real-IP": "192.0.2.1"})
        self.assertEqual((answer.status, answer.json["error"]), (403, "usage_restricted"))

    def test_api_weakness_25_a_slash_of_the_issuer_does_not_matter_and_what_is_off_is_not_advertised(self):
        s = shared()
        for issuer in (s.stack.op, s.stack.op + "/"):
            self.assertEqual(s.api.access_token(s.full, oidc_issuer=issuer).status, 200)
            self.assertEqual(s.api.start_login(oidc_issuer=issuer).status, 200)
        document = special.server("bare").get("/.well-known/mytoken-configuration").json
        for member in ("tokeninfo_endpoint", "revocation_endpoint", "token_transfer_endpoint", "profiles_endpoint", "notifications_endpoint"):
            self.assertNotIn(member, document)
        self.assertEqual(document["response_types_supported"], ["token"])


class TokenModel(unittest.TestCase):
    def test_W11_a_rotated_short_token_is_replaced_by_a_short_token(self):
        s = shared()
        for path, request, rotation in ((ACCESS, {"grant_type": "mytoken"}, {"on_AT": True}),
                                        (MYTOKEN, {"grant_type": "mytoken"}, {"on_other": True})):
            token = s.sub(response_type="short_token", rotation=rotation)
            answer = s.api.post(path, {**request, "mytoken": token})
            self.assertEqual((answer.status, answer.json["token_update"]["mytoken_type"]), (200, "short_token"))
            self.assertEqual(introspect(answer.json["token_update"]["mytoken"]).status, 200)
            self.assertEqual(introspect(token).status, 401)

    def test_W12_transfer_codes_that_are_switched_off_are_not_made(self):
        with ScriptedStack(config={"features": {"transfer_codes": {"enabled": False}, "token_rotation": {"enabled": False},
                                             "polling_codes": {"enabled": True, "polling_interval": 1}}}) as s:
            answer = s.login(rotation={"on_AT": True})
            self.assertNotIn("rotation", claims_of(answer["mytoken"]))
            child = s.api.sub_token(answer["mytoken"], response_type="transfer_code")
            self.assertEqual(child["mytoken_type"], "token")

    def test_W31_a_name_of_the_greatest_length_fits_into_the_event_of_its_parent(self):
        s = shared()
        parent = s.sub()
        child = s.api.sub_token(parent, name="n" * 100)
        self.assertEqual(claims_of(child["mytoken"])["name"], "n" * 100)

    def test_W32_other_uses_without_a_limit_of_access_tokens(self):
        s = shared()
        token = s.sub(restrictions=[{"usages_other": 2}])
        for status in (200, 200, 403):
            self.assertEqual(s.api.post(MYTOKEN, {"grant_type": "mytoken", "mytoken": token}).status, status)
        self.assertEqual(s.api.access_token(token).status, 200)

    def test_W36_consent_replaces_this_and_checks_like_the_start(self):
        s = scripted()
        start = s.api.start_login()
        uri = start.json["consent_uri"]
        for edit in ({"capabilities": ["fly"]}, {"capabilities": []}, {"restrictions": [{"exp": 1}]}, {"restrictions": [{"weekday": 1}]}):
            answer = s.api.post(uri, {"oidc_issuer": s.op, **edit})
            self.assertEqual((answer.status, answer.json["error"]), (400, "invalid_request"), edit)
        decision = s.api.post(uri, {"oidc_issuer": s.op, "restrictions": [{"hosts": ["this"]}]})
        headers = {"Cookie": decision.headers["Set-Cookie"].partition(";")[0], "Accept": "text/html"}
        end = s.api.get(s.back_from_provider(decision.json["authorization_uri"]), headers=headers)
        self.assertEqual(end.status, 303)
        token = s.api.poll(start.json["polling_code"]).json
        self.assertEqual(token["restrictions"], [{"hosts": ["127.0.0.1"]}])

    def test_W38_revocation_clears_the_cookie_under_every_domain_it_may_have(self):
        s = shared()
        answer = s.api.post(REVOKE, {}, headers={"Cookie": f"mytoken={s.sub()}"})
        cookies = answer.headers.get_all("Set-Cookie")
        self.assertEqual(len(cookies), 2)
        for cookie in cookies:
            self.assertRegex(cookie, r"^mytoken=; .*Path=/api")
            self.assertIn("Max-Age=0", cookie)
        self.assertEqual(sum("Domain=127.0.0.1" in cookie for cookie in cookies), 1)


class OtherTokens(unittest.TestCase):
    """Revocation by mom_id and tokeninfo about others."""

    def tokens(self, capabilities=("AT", "tokeninfo", "create_mytoken"), **request):
        """(a token, its child, a sibling), each a mytoken response."""
        s = shared()
        parent = s.api.sub_token(s.full, capabilities=list(capabilities), **request)
        return parent, s.api.sub_token(parent["mytoken"]), s.api.sub_token(s.full)

    def info(self, token, action, **members):
        answer = shared().api.post(TOKENINFO, {"action": action, "mytoken": token, **members})
        validate(self, answer)
        return answer

    def revoke(self, token, **members):
        answer = shared().api.post(REVOKE, {"token": token, **members})
        validate(self, answer)
        return answer

    def events(self, token, **members):
        return [e["event"] for e in self.info(token, "event_history", **members).json["events"]]

    def test_W10_a_token_without_restrictions_is_logged_and_rotated_like_others(self):
        s = shared()
        for action, event in (("event_history", "tokeninfo_history"), ("subtokens", "tokeninfo_subtokens"),
                              ("list_mytokens", "tokeninfo_list_mytokens"), ("notifications", "tokeninfo_notifications")):
            token = s.sub(rotation={"on_other": True})
            answer = self.info(token, action)
            successor = answer.json["token_update"]["mytoken"]
            self.assertEqual(claims_of(successor)["seq_no"], 2)
            self.assertEqual(self.events(successor)[:2], [event, "token_rotated"], action)

    def test_W26_the_session_ends_with_the_last_token_that_is_revoked_by_mom_id(self):
        s = scripted()
        login = s.login()
        child = s.api.sub_token(login["mytoken"])
        before = s.sessions_ended()
        self.assertEqual(s.api.post(REVOKE, {"token": login["mytoken"], "mom_id": child["mom_id"]}).status, 204)
        self.assertEqual(s.api.post(REVOKE, {"token": login["mytoken"], "mom_id": login["mom_id"]}).status, 204)
        s.wait_for_sessions_ended(before + 1)

    def test_W26_the_session_ends_with_a_family_that_ends_by_reuse(self):
        s = scripted()
        for response_type in ("token", "short_token"):
            old = s.login(response_type=response_type, rotation={"on_other": True, "auto_revoke": True})["mytoken"]
            s.api.sub_token(old)
            before = s.sessions_ended()
            self.assertEqual(s.api.post(TRANSFER, {"mytoken": old}).status, 401)
            s.wait_for_sessions_ended(before + 1)

    def test_api_weakness_10_revocation_of_others_checks_who_asks(self):
        s = shared()
        parent, child, sibling = self.tokens(["AT", "tokeninfo", "create_mytoken", "manage_mytokens"])
        by_revoked = s.api.sub_token(s.full)["mytoken"]
        self.assertEqual(self.revoke(by_revoked).status, 204)
        outdated = s.sub(rotation={"on_AT": True})
        self.assertEqual(s.api.access_token(outdated).status, 200)
        for authorising in (by_revoked, outdated, "garbage", "x" * 64):
            answer = self.revoke(authorising, mom_id=sibling["mom_id"])
            self.assertEqual((answer.status, answer.json["error"]), (401, "invalid_token"), authorising)
        answer = self.revoke(parent["mytoken"], mom_id=sibling["mom_id"].swapcase())
        self.assertEqual(answer.status, 403)
        self.assertEqual(introspect(sibling["mytoken"]).status, 200)
        self.assertEqual(self.revoke(parent["mytoken"], mom_id=sibling["mom_id"]).status, 204)
        self.assertEqual(introspect(sibling["mytoken"]).status, 401)
        self.assertEqual(self.revoke(parent["mytoken"], mom_id=sibling["mom_id"]).status, 403)
        answers = at_once(lambda: s.api.post(REVOKE, {"token": parent["mytoken"], "mom_id": s.api.sub_token(s.full)["mom_id"]}), 12)
        self.assertEqual({a.status for a in answers}, {204})
        self.assertEqual(self.revoke(parent["mytoken"], mom_id=parent["mom_id"]).status, 204)
        self.assertEqual(introspect(parent["mytoken"]).status, 401)
        self.assertEqual(introspect(child["mytoken"]).status, 200)

    def test_a_rotating_token_that_revokes_another_is_replaced(self):
        s = shared()
        parent = s.api.sub_token(s.full, rotation={"on_other": True})
        child = s.api.sub_token(parent["mytoken"])
        answer = self.revoke(child["token_update"]["mytoken"], mom_id=child["mom_id"])
        self.assertEqual(answer.status, 200, str(answer))
        successor = answer.json["token_update"]["mytoken"]
        self.assertEqual(claims_of(successor)["seq_no"], 3)
        self.assertEqual(self.events(successor)[:2], ["token_rotated", "revoked_other_token"])
        self.assertEqual(introspect(child["mytoken"]).status, 401)

    def test_W25_a_token_that_names_itself_dies_and_is_not_rotated(self):
        s = shared()
        token = s.api.sub_token(s.full, rotation={"on_other": True})
        self.assertEqual(self.revoke(token["mytoken"], mom_id=token["mom_id"]).status, 204)
        self.assertEqual(introspect(token["mytoken"]).status, 401)

    def revoked_by_form(self, member):
        s = shared()
        parent, child, _ = self.tokens()
        answer = s.api.post(REVOKE, form={"token": parent["mytoken"], member: child["mom_id"]})
        self.assertEqual(answer.status, 204, str(answer))
        self.assertEqual(introspect(child["mytoken"]).status, 401)
        self.assertEqual(introspect(parent["mytoken"]).status, 200)

    def test_W27_a_form_revokes_the_token_that_it_names(self):
        self.revoked_by_form("mom_id")
        s = shared()
        token = s.sub()
        answer = s.api.post(REVOKE, form={"token": token, "oidc_issuer": "https://other.example"})
        self.assertEqual((answer.status, answer.json["error"]), (400, "invalid_request"))
        self.assertEqual(introspect(token).status, 200)

    def test_api_weakness_11_the_older_name_of_mom_id_in_a_form_is_honoured(self):
        self.revoked_by_form("revocation_id")

    def test_W30_ids_in_another_case_are_other_ids(self):
        parent, child, _ = self.tokens()
        answer = self.revoke(parent["mytoken"], mom_id=child["mom_id"].swapcase())
        self.assertEqual(answer.status, 403)
        self.assertEqual(introspect(child["mytoken"]).status, 200)

    def test_W33_history_of_others_needs_its_capability_and_that_of_all_includes_the_own(self):
        s = shared()
        parent, child, sibling = self.tokens(["AT", "create_mytoken"])
        words = ["this", "children", f"children@{parent['mom_id']}", child["mom_id"]]
        for word in words:
            answer = self.info(parent["mytoken"], "event_history", mom_ids=[word])
            self.assertEqual((answer.status, answer.json["error"]), (403, "insufficient_capabilities"), word)
        parent, child, sibling = self.tokens(["create_mytoken", "manage_mytokens:history"])
        for word in ["this", "children", f"children@{parent['mom_id']}", child["mom_id"], sibling["mom_id"], f"children@{sibling['mom_id']}"]:
            self.assertEqual(self.info(parent["mytoken"], "event_history", mom_ids=[word]).status, 200, word)
        parent, child, sibling = self.tokens(["create_mytoken", "tokeninfo:history"])
        for word, status in ((child["mom_id"], 200), ("children", 200), (sibling["mom_id"], 403), (f"children@{sibling['mom_id']}", 403)):
            self.assertEqual(self.info(parent["mytoken"], "event_history", mom_ids=[word]).status, status, word)
        self.assertEqual(self.info(s.full, "event_history", mom_ids=[s.bob["mom_id"]]).json["error"], "invalid_grant")

    def test_api_weakness_12_tokeninfo_obeys_its_switches_and_names_others_by_mom_id(self):
        s = shared()
        parent, child, _ = self.tokens()
        answer = self.info(parent["mytoken"], "event_history", mom_ids=["this", "children"])
        self.assertEqual({e["mom_id"] for e in answer.json["events"]}, {parent["mom_id"], child["mom_id"]})
        one = self.info(parent["mytoken"], "event_history", mom_id=child["mom_id"])
        self.assertEqual({e["mom_id"] for e in one.json["events"]}, {child["mom_id"]})
        with ScriptedStack(config={"features": {"polling_codes": {"enabled": True, "polling_interval": 1},
                                                "tokeninfo": {"event_history": {"enabled": False}}}}) as other:
            answer = other.api.post(TOKENINFO, {"action": "event_history", "mytoken": other.login()["mytoken"]})
            self.assertEqual((answer.status, answer.json["error"]), (400, "invalid_request"))
            actions = other.api.get("/.well-known/mytoken-configuration").json["tokeninfo_endpoint_actions_supported"]
            self.assertNotIn("event_history", actions)


class Index(unittest.TestCase):
    """weaknesses.py names every number of the specification, and only tests that exist and say their number."""

    def test_every_number_is_there_once(self):
        others = [(weaknesses.OTHERS[prefix], weaknesses.OTHERS_LATER.get(prefix, {}), count) for prefix, count in (("profiles", 10), ("settings", 11))]
        for numbered, later, count in ((weaknesses.TOKENS, weaknesses.TOKENS_LATER, 39), (weaknesses.API, weaknesses.API_LATER, 25), *others):
            self.assertEqual(sorted([*numbered, *later]), list(range(1, count + 1)))
            for number, names in numbered.items():
                self.assertTrue(names, number)

    def test_every_named_test_exists_and_says_its_number(self):
        known = weaknesses.tests_of_the_tree()
        self.assertGreater(len(known), 500)
        for numbered, marks in ((weaknesses.TOKENS, ("W{}_",)), (weaknesses.API, ("api_weakness_{}_", )),
                                *((table, (prefix + "_weakness_{}_",)) for prefix, table in weaknesses.OTHERS.items())):
            for number, names in numbered.items():
                for name in names:
                    self.assertIn(name, known)
                    self.assertTrue(any(mark.format(number) in name for mark in marks), f"{name} does not say that it is about {number}")

    def test_no_test_names_a_weakness_that_the_index_does_not_know(self):
        listed = {name for table in (weaknesses.TOKENS, weaknesses.API, *weaknesses.OTHERS.values()) for names in table.values() for name in names}
        named = {name for name in weaknesses.tests_of_the_tree() if re.search(r"(^|[._])(W\d+_|[a-z]+_weakness_\d+_)", name)}
        self.assertEqual(named - listed, set())
