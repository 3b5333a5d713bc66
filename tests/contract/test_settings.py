"""Settings of a user: grants, tags, and tokens that carry tags."""
import uuid

from api import MYTOKEN, claims_of
from fixture import Row, table

GRANTS = "/api/v0/settings/grants"
TAGS = "/api/v0/settings/tags"
TOKEN_TAGS = "/api/v0/token/my/tags"
ROTATING = {"rotation": {"on_other": True}}


def call(method, path, body=None, token=None, **kinds):
    """A request by a token made for it (`token`: its members; default: the full one), in the header. `path`, `body`: maybe a function of s."""
    def request(s):
        used = s.full if token is None else s.sub(**token)
        return s.api.call(method, path(s) if callable(path) else path, json_body=body(s) if callable(body) else body,
                          headers={"Authorization": f"Bearer {used}", **kinds.get("headers", {})},
                          **{k: v for k, v in kinds.items() if k != "headers"})
    return request


def anonymous(method, path, body=None, **kinds):
    return lambda s: s.api.call(method, path, json_body=body, **kinds)


def altered(method, path, body=None):
    return lambda s: s.api.call(method, path, json_body=body, headers={"Authorization": f"Bearer {s.full[:-8]}AAAAAAAA"})


def empty(case, answer, s):
    case.assertEqual(answer.body, b"")
    if answer.status == 201:
        case.assertEqual(answer.headers["Content-Length"], "0")


def rotated(case, answer, s):
    case.assertEqual(set(answer.json) - {"tags", "grant_types"}, {"token_update"})
    case.assertEqual(claims_of(answer.json["token_update"]["mytoken"])["seq_no"], 2)
    case.assertIsNone(answer.headers["Set-Cookie"])


def rotated_cookie(case, answer, s):
    case.assertIn("mytoken=" + answer.json["token_update"]["mytoken"], answer.headers["Set-Cookie"])


def grant_is(enabled):
    def check(case, answer, s):
        empty(case, answer, s)
        listed = s.api.get(GRANTS, headers={"Authorization": f"Bearer {s.full}"}).json
        case.assertEqual(listed, {"grant_types": [{"grant_type": "ssh", "enabled": enabled}]})
    return check


NO_GRANTS = {"capabilities": ["AT", "settings:tags"]}
READS_GRANTS = {"capabilities": ["read@settings:grants"]}
UNUSABLE = {"restrictions": [{"usages_other": 0}]}
SSH = {"grant_type": "ssh"}

