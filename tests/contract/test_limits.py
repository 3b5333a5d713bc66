"""Rate limiting, on a server of its own that exempts nobody."""
import unittest

from api import Api
from fixture import validate
from stack import Stack

REQUESTS = 4


class RateLimit(unittest.TestCase):
    def test_requests_beyond_the_limit_are_refused_with_the_time_to_wait(self):
        limits = {"enabled": True, "max_requests": REQUESTS, "window": 300, "always_allow": []}
        with Stack(config={"server": {"request_limits": limits}}) as stack:
            api = Api(stack.issuer, stack.op)
            for left in reversed(range(REQUESTS)):
                answer = api.get("/api/v0/capabilities")
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.headers["X-RateLimit-Limit"], str(REQUESTS))
                self.assertEqual(answer.headers["X-RateLimit-Remaining"], str(left))
                validate(self, answer)
            answer = api.get("/api/v0/capabilities", headers={"Origin": "https://other.example"})
            self.assertEqual(answer.status, 429, str(answer))
            validate(self, answer)
            self.assertEqual(answer.json["error"], "Too Many Requests")
            self.assertLessEqual(int(answer.headers["Retry-After"]), 300)
            self.assertEqual(answer.headers["Access-Control-Allow-Origin"], "*")
            page = api.get("/native", headers={"Accept": "text/html"})
            self.assertEqual((page.status, page.headers.get_content_type()), (429, "text/html"))

    def test_danger_one_request_cannot_have_more_names_looked_up_than_its_client_may_make_requests(self):
        limits = {"enabled": True, "max_requests": 30, "window": 300, "always_allow": []}
        with Stack(config={"server": {"request_limits": limits}}) as stack:
            api = Api(stack.issuer, stack.op)
            parent = api.login(capabilities=["AT", "create_mytoken"], restrictions=[{"hosts": ["127.0.0.0/8"]}, {"hosts": ["*.example.org"]}])
            many = {"oidc_issuer": stack.op, "mytoken": parent["mytoken"], "restrictions": [{"hosts": [f"192.0.2.{i}" for i in range(32)]}]}
            # none of them has to be looked up
            self.assertEqual(api.post("/c", {**many, "restrictions": [{"hosts": ["127.0.0.1"]}]}).status, 200)
            answer = api.post("/c", many)
            self.assertEqual(answer.status, 429, str(answer))
            validate(self, answer)
            self.assertLessEqual(int(answer.headers["Retry-After"]), 300)
            self.assertEqual(api.get("/api/v0/capabilities").status, 429)  # they were charged to the client
