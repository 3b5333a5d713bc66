"""Consent, redirect and final pages: what browsers and the programs that imitate them see."""
import json
import re
import unittest
import urllib.parse

from fixture import Row, shared, table

HTML = {"Accept": "text/html"}


def begun(s, **request):
    """The path of a fresh consent page."""
    answer = s.api.start_login(**request)
    assert answer.status == 200, answer
    return answer.json["consent_uri"].removeprefix(s.stack.issuer)


def accept(headers=None, **changes):
    def call(s):
        decision = {"oidc_issuer": s.stack.op, "restrictions": [], "capabilities": ["AT"], "name": "", **changes}
        return s.api.post(begun(s), decision, headers=headers(s) if headers else None)
    return call


def decline(raw, **request):
    return lambda s: s.api.post(begun(s, **request), raw=raw)


def url_is(url):
    return lambda case, answer, s: case.assertEqual(answer.json["url"], url)


def authorization_request(case, answer, s):
    url = urllib.parse.urlsplit(answer.json["authorization_uri"])
    query = urllib.parse.parse_qs(url.query)
    case.assertTrue(answer.json["authorization_uri"].startswith(s.stack.op + "/"))
    case.assertEqual(query["response_type"], ["code"])
    case.assertEqual(query["code_challenge_method"], ["S256"])
    case.assertEqual(query["redirect_uri"], [s.stack.issuer + "/redirect"])
    case.assertLessEqual({"openid", "offline_access"}, set(query["scope"][0].split()))
    case.assertTrue(query["state"][0] and query["code_challenge"][0] and query["nonce"][0])


def page_is_safe(case, answer, s):
    policy = answer.headers["Content-Security-Policy"]
    case.assertIn("frame-ancestors 'none'", policy)
    case.assertIn("default-src '", policy)
    case.assertNotIn("unsafe", policy)
    case.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
    case.assertIn("no-store", answer.headers["Cache-Control"])


def name_is_escaped(case, answer, s):
    case.assertNotIn(b"<script>alert", answer.body)
    case.assertIn(b"&lt;script&gt;", answer.body)


Consent = table("Consent", [
    Row("consent page", lambda s: s.api.get(begun(s), headers=HTML), 200, check=page_is_safe),
    Row("consent page with a hostile application name",
        lambda s: s.api.get(begun(s, application_name="<script>alert(1)</script>"), headers=HTML), 200, check=name_is_escaped),
    Row("consent page of an unknown code", lambda s: s.api.get("/c/nosuchcode", headers=HTML), 404),
    Row("accept", accept(), 278, check=authorization_request),
    Row("accept with changes", accept(name="changed", restrictions=[{"exp": "+1d"}], rotation={"on_AT": True}), 278),
    Row("accept with other tags", accept(tags=[{"tag": "laptop"}]), 278),
    Row("accept with wrong tags", accept(tags=[{"tag": ""}]), 400, "invalid_request"),
    Row("accept from our own origin", accept(headers=lambda s: {"Origin": s.stack.issuer}), 278),
    Row("accept from another origin", accept(headers=lambda s: {"Origin": "https://evil.example"}), 403, "access_denied"),
    Row("accept with an unknown capability", accept(capabilities=["fly"]), 400, "invalid_request"),
    Row("accept without any capability", accept(capabilities=[]), 400, "invalid_request"),
    Row("accept for another issuer", accept(oidc_issuer="https://other.example"), 400, "invalid_request"),
    Row("decline", decline(b""), 278, schema="UrlResponse", check=url_is("/native/abort")),
    Row("decline with null", decline(b"null"), 278, schema="UrlResponse", check=url_is("/native/abort")),
    Row("decline for an application", decline(b"", application_name="my tool"), 278, schema="UrlResponse",
        check=lambda case, answer, s: case.assertIn(answer.json["url"], ("/native/abort?application=my%20tool", "/native/abort?application=my+tool"))),
    Row("decide about an unknown code", lambda s: s.api.post("/c/nosuchcode", {"capabilities": ["AT"]}), 404, "not_found"),
])

def for_application(**request):
    """The page for applications; a member of None is left out."""
    def call(s):
        members = {"grant_type": "mytoken", "oidc_issuer": s.stack.op, "mytoken": s.full, "application_name": "agent", **request}
        return s.api.post("/c", {k: v for k, v in members.items() if v is not None}, headers={"Accept": "application/json"})
    return call