Grants = table("Grants", [
    Row("grants are listed", call("GET", GRANTS), 200, schema="GrantsResponse"),
    Row("grants are listed with a null body", call("GET", GRANTS, raw=b"null\n"), 200, schema="GrantsResponse"),
    Row("grants are listed for the token in a form body", lambda s: s.api.call("GET", GRANTS, form={"mytoken": s.full}), 200),
    Row("grants are listed by reading capability", call("GET", GRANTS, token=READS_GRANTS), 200),
    Row("a rotating token lists grants", call("GET", GRANTS, token=ROTATING), 200, check=rotated),
    Row("a cookie follows the rotation", lambda s: s.api.get(GRANTS, headers={"Cookie": "mytoken=" + s.sub(**ROTATING)}), 200, check=rotated_cookie),
    Row("a grant is enabled", call("POST", GRANTS, SSH), 201, check=grant_is(True)),
    Row("a grant is enabled by a form", lambda s: s.api.post(GRANTS, form={"grant_type": "ssh", "mytoken": s.full}), 201, check=grant_is(True)),
    Row("a rotating token enables a grant", call("POST", GRANTS, SSH, token=ROTATING), 201, schema="TokenUpdateOnly", check=rotated),
    Row("a grant is disabled", call("DELETE", GRANTS, SSH), 204, check=grant_is(False)),
    Row("a grant is disabled by unlabelled JSON", call("DELETE", GRANTS, raw=b'{"grant_type":"ssh"}'), 204, check=grant_is(False)),
    Row("a rotating token disables a grant", call("DELETE", GRANTS, SSH, token=ROTATING), 200, schema="TokenUpdateOnly", check=rotated),
    *[Row(f"{method} grants: {what}", call(method, GRANTS, body), 400, "invalid_request") for method in ("POST", "DELETE") for what, body in [
        ("no grant type", {}), ("a null grant type", {"grant_type": None}), ("an unknown grant type", {"grant_type": "nonsense"}),
        ("another case", {"grant_type": "SSH"}), ("a grant type of the token endpoint", {"grant_type": "polling_code"}), ("a number", {"grant_type": 5})]],
    Row("GET grants: a broken body", call("GET", GRANTS, raw=b"{"), 400, "invalid_request"),
    Row("DELETE grants: a null body", call("DELETE", GRANTS, raw=b"null\n"), 400, "invalid_request"),
    Row("parameters are looked at before the token", anonymous("POST", GRANTS, {"grant_type": "nonsense"}), 400, "invalid_request"),
    Row("POST grants: another kind of body", call("POST", GRANTS, raw=b"<a/>", headers={"Content-Type": "application/xml"}), 415),
    Row("DELETE grants: another kind of body", call("DELETE", GRANTS, raw=b"<a/>", headers={"Content-Type": "application/xml"}), 415),
    *[Row(f"{method} grants: {what}", request(method, GRANTS, body), 401, "invalid_token")
      for method, body in [("GET", None), ("POST", SSH), ("DELETE", SSH)] for what, request in [("no token", anonymous), ("altered token", altered)]],
    Row("GET grants: no capability", call("GET", GRANTS, token=NO_GRANTS), 403, "insufficient_capabilities"),
    Row("POST grants: no capability", call("POST", GRANTS, SSH, token=READS_GRANTS), 403, "insufficient_capabilities"),
    Row("DELETE grants: no capability", call("DELETE", GRANTS, SSH, token=READS_GRANTS), 403, "insufficient_capabilities"),
    *[Row(f"{method} grants: no use left", call(method, GRANTS, body, token=UNUSABLE), 403, "usage_restricted")
      for method, body in [("GET", None), ("POST", SSH), ("DELETE", SSH)]],
    Row("ssh keys are not there yet", call("GET", GRANTS + "/ssh"), 404, "not_found"),
])


def named(name=None):
    """The path of a tag; without a name: of one that is made for it."""
    def path(s):
        if name is not None:
            return TAGS + "/" + name
        fresh = "t-" + uuid.uuid4().hex
        assert s.api.post(TAGS + "/" + fresh, headers={"Authorization": f"Bearer {s.full}"}).status == 204
        return TAGS + "/" + fresh
    return path


def color_is(tag, color):
    def check(case, answer, s):
        empty(case, answer, s)
        listed = s.api.get(TAGS, headers={"Authorization": f"Bearer {s.full}"}).json["tags"]
        case.assertIn({"tag": tag, "color": color}, listed)
    return check


def gone(case, answer, s):
    listed = s.api.get(TAGS, headers={"Authorization": f"Bearer {s.full}"}).json["tags"]
    case.assertNotIn(answer.path.rpartition("/")[2], [tag["tag"] for tag in listed])


NO_TAGS = {"capabilities": ["AT", "settings:grants"]}
READS_TAGS = {"capabilities": ["read@settings:tags"]}

