"""Consent, redirect and final pages: what browsers and the programs that imitate them see."""
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

Pages = table("Pages", [
    Row("start page", lambda s: s.api.get("/", headers=HTML), 200),
    Row("style sheet", lambda s: s.api.get("/static/mytoken.css"), 200,
        check=lambda case, answer, s: case.assertEqual(answer.headers["Cache-Control"], "public, max-age=3600")),
    Row("unknown asset", lambda s: s.api.get("/static/nothing.css", headers={"Accept": "application/json"}), 404, "not_found"),
    Row("native", lambda s: s.api.get("/native", headers=HTML), 200),
    Row("native for an application", lambda s: s.api.get("/native?application=%3Cb%3Etool", headers=HTML), 200,
        check=lambda case, answer, s: case.assertNotIn(b"<b>tool", answer.body)),
    Row("native abort", lambda s: s.api.get("/native/abort", headers=HTML), 200),
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
