"""Templates and profiles: who may write them, what is listed, every documented error; and their use in token requests."""
import base64
import unittest
import urllib.parse
import uuid

from api import EVERYTHING, MYTOKEN, Api, claims_of
from fixture import CONFIGURED_GROUPS, GROUPS, Row, table, validate
from stack import Stack

PT = "/api/v0/pt"
SAMPLES = {"profiles": {"name": "sample", "capabilities": "AT tokeninfo"}, "capabilities": ["AT", "tokeninfo", "AT"],
           "restrictions": {"exp": "+6h", "usages_AT": 3}, "rotation": {"on_AT": True, "lifetime": 600}}
LISTED = {"profiles": {"name": "sample", "capabilities": ["AT", "tokeninfo"]}, "capabilities": ["AT", "tokeninfo"],
          "rotation": {"on_AT": True, "lifetime": 600}}
WRONG = {"profiles": [], "capabilities": [7], "restrictions": {"exp": "tomorrow"}, "rotation": {"on_AT": 1}}
UNKNOWN = "0b7e6f0e-5a0b-4a57-9d63-0a4f9d3b6d11"


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def path_of(kind, group=None, entry=None):
    return "/".join([PT] + ([urllib.parse.quote_plus(group)] if group else []) + [kind] + ([entry] if entry else []))


def write(s, method, kind, group=None, body=None, entry=None, query="", **more):
    owner = group or "_"
    more.setdefault("headers", basic(owner, GROUPS[owner]))
    return s.api.call(method, path_of(kind, group, entry) + query, json_body=body, **more)


def entry_of(s, kind, group, name):
    answer = s.api.get(path_of(kind, group))
    return next((e for e in answer.json if e["name"] == name), None)


def fresh(s, kind, group=None, payload=None):
    """A new entry; its name and id."""
    name = "t-" + uuid.uuid4().hex[:12]
    answer = write(s, "POST", kind, group, {"name": name, "payload": SAMPLES[kind] if payload is None else payload})
    assert answer.status == 201, answer
    return name, entry_of(s, kind, group, name)["id"]


def listed(kind, group):
    def call(s):
        s.template = fresh(s, kind, group)
        return s.api.get(path_of(kind, group))
    return call


def shows_it(kind):
    def check(case, answer, s):
        names = [e["name"] for e in answer.json]
        case.assertEqual(names, sorted(names))
        entry = next(e for e in answer.json if e["name"] == s.template[0])
        if kind == "restrictions":
            case.assertEqual((len(entry["payload"]), entry["payload"][0]["usages_AT"]), (1, 3))
            case.assertIsInstance(entry["payload"][0]["exp"], int)
        else:
            case.assertEqual(entry["payload"], LISTED[kind])
    return check


def changed(kind, group, how):
    """PUT of a fresh entry; `how`: where its id stands."""
    def call(s):
        name, entry = fresh(s, kind, group)
        body = {"name": name + "-new", "payload": SAMPLES[kind]}
        s.template = (name + "-new", entry)
        if how == "path":
            return write(s, "PUT", kind, group, body, entry)
        if how == "query":
            return write(s, "PUT", kind, group, {**body, "id": UNKNOWN}, query="?id=" + entry)
        return write(s, "PUT", kind, group, {**body, "id": "urn:uuid:" + entry})
    return call


def is_renamed(kind, group):
    return lambda case, answer, s: case.assertEqual(entry_of(s, kind, group, s.template[0])["id"], s.template[1])


def deleted(kind, group, how):
    def call(s):
        s.template = name, entry = fresh(s, kind, group)
        if how == "path":
            return write(s, "DELETE", kind, group, entry=entry.replace("-", ""))
        if how == "query":
            return write(s, "DELETE", kind, group, query="?id=" + entry)
        return write(s, "DELETE", kind, group, {"id": "{" + entry + "}"})
    return call


def is_gone(kind, group):
    return lambda case, answer, s: case.assertIsNone(entry_of(s, kind, group, s.template[0]))


def taken(method, kind, group):
    def call(s):
        first, second = fresh(s, kind, group), fresh(s, kind, group)
        body = {"name": first[0], "payload": SAMPLES[kind]}
        return write(s, method, kind, group, body, entry=second[1] if method == "PUT" else None)
    return call


def taken_by_member(kind, group):
    def call(s):
        first, second = fresh(s, kind, group), fresh(s, kind, group)
        return write(s, "PUT", kind, group, {"name": first[0], "payload": SAMPLES[kind], "id": second[1]})
    return call