Tags = table("Tags", [
    Row("tags are listed", call("GET", TAGS), 200, schema="TagsResponse"),
    Row("a user without tags has an empty list", lambda s: s.api.get(TAGS, headers={"Authorization": "Bearer " + s.bob["mytoken"]}), 200,
        check=lambda case, answer, s: case.assertEqual(answer.json, {"tags": []})),
    Row("tags are listed by reading capability", call("GET", TAGS, token=READS_TAGS), 200),
    Row("tags are listed by whoever subscribes to notifications", call("GET", TAGS, token={"capabilities": ["tokeninfo:notify"]}), 200),
    Row("tags are listed by whoever makes calendars", call("GET", TAGS, token={"capabilities": ["manage_mytokens:notify"]}), 200),
    Row("a rotating token lists tags", call("GET", TAGS, token=ROTATING), 200, check=rotated),
    Row("GET tags: a broken body", call("GET", TAGS, raw=b"{"), 400, "invalid_request"),
    Row("GET tags: no token", anonymous("GET", TAGS), 401, "invalid_token"),
    Row("GET tags: no capability", call("GET", TAGS, token=NO_TAGS), 403, "insufficient_capabilities"),
    Row("GET tags: no use left", call("GET", TAGS, token=UNUSABLE), 403, "usage_restricted"),

    Row("a tag is created with the color of its name", call("POST", named("ci")), 204, check=color_is("ci", "#3b67f3")),
    Row("a tag is created with a color", call("POST", named("prod"), {"color": "FFA500"}), 204, check=color_is("prod", "#ffa500")),
    Row("a tag is created with a short color", call("POST", named("short"), {"color": "#0F8"}), 204, check=color_is("short", "#00ff88")),
    Row("a tag with an encoded blank", call("POST", named("my%20own%20tag"), {"color": "111111"}), 204, check=color_is("my own tag", "#111111")),
    Row("a tag in another script", call("POST", named("%E6%97%A5%E6%9C%AC"), {"color": None}), 204, check=color_is("日本", "#c7b7cd")),
    Row("a tag is created with a null body", call("POST", named("nulled"), raw=b"null\n"), 204),
    Row("a rotating token creates a tag", call("POST", named("rotated"), token=ROTATING), 200, schema="TokenUpdateOnly", check=rotated),
    *[Row(f"{method} tag: {what}", call(method, named(name), {"color": "abc"}), 400, "invalid_request") for method in ("POST", "PUT", "DELETE") for what, name in [
        ("a control character in the name", "a%0Ab"), ("a name of 65 characters", "n" * 65), ("a name of blanks", "%20%20"), ("a name that is not UTF-8", "%ff")]],
    *[Row(f"{method} tag: the color {color!r}", call(method, named("ci"), {"color": color}), 400, "invalid_request")
      for method in ("POST", "PUT") for color in ("orange", "#ff", "1234567", 5)],
    Row("POST tag: another kind of body", call("POST", named("ci"), raw=b"<a/>", headers={"Content-Type": "application/xml"}), 415),

    Row("a tag gets a new name", call("PUT", named(), lambda s: {"tag": "new-" + uuid.uuid4().hex}), 204, check=gone),
    Row("a tag gets a new color", call("PUT", named(), {"color": "#00F"}), 204,
        check=lambda case, answer, s: color_is(answer.path.rpartition("/")[2], "#0000ff")(case, answer, s)),
    Row("a tag gets a new name and color", call("PUT", named(), lambda s: {"tag": "both-" + uuid.uuid4().hex, "color": "0f0"}), 204, check=gone),
    Row("a rotating token renames a tag", call("PUT", named(), lambda s: {"tag": "r-" + uuid.uuid4().hex}, token=ROTATING), 200, schema="TokenUpdateOnly", check=rotated),
    Row("PUT tag: nothing to change", call("PUT", named("ci"), {}), 400, "invalid_request"),
    Row("PUT tag: an empty name is none", call("PUT", named("ci"), {"tag": ""}), 400, "invalid_request"),
    Row("PUT tag: a new name with a slash", call("PUT", named("ci"), {"tag": "a/b"}), 400, "invalid_request"),
    Row("PUT tag: an unknown tag", call("PUT", named("nobody-has-this"), {"color": "fff"}), 404, "not_found"),
    Row("PUT tag: a name that is taken", call("PUT", named(), lambda s: {"tag": named()(s).rpartition("/")[2]}), 409, "invalid_request"),
    Row("PUT tag: another kind of body", call("PUT", named("ci"), raw=b"<a/>", headers={"Content-Type": "application/xml"}), 415),

    Row("a tag is deleted", call("DELETE", named()), 204, check=gone),
    Row("a tag that is not there is deleted", call("DELETE", named("nobody-has-this"), raw=b"null\n"), 204),
    Row("a rotating token deletes a tag", call("DELETE", named(), token=ROTATING), 200, schema="TokenUpdateOnly", check=rotated),

    *[Row(f"{method} tag: {what}", request(method, TAGS + "/ci", body), 401, "invalid_token") for method, body in [
        ("POST", None), ("PUT", {"color": "fff"}), ("DELETE", None)] for what, request in [("no token", anonymous), ("altered token", altered)]],
    *[Row(f"{method} tag: {what}", call(method, named("ci"), body, token=token), 403, error) for method, body in [
        ("POST", None), ("PUT", {"color": "fff"}), ("DELETE", None)] for what, token, error in [
        ("no capability", READS_TAGS, "insufficient_capabilities"), ("no use left", UNUSABLE, "usage_restricted")]],
])


