"""Restrictions that an operator enforces by the users' claims (spec oidc.md §1.6): what browser and poller see."""
import atexit
import functools
import json
import unittest
import urllib.parse

from fixture import validate
from scripted import ScriptedStack

HELP = '<p>Write to <a href="mailto:desk@example.org">the desk</a>.</p>'
TEXT = "you do not have the required attributes to use this service"


@functools.cache
def enforcing():
    """A server that knows its users by the claim `sub`."""
    rules = {"claim_sources": {"op": "sub"}, "mapping": {"alice": json.dumps([{"usages_AT": 3}]), "broken": "no-such-template"},
             "forbid_on_default": True, "help_html": HELP}
    running = ScriptedStack(provider={"enforced_restrictions": rules})
    running.__enter__()
    atexit.register(running.__exit__)
    return running


class Enforced(unittest.TestCase):
    def finish(self, user, status, **request):
        s = enforcing()
        s.turn(user=user)
        start, end = s.finish(**request)
        self.assertEqual(end.status, status, str(end))
        validate(self, end)
        return s, end, s.api.poll(start.json["polling_code"])

    def test_a_user_without_the_attributes_is_told_whom_to_ask(self):
        _, end, polled = self.finish("mallory", 403)
        self.assertIn(HELP.encode(), end.body)
        self.assertIn(f"access_denied: {TEXT}".encode(), end.body)
        self.assertIsNone(end.headers["Set-Cookie"])
        self.assertEqual((polled.status, polled.json), (401, {"error": "access_denied", "error_description": TEXT}))

    def test_a_template_that_does_not_exist_is_an_error_of_the_server(self):
        _, end, polled = self.finish("broken", 500)
        self.assertNotIn(b"no-such-template", end.body)
        self.assertEqual((polled.status, polled.json["error"]), (428, "authorization_pending"))

    def test_what_fits_stays(self):
        _, end, polled = self.finish("alice", 303, restrictions=[{"usages_AT": 2}])
        self.assertTrue(end.headers["Location"].endswith("/native"))
        self.assertEqual(polled.json["restrictions"], [{"usages_AT": 2}])

    def test_oidc_weakness_15_who_gets_less_is_told_so(self):
        s, end, polled = self.finish("alice", 303, restrictions=[{"usages_AT": 5}], application_name="a & b")
        self.assertEqual(polled.json["restrictions"], [{"usages_AT": 3}])
        page = s.api.get(end.headers["Location"], headers={"Accept": "text/html"})
        self.assertEqual(page.status, 200, str(page))
        self.assertIn(HELP.encode(), page.body)
        self.assertIn(b'href="/native?application=a%20%26%20b"', page.body.replace(b"&amp;", b"&"))

    def test_the_help_page_leads_nowhere_else(self):
        s = enforcing()
        for issuer, to in ((s.op, "https://evil.example/"), (s.op, "//evil.example"), (s.op, "javascript:alert(1)"), ("https://x.example", "/native"), (s.op, "/native")):
            query = urllib.parse.urlencode({"issuer": issuer, "to": to, "sig": "A" * 43})
            with self.subTest(to=to, issuer=issuer):
                self.assertEqual(s.api.get(f"/reduced?{query}", headers={"Accept": "text/html"}).status, 404)