def rows_of(kind, group):
    where = f"{kind} of {group or 'the default group'}"
    body = {"name": "x", "payload": SAMPLES[kind]}
    other = "dteam" if (group or "_") == "_" else "_"
    rows = [
        Row(f"{where}: list", listed(kind, group), 200, check=shows_it(kind)),
        Row(f"{where}: create", lambda s: write(s, "POST", kind, group, {"name": "c-" + uuid.uuid4().hex, "payload": SAMPLES[kind]}), 201,
            check=lambda case, answer, s: case.assertEqual(answer.body, b"")),
        Row(f"{where}: create with a taken name", taken("POST", kind, group), 409, "invalid_request"),
        Row(f"{where}: change to a taken name", taken("PUT", kind, group), 409, "invalid_request"),
        Row(f"{where}: change to a taken name, id in the body", taken_by_member(kind, group), 409, "invalid_request"),
        Row(f"{where}: bad id", lambda s: write(s, "PUT", kind, group, body, "nonsense"), 400, "invalid_request"),
        Row(f"{where}: bad id deleted", lambda s: write(s, "DELETE", kind, group, entry="nonsense"), 400, "invalid_request"),
        Row(f"{where}: no id", lambda s: write(s, "PUT", kind, group, body), 400, "invalid_request"),
        Row(f"{where}: no id to delete", lambda s: write(s, "DELETE", kind, group), 400, "invalid_request"),
        Row(f"{where}: unknown id", lambda s: write(s, "PUT", kind, group, body, UNKNOWN), 404, "not_found"),
        Row(f"{where}: unknown id in the body", lambda s: write(s, "PUT", kind, group, {**body, "id": UNKNOWN}), 404, "not_found"),
        Row(f"{where}: unknown id deleted", lambda s: write(s, "DELETE", kind, group, entry=UNKNOWN), 204),
    ]
    for how in ("path", "query", "body"):
        rows.append(Row(f"{where}: change, id in the {how}", changed(kind, group, how), 200, check=is_renamed(kind, group)))
        rows.append(Row(f"{where}: delete, id in the {how}", deleted(kind, group, how), 204, check=is_gone(kind, group)))
    for method, entry in (("POST", None), ("PUT", None), ("PUT", UNKNOWN), ("DELETE", None), ("DELETE", UNKNOWN)):
        what = f"{where}: {method} {'an entry' if entry else 'the list'}"

        def call(s, method=method, entry=entry, **more):
            return write(s, method, kind, group, body, entry, **more)
        rows += [
            Row(f"{what} without credentials", lambda s, call=call: call(s, headers={}), 401, "Unauthorized"),
            Row(f"{what} with another group's credentials", lambda s, call=call: call(s, headers=basic(other, GROUPS[other])), 403, "Forbidden"),
        ]
        if method != "DELETE" or not entry:
            rows += [
                Row(f"{what} with broken JSON", lambda s, method=method, entry=entry: write(
                    s, method, kind, group, None, entry, raw=b"{"), 400, "invalid_request"),
                Row(f"{what} with XML", lambda s, method=method, entry=entry: write(
                    s, method, kind, group, None, entry, raw=b"<a/>",
                    headers={**basic(group or "_", GROUPS[group or "_"]), "Content-Type": "text/xml"}), 415, "Unsupported Media Type"),
                Row(f"{what} with too much", lambda s, method=method, entry=entry: write(
                    s, method, kind, group, None, entry, raw=b" " * 4_000_000), 413),
            ]
        if method != "DELETE":
            rows.append(Row(f"{what} with a wrong payload", lambda s, method=method, entry=entry: write(
                s, method, kind, group, {"name": "w", "payload": WRONG[kind], "id": fresh(s, kind, group)[1]},
                entry and fresh(s, kind, group)[1]), 400, "invalid_request"))
    return rows


TemplatesOfTheDefaultGroup = table("TemplatesOfTheDefaultGroup", [row for kind in SAMPLES for row in rows_of(kind, None)])
TemplatesOfAGroup = table("TemplatesOfAGroup", [row for kind in SAMPLES for row in rows_of(kind, "dteam")])


def post(body=None, group="dteam", kind="restrictions", **more):
    return lambda s: write(s, "POST", kind, group, body, **more)