def of_tokens(**members):
    """A body with members that are functions of s."""
    return lambda s: {key: value(s) if callable(value) else value for key, value in members.items()}


def below(s):
    return s.api.sub_token(s.full)["mom_id"]


def both(name, *args, **kinds):
    """The same row for POST and DELETE."""
    request = kinds.pop("request")
    return [Row(f"{method} {name}", request(method), *args, **kinds) for method in ("POST", "DELETE")]


SELF_ONLY = {"capabilities": ["tokeninfo:tags"]}

TokenTags = table("TokenTags", [
    *both("token tags: the own token", 204, request=lambda m: call(m, TOKEN_TAGS, {"tag": "ci"}, token=SELF_ONLY), check=empty),
    *both("token tags: without Content-Type", 204, request=lambda m: call(m, TOKEN_TAGS, raw=b'{"tag":"ci"}')),
    *both("token tags: token in the body, null and empty members", 204,
          request=lambda m: lambda s: s.api.call(m, TOKEN_TAGS, json_body={"tag": "ci", "mytoken": s.full, "mom_id": "", "include_children": None})),
    *both("token tags: with children", 204, request=lambda m: call(m, TOKEN_TAGS, {"tag": "ci", "include_children": True})),
    *both("token tags: a descendant", 204, request=lambda m: call(m, TOKEN_TAGS, of_tokens(tag="ci", mom_id=below))),
    *both("token tags: another token of the user", 204,
          request=lambda m: call(m, TOKEN_TAGS, of_tokens(tag="ci", mom_id=below), token={"capabilities": ["manage_mytokens:tags"]})),
    *both("token tags: a rotating token", 200, schema="TokenUpdateOnly", check=rotated, request=lambda m: call(m, TOKEN_TAGS, {"tag": "ci"}, token=ROTATING)),
    *[row for what, body in [("no tag", {}), ("an empty tag", {"tag": ""}), ("a tag of 65 characters", {"tag": "n" * 65}), ("a number", {"tag": 5}),
                             ("a slash", {"tag": "a/b"}), ("children that are no boolean", {"tag": "ci", "include_children": "yes"}), ("a list", [])]
      for row in both(f"token tags: {what}", 400, "invalid_request", request=lambda m, body=body: call(m, TOKEN_TAGS, body))],
    *both("token tags: broken JSON", 400, "invalid_request", request=lambda m: call(m, TOKEN_TAGS, raw=b"{")),
    *both("token tags: another kind of body", 415, request=lambda m: call(m, TOKEN_TAGS, raw=b"<a/>", headers={"Content-Type": "application/xml"})),
    *both("token tags: no token", 401, "invalid_token", request=lambda m: anonymous(m, TOKEN_TAGS, {"tag": "ci"})),
    *both("token tags: altered token", 401, "invalid_token", request=lambda m: altered(m, TOKEN_TAGS, {"tag": "ci"})),
    *both("token tags: no capability", 403, "insufficient_capabilities", request=lambda m: call(m, TOKEN_TAGS, {"tag": "ci"}, token=READS_TAGS)),
    *both("token tags: any token without the capability", 403, "insufficient_capabilities",
          request=lambda m: call(m, TOKEN_TAGS, of_tokens(tag="ci", mom_id=below), token=SELF_ONLY)),
    *both("token tags: a token of another user", 403, "invalid_grant", request=lambda m: call(m, TOKEN_TAGS, of_tokens(tag="ci", mom_id=lambda s: s.bob["mom_id"]))),
    *both("token tags: no token of this mom_id", 403, "invalid_grant", request=lambda m: call(m, TOKEN_TAGS, {"tag": "ci", "mom_id": "nonsense"})),
    *both("token tags: no use left", 403, "usage_restricted", request=lambda m: call(m, TOKEN_TAGS, {"tag": "ci"}, token=UNUSABLE)),
])


