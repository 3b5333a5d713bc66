"""What the contract tests share: one running stack, tokens of every kind, and tables of requests that become test cases.

A table is a list of Row; `table(rows)` makes a TestCase of it. Each row's answer is validated against openapi.yaml as a whole
(status documented, headers, content type, body) and against the row: status, error code and exact schema.
"""
import atexit
import functools
import pathlib
import re
import unittest
from typing import Any, Callable, NamedTuple, Optional

from api import EVERYTHING, Api
from openapi import Contract
from stack import Stack

CONTRACT = Contract(pathlib.Path(__file__).with_name("openapi.yaml"))
TRUSTED = "https://trusted.example/done"
GROUPS = {"_": "admin-password", "dteam": "dteam-password", "two-words": "password:with colon", "contract": "contract-password"}
# As the operator writes them: that of dteam is hashed.
CONFIGURED_GROUPS = {**GROUPS, "dteam": "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$V87kMYmsyaEkugsyT7N/LvLU0jcl54uNLJrflb5v3NI"}
FEATURES = {
    "polling_codes": {"enabled": True, "polling_interval": 1},
    "guest_mode": True,
    "server_profiles": {"groups": CONFIGURED_GROUPS},
    "ssh": {"enabled": True},
    "oidc_flows": {"authorization_code": {"web": {"trusted_redirect_uris": ["^https://trusted\\.example/"]}}},
}


class Row(NamedTuple):
    """`request(s)` makes the call with the shared things `s` and returns its Answer."""
    name: str
    request: Callable[["Shared"], Any]
    status: int
    error: Optional[str] = None   # the member `error`
    schema: Optional[str] = None  # of components/schemas, where the operation allows several
    check: Optional[Callable] = None  # (testcase, answer, shared): more on the values


class Shared:
    """The running stack and its tokens; made once, on first use."""

    def __init__(self):
        # without rotation: this provider spends a refresh token even if it refuses the request
        self.stack = Stack(rotate=False, config={"features": FEATURES})
        self.stack.__enter__()
        atexit.register(self.stack.__exit__)
        self.api = Api(self.stack.issuer, self.stack.op)
        self.full = self.api.login(capabilities=EVERYTHING, name="contract")["mytoken"]

    def sub(self, **request):
        """A fresh mytoken below the full one, by default with everything it has; its string."""
        answer = self.api.sub_token(self.full, **request)
        return answer.get("mytoken") or answer["transfer_code"]

    @functools.cached_property
    def bob(self):
        return self.api.login("bob", capabilities=EVERYTHING)


@functools.cache
def shared():
    return Shared()


def validate(case, answer):
    problems = CONTRACT.problems(answer.method, answer.path, answer)
    case.assertEqual(problems, [], str(answer))


def _test(row):
    def test(self):
        s = shared()
        answer = row.request(s)
        self.assertEqual(answer.status, row.status, str(answer))
        validate(self, answer)
        if row.error is not None:
            self.assertEqual(answer.json["error"], row.error, str(answer))
        if row.schema is not None:
            self.assertEqual(CONTRACT.schema_problems(row.schema, answer.json), [], str(answer))
        if row.check is not None:
            row.check(self, answer, s)
    return test


def table(name, rows):
    """A TestCase with a test for every row."""
    tests = {}
    for row in rows:
        method = "test_" + re.sub(r"\W+", "_", row.name).strip("_")
        if method in tests:
            raise ValueError(f"two rows are called {row.name!r}")
        tests[method] = _test(row)
    case = type(name, (unittest.TestCase,), tests)
    case.__module__ = "contract"
    return case