Writers = table("Writers", [
    Row("groups that own something", lambda s: fresh(s, "rotation", "dteam") and s.api.get(PT), 200,
        check=lambda case, answer, s: case.assertTrue({"_", "dteam"} <= set(answer.json))),
    Row("wrong password", post({"name": "x", "payload": {}}, headers=basic("dteam", "dteam-passwor")), 401, "Unauthorized",
        check=lambda case, answer, s: case.assertEqual(answer.headers["WWW-Authenticate"], "basic realm=Restricted")),
    Row("profiles_weakness_1 a group without a password is nobody's", lambda s: s.api.post(
        PT + "/nobody/rotation", {"name": "x", "payload": {}}, headers=basic("nobody", "")), 401, "Unauthorized"),
    Row("api_weakness_13 any user name with an empty password", lambda s: s.api.post(
        PT + "/_/rotation", {"name": "x", "payload": {}}, headers=basic("_", "")), 401, "Unauthorized"),
    Row("profiles_weakness_1 an empty password", post({"name": "x", "payload": {}}, headers=basic("dteam", "")), 401, "Unauthorized"),
    Row("profiles_weakness_1 no name and no password", post({"name": "x", "payload": {}}, headers=basic("", "")), 401, "Unauthorized"),
    Row("a mytoken is no password", lambda s: write(s, "POST", "rotation", "dteam", {"name": "x", "payload": {}},
                                                     headers={"Authorization": f"Bearer {s.full}"}), 401, "Unauthorized"),
    Row("no base64", post({"name": "x", "payload": {}}, headers={"Authorization": "Basic !"}), 401, "Unauthorized"),
    Row("a group with a hyphen, a password with a colon", lambda s: write(
        s, "POST", "rotation", "two-words", {"name": uuid.uuid4().hex, "payload": {}}), 201,
        check=lambda case, answer, s: case.assertIn("two-words", s.api.get(PT).json)),
    Row("the default group by its name", lambda s: s.api.post(
        PT + "/_/rotation", {"name": uuid.uuid4().hex, "payload": {}}, headers=basic("_", GROUPS["_"])), 201),
    Row("an unknown group is empty", lambda s: s.api.get(PT + "/nobody/rotation"), 200,
        check=lambda case, answer, s: case.assertEqual(answer.json, [])),
    Row("an unknown kind", lambda s: s.api.get(PT + "/dteam/tokens"), 404),
    Row("entries are not read one by one", lambda s: s.api.get(f"{PT}/rotation/{UNKNOWN}"), 405),
    Row("no payload", post({"name": "x"}), 400, "invalid_request"),
    Row("null is no payload", post({"name": "x", "payload": None}), 400, "invalid_request"),
    Row("no name", post({"payload": {}}), 400, "invalid_request"),
    Row("profiles_weakness_9 an empty name", post({"name": "", "payload": {}}), 400, "invalid_request"),
    Row("a name that nobody could give", post({"name": "a b", "payload": {}}), 400, "invalid_request"),
    Row("a name of 129 characters", post({"name": "n" * 129, "payload": {}}), 400, "invalid_request"),
    Row("a payload of 65 KiB", post({"name": "x", "payload": {"audience": ["a" * 33000, "b" * 33000]}}), 400, "invalid_request"),
    Row("profiles_weakness_4 an entry that includes itself", post({"name": "self", "payload": {"include": "dteam/self"}}), 400,
        "invalid_request"),
    Row("a body without a label", lambda s: write(s, "POST", "rotation", "dteam", raw=b'{"name":"%s","payload":{}}' % uuid.uuid4().hex.encode()), 201),
    Row("another origin may read", lambda s: s.api.get(PT, headers={"Origin": "https://other.example"}), 200,
        check=lambda case, answer, s: case.assertEqual(
            (answer.headers["Access-Control-Allow-Origin"], answer.headers["Cache-Control"]), ("*", "no-store"))),
    Row("the configuration document says where", lambda s: s.api.get("/.well-known/mytoken-configuration"), 200,
        check=lambda case, answer, s: case.assertEqual(answer.json["profiles_endpoint"], s.stack.issuer + PT)),
])


def sub(**request):
    return lambda s: s.api.post(MYTOKEN, {"grant_type": "mytoken", "mytoken": s.full, **request})


def form(**fields):
    return lambda s: s.api.post(MYTOKEN, form={"grant_type": "mytoken", "mytoken": s.full, **fields})