def page_of_an_application(case, answer, s):
    """cli.md §3.1, web.md A7.3."""
    html = answer.body.decode()
    case.assertEqual(answer.headers.get_content_type(), "text/html")
    case.assertLess(len(answer.body), 64 * 1024)
    for needed in ('<div class="footer"', "approve(", "cancel("):
        case.assertIn(needed, html)
    for forbidden in ("{{", "}}", "\0", "localStorage", "sessionStorage", "http-equiv", " src=", "<link", "function approve", "function cancel"):
        case.assertNotIn(forbidden, html)
    case.assertIn("sandbox allow-scripts;", answer.headers["Content-Security-Policy"])
    case.assertEqual(answer.headers["Cross-Origin-Resource-Policy"], "cross-origin")
    case.assertIsNone(answer.headers["Access-Control-Allow-Origin"])
    case.assertIsNone(answer.headers["Set-Cookie"])


def asked_in(answer):
    """The request that the page's script starts from."""
    return json.loads(re.search(rb'id="asked">(.*?)</script>', answer.body, re.DOTALL)[1])


def tightened_by_the_parent(case, answer, s):
    case.assertEqual(asked_in(answer)["restrictions"], [{"usages_AT": 2}])
    case.assertEqual(re.findall(rb'name="capability" value="([^"]+)" checked', answer.body), [b"AT"])


def nothing_happened(case, answer, s):
    """Neither counted nor rotated: the only use of the parent is left, and so is its number."""
    parent = s.sub(restrictions=[{"usages_other": 1}], rotation={"on_other": True})
    for _ in range(3):
        case.assertEqual(for_application(mytoken=parent)(s).status, 200)
    made = s.api.sub_token(parent)
    case.assertIn("token_update", made)


ApplicationConsent = table("ApplicationConsent", [
    Row("page", for_application(restrictions=[{"exp": "+7d"}], rotation={"on_AT": True}, name="batch"), 200, check=page_of_an_application),
    Row("page is tightened", lambda s: for_application(mytoken=s.sub(restrictions=[{"usages_AT": 2}], capabilities=["AT", "create_mytoken"]),
        restrictions=[{"usages_AT": 5}], capabilities=["AT", "settings"])(s), 200, check=tightened_by_the_parent),
    Row("page changes nothing", for_application(), 200, check=nothing_happened),
    Row("page of a hostile request", for_application(name="{{x}}</script><b>", restrictions=[{"audience": ["{{y}}</script>\u2028&"]}]), 200,
        check=lambda case, answer, s: (page_of_an_application(case, answer, s), case.assertNotIn(b"</script><b>", answer.body),
                                       case.assertEqual(asked_in(answer)["restrictions"][0]["audience"], ["{{y}}</script>\u2028&"]))),
    Row("application page without issuer", for_application(oidc_issuer=None), 400, "invalid_request"),
    Row("application page for another issuer", for_application(oidc_issuer="https://other.example"), 400, "invalid_request"),
    Row("application page for a request beyond its parent", lambda s: for_application(mytoken=s.sub(restrictions=[{"usages_AT": 2}]),
        restrictions=[{"usages_AT": 5}], error_on_restrictions=True)(s), 400, "invalid_request"),
    Row("application page of unknown capabilities only", for_application(capabilities=["fly"]), 400, "invalid_request"),
    Row("application page of no capabilities", for_application(capabilities=[]), 400, "invalid_request"),
    Row("application page with an unknown member of a clause", for_application(restrictions=[{"weekday": 1}]), 400, "invalid_request"),
    Row("application page that is too long", for_application(restrictions=[{"audience": [f"{i}" + "<" * 20000]} for i in range(2)]), 400, "invalid_request"),
    Row("application page without token", for_application(mytoken=None), 401, "invalid_token"),
    Row("application page with a wrong token", for_application(mytoken="x" * 64), 401, "invalid_token"),
    Row("application page without create_mytoken", lambda s: for_application(mytoken=s.sub(capabilities=["AT"]))(s), 403,
        "insufficient_capabilities"),
    Row("application page from a place where the token does not work",
        lambda s: for_application(mytoken=s.sub(restrictions=[{"hosts": ["192.0.2.1"]}]))(s), 403, "usage_restricted"),
])

