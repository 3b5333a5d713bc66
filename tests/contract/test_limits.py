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