def using(payloads, request):
    """A sub-token request with templates made for it: their names take the places of {0}, {1}, …"""
    def call(s):
        names = [fresh(s, kind, "dteam", payload)[0] for kind, payload in payloads]
        full = {k: eval_names(v, names) for k, v in request.items()}
        return s.api.post(MYTOKEN, {"grant_type": "mytoken", "mytoken": s.full, **full})
    return call


def eval_names(value, names):
    if isinstance(value, str):
        for i, name in enumerate(names):
            value = value.replace("{%d}" % i, "dteam/" + name)
        return value
    if isinstance(value, list):
        return [eval_names(v, names) for v in value]
    if isinstance(value, dict):
        return {k: eval_names(v, names) for k, v in value.items()}
    return value


def too_wide(strict):
    """A template that allows more than the parent."""
    return lambda s: s.api.post(MYTOKEN, {
        "grant_type": "mytoken", "mytoken": s.sub(restrictions=[{"usages_AT": 5}]), "error_on_restrictions": strict,
        "restrictions": ["dteam/" + fresh(s, "restrictions", "dteam", {"usages_AT": 10})[0]]})


def has(**expected):
    def check(case, answer, s):
        claims = claims_of(answer.json["mytoken"])
        for name, value in expected.items():
            case.assertEqual(claims.get(name), value, answer)
    return check


def web_default(case, answer, s):
    claims = claims_of(answer.json["mytoken"])
    case.assertEqual(claims["capabilities"], ["AT", "tokeninfo"])
    clause, = claims["restrictions"]
    case.assertEqual((clause["hosts"], clause["usages_AT"]), (["127.0.0.1"], 15))
    case.assertAlmostEqual(clause["exp"] - claims["iat"], 12 * 3600, delta=5)


TEN = ("restrictions", {"usages_AT": 10})
OTHER = ("restrictions", {"usages_other": 7, "usages_AT": 11})
TWO = ("restrictions", [{"usages_AT": 1}, {"usages_AT": 2}])

TemplatesInRequests = table("TemplatesInRequests", [
    Row("the default profile of the web interface", sub(include="web-default"), 200, check=web_default),
    Row("the default profile of agents", sub(include=["agent"]), 200, check=has(capabilities=EVERYTHING)),
    Row("profile and templates in a form", form(include="web-default", rotation="at", name="n"), 200, check=has(
        capabilities=["AT", "tokeninfo"], rotation={"on_AT": True}, name="n")),
    Row("names in a string are and", using([TEN, OTHER], {"restrictions": "{0} {1}"}), 200,
        check=has(restrictions=[{"usages_AT": 10, "usages_other": 7}])),
    Row("names in an array are or", using([TEN, OTHER], {"restrictions": ["{0}", {"scope": "openid"}, "@{1}"]}), 200,
        check=has(restrictions=[{"usages_AT": 10}, {"scope": "openid"}, {"usages_AT": 11, "usages_other": 7}])),
    Row("a clause's own members win", using([TEN], {"restrictions": {"include": ["{0}"], "usages_AT": 3}}), 200,
        check=has(restrictions=[{"usages_AT": 3}])),
    Row("a template of two clauses", using([TWO], {"restrictions": "{0}"}), 200,
        check=has(restrictions=[{"usages_AT": 1}, {"usages_AT": 2}])),
    Row("capabilities of a template and others", using([("capabilities", "AT")], {"capabilities": ["@{0}", "tokeninfo"]}), 200,
        check=has(capabilities=["AT", "tokeninfo"])),
    Row("the request wins over the profile", using([("profiles", {"name": "p", "rotation": {"on_AT": True}, "response_type": "short_token"})],
                                                   {"include": "{0}", "name": "mine", "response_type": "token"}), 200,
        check=has(name="mine", rotation={"on_AT": True})),
    Row("profiles_weakness_2 objects and names meet", using(
        [("rotation", {"on_AT": True}), ("profiles", {"rotation": "at"})],
        {"include": "{1}", "rotation": {"lifetime": 60, "include": "{0}"}, "restrictions": [{"usages_AT": 1}]}), 200,
        check=has(restrictions=[{"usages_AT": 1}], rotation={"on_AT": True, "lifetime": 60})),
    Row("profiles_weakness_2 what cannot be merged", using(
        [("profiles", {"restrictions": [{"usages_AT": 1}, {"usages_AT": 2}]})], {"include": "{0}", "restrictions": {"usages_AT": 3}}),
        400, "invalid_request"),
    Row("profiles_weakness_3 no name", sub(restrictions="@"), 400, "invalid_request"),
    Row("profiles_weakness_3 a blank too many", sub(restrictions="1d  ip-this ", capabilities=["AT"]), 200,
        check=lambda case, answer, s: case.assertEqual(len(answer.json["restrictions"]), 1)),
    Row("profiles_weakness_6 error_on_restrictions counts beside templates", too_wide(True), 400, "invalid_request"),
    Row("profiles_weakness_6 without it the parent's restrictions hold", too_wide(False), 200, check=has(restrictions=[{"usages_AT": 5}])),
    Row("profiles_weakness_10 the old name of hosts", using(
        [("restrictions", {"ip": ["192.0.2.1"]})], {"restrictions": "{0}"}), 200, check=has(restrictions=[{"hosts": ["192.0.2.1"]}])),
    Row("an unknown template", sub(restrictions="nowhere"), 400, "invalid_request"),
    Row("an unknown capability template", sub(capabilities=["AT", "@nowhere"]), 400, "invalid_request"),
    Row("an unknown rotation template", sub(rotation="nowhere"), 400, "invalid_request"),
    Row("an unknown profile", sub(include=["agent", "nowhere"]), 400, "invalid_request"),
    Row("braces in a string are no clause", sub(restrictions="{}"), 400, "invalid_request"),
    Row("the page for a sub-token with templates", lambda s: s.api.post("/c", {
        "mytoken": s.full, "oidc_issuer": s.stack.op, "include": "web-default", "name": "of a template"}), 200,
        check=lambda case, answer, s: case.assertIn("of a template", answer.body.decode())),
    Row("the page for a sub-token with an unknown template", lambda s: s.api.post("/c", {
        "mytoken": s.full, "oidc_issuer": s.stack.op, "restrictions": "nowhere"}), 400, "invalid_request"),
    Row("a login with templates", lambda s: s.api.start_login(include="web-default", restrictions=["1d"]), 200),
    Row("a login with an unknown template", lambda s: s.api.start_login(restrictions=["nowhere"]), 400, "invalid_request"),
    Row("a login whose profile names the provider", lambda s: s.api.start_login(
        oidc_issuer=None, include="dteam/" + fresh(s, "profiles", "dteam", {"oidc_issuer": s.stack.op})[0]), 200),
])