Pages = table("Pages", [
    Row("start page", lambda s: s.api.get("/", headers=HTML), 200),
    Row("style sheet", lambda s: s.api.get("/static/mytoken.css"), 200,
        check=lambda case, answer, s: case.assertEqual(answer.headers["Cache-Control"], "public, max-age=3600")),
    Row("unknown asset", lambda s: s.api.get("/static/nothing.css", headers={"Accept": "application/json"}), 404, "not_found"),
    Row("native", lambda s: s.api.get("/native", headers=HTML), 200),
    Row("native for an application", lambda s: s.api.get("/native?application=%3Cb%3Etool", headers=HTML), 200,
        check=lambda case, answer, s: case.assertNotIn(b"<b>tool", answer.body)),
    Row("native abort", lambda s: s.api.get("/native/abort", headers=HTML), 200),
    Row("home after a login", lambda s: s.api.get("/home", headers={**HTML, "Cookie": "mt-flow=any"}), 200),
    Row("home", lambda s: s.api.get("/home?r=e30", headers=HTML), 303,
        check=lambda case, answer, s: case.assertEqual(answer.headers["Location"], s.stack.issuer + "/?r=e30")),
    Row("redirect without a state", lambda s: s.api.get("/redirect", headers=HTML), 400),
    Row("redirect with an unknown state", lambda s: s.api.get("/redirect?state=nosuchstate&code=x", headers=HTML), 400),
])


class FormVariant(unittest.TestCase):
    """The form for browsers without script is private to our pages; openapi.yaml does not describe it."""

    def form(self, page, decision):
        from browser import Browser
        browser = Browser()
        opened = browser.open(shared().stack.issuer + page)
        form = opened.form_with(lambda f: any(b["value"] == decision for b in f["buttons"]))
        self.assertIsNotNone(form, opened.html)
        return browser.submit(opened, form, button=next(b for b in form["buttons"] if b["value"] == decision))

    def test_allow_leads_to_the_provider(self):
        page = self.form(begun(shared()), "allow")
        self.assertEqual(page.status, 200)
        self.assertTrue((page.refresh or page.url).startswith(shared().stack.op + "/"), page.html)

    def test_deny_ends_at_the_abort_page(self):
        page = self.form(begun(shared()), "deny")
        self.assertEqual((page.status, urllib.parse.urlsplit(page.url).path), (200, "/native/abort"))

    def sent(self, decision, headers=None, **values):
        """The form with some fields changed, as a browser sends it; `headers` in place of the Origin."""
        from browser import Browser
        browser, s = Browser(), shared()
        start = s.api.start_login(capabilities=["AT"], restrictions=[{"usages_AT": 9, "hosts": ["192.0.2.1"]}]).json
        opened = browser.open(start["consent_uri"])
        fields = [(f["name"], values.pop(f["name"], f["value"])) for f in opened.forms[0]["fields"]]
        self.assertEqual(values, {}, "no such field")
        return browser.open(opened.url, [*fields, ("decision", decision)], headers or {"Origin": s.stack.issuer})

    def test_a_wrong_field_is_named_and_everything_entered_is_kept(self):
        page = self.sent("allow", name="entered", **{"clause.0.usages_AT": "many", "clause.0.audience": "https://entered.example"})
        self.assertEqual(page.status, 400)
        self.assertIn('id="clause.0.usages_AT-error"', page.html)
        for text in ("entered", "many", "https://entered.example", "192.0.2.1"):
            self.assertIn(f'value="{text}"', page.html)

    def test_a_page_without_referrer_sends_no_origin_and_is_known_by_its_token(self):
        page = self.sent("allow", headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"})
        self.assertEqual(page.status, 200, page.html)
        self.assertEqual(self.sent("allow", headers={"Origin": "null", "Sec-Fetch-Site": "cross-site"}).status, 403)
        self.assertEqual(self.sent("allow", headers={"Origin": "https://evil.example"}).status, 403)
        self.assertEqual(self.sent("allow", headers={"Origin": "null"}, csrf="guessed").status, 403)

    def test_the_api_of_the_page_takes_nothing_without_origin_for_a_form(self):
        page = begun(shared())
        answer = shared().api.call("POST", page, form={"csrf": "x", "capabilities": "AT"}, headers={"Origin": "null"})
        self.assertEqual((answer.status, answer.json["error"]), (403, "access_denied"), str(answer))