def sub(**members):
    return lambda s: s.api.post(MYTOKEN, {"grant_type": "mytoken", "mytoken": s.full, **members})


def malformed(why, tags):
    return [Row(f"{what} with tags that are {why}", request, 400, "invalid_request",
                check=lambda case, answer, s: case.assertIn("tags", answer.json["error_description"]))
            for what, request in [("sub-token", sub(tags=tags)), ("login", lambda s: s.api.start_login(tags=tags))]]


NewTokens = table("TagsOfNewTokens", [
    Row("sub-token with tags", sub(tags=[{"tag": "ci"}, {"tag": "never seen", "include_children": True}]), 200,
        check=lambda case, answer, s: color_is("never seen", "#8bdc35")(case, s.api.call("DELETE", TOKEN_TAGS, json_body={"tag": "x", "mytoken": answer.json["mytoken"]}), s)),
    Row("sub-token with tags by form", lambda s: s.api.post(MYTOKEN, form={"grant_type": "mytoken", "mytoken": s.full, "tags": '[{"tag":"ci"}]'}), 200),
    Row("sub-token with null tags", sub(tags=None), 200),
    Row("sub-token with empty tags", sub(tags=[]), 200),
    Row("login with tags", lambda s: s.api.start_login(tags=[{"tag": "ci", "include_children": True}]), 200),
    Row("the consent page shows the tags", lambda s: s.api.get(s.api.start_login(tags=[{"tag": "<ci> & co"}]).json["consent_uri"], headers={"Accept": "text/html"}),
        200, check=lambda case, answer, s: case.assertIn("&lt;ci&gt; &amp; co", answer.body.decode())),
    Row("sub-token with a subscription that nothing serves yet", sub(subscribe_notifications=[
        {"notification_type": "mail", "notification_classes": ["AT_creations"], "include_children": False}]), 200, schema="JwtMytokenResponse"),
    Row("sub-token with a malformed subscription", sub(subscribe_notifications="mail"), 400, "invalid_request"),
    Row("login with a malformed subscription", lambda s: s.api.start_login(subscribe_notifications=[1]), 400, "invalid_request"),
    *[row for why, tags in [("a text", "ci"), ("texts", ["ci"]), ("nameless", [{}]), ("empty", [{"tag": ""}]), ("numbers", [{"tag": 5}]), ("paths", [{"tag": "a/b"}]),
                            ("for 1 child", [{"tag": "ci", "include_children": 1}]), ("no list", {"tag": "ci"}), ("too many", [{"tag": "ci"}] * 101)]
      for row in malformed(why, tags)],
])