class OwnServers(unittest.TestCase):
    def test_switched_off_there_is_nothing(self):
        with Stack(config={"features": {"server_profiles": {"enabled": False, "groups": GROUPS}}}) as stack:
            api = Api(stack.issuer, stack.op)
            self.assertNotIn("profiles_endpoint", api.get("/.well-known/mytoken-configuration").json)
            for path in [PT] + [path_of(kind, group) for kind in SAMPLES for group in (None, "dteam")]:
                for method in ("GET", "POST") if path != PT else ("GET",):
                    answer = api.call(method, path, headers=basic("_", GROUPS["_"]))
                    self.assertEqual((answer.status, answer.json["error"]), (404, "not_found"), str(answer))
                    validate(self, answer)

    def test_profiles_weakness_1_wrong_passwords_are_limited(self):
        limits = {"enabled": True, "max_requests": 1000, "window": 300, "always_allow": [], "max_wrong_codes": 3}
        with Stack(config={"server": {"request_limits": limits}, "features": {"server_profiles": {"groups": CONFIGURED_GROUPS}}}) as stack:
            api = Api(stack.issuer, stack.op)

            def attempt(password, group="_"):
                answer = api.post(PT + "/rotation", {"name": uuid.uuid4().hex, "payload": {}}, headers=basic(group, password))
                validate(self, answer)
                return answer.status
            self.assertEqual(attempt(GROUPS["_"]), 201)
            self.assertEqual(attempt(GROUPS["dteam"], "dteam"), 403)  # right, for another group: no guess
            hashed = CONFIGURED_GROUPS["dteam"]
            self.assertEqual([attempt("guess"), attempt("", "nobody"), attempt(hashed, "dteam")], [401, 401, 401])
            self.assertEqual(attempt("guess"), 429)
            self.assertEqual(attempt(GROUPS["_"]), 429)
            log = stack.server.log.read_text()
            for secret in (*GROUPS.values(), hashed, "guess"):
                self.assertNotIn(secret, log)
