"""The negative matrix: every endpoint that takes a mytoken × every representation × everything that can be wrong with it.

The cells and what must come of them stand in matrix.py. Each cell is one test, asked in several of the forms in which the endpoint
takes a token (JSON, form, Bearer, cookie). A server of its own, whose clock jumps a minute once everything that shall end by then is made.
"""
import atexit
import base64
import functools
import json
import pathlib
import re
import sys
import tempfile
import unittest

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

import login
import matrix
from api import EVERYTHING, PASSWORDS, Api, claims_of
from coverage import operations
from fixture import CONTRACT, FEATURES, validate
from stack import Stack

MINUTE = 60
ROTATES = {"rotation": {"on_other": True}}
ROTATES_AND_REVOKES = {"rotation": {"on_other": True, "auto_revoke": True}}
RESPONSE_TYPES = {"token": "token", "short token": "short_token", "transfer code": "transfer_code"}


class World:
    """The running servers, and strings of every kind for the cells."""

    def __init__(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="mytoken-matrix-"))
        self.clock = folder / "clock"
        self.clock.write_bytes(bytes(8))
        self.stack = self._start(Stack(rotate=False, program="mytoken-server-faulty", env={"MYTOKEN_FAULT_CLOCK": str(self.clock)},
                                       config={"features": FEATURES}))
        self.elsewhere = self._start(Stack(rotate=False, config={"features": FEATURES}))
        self.api = Api(self.stack.issuer, self.stack.op)
        self.full = self.api.login(capabilities=EVERYTHING)["mytoken"]
        self.api.post(f"{matrix.TAGS}/matrix", headers={"Authorization": f"Bearer {self.full}"})
        self.bobs = self.api.login("bob", capabilities=EVERYTHING)["mom_id"]
        other = Api(self.elsewhere.issuer, self.elsewhere.op)
        others = other.login(capabilities=EVERYTHING)["mytoken"]
        self.foreign = {r: self._presented(other.sub_token(others, response_type=t)) for r, t in RESPONSE_TYPES.items()}
        self.foreign["polling code"] = self._polling_code(other)
        self.key = serialization.load_pem_private_key((self.stack.folder / "server.key").read_bytes(), None)
        self.shared = {}
        self._make_what_ends_in_a_minute()

    @staticmethod
    def _start(stack):
        stack.__enter__()
        atexit.register(stack.__exit__)
        return stack

    @staticmethod
    def _presented(answer):
        return answer.get("mytoken") or answer["transfer_code"]

    def _polling_code(self, api=None, **request):
        """Of a login that is complete and whose token waits to be fetched."""
        api = api or self.api
        start = api.start_login(**{"capabilities": EVERYTHING, **request}).json
        login.log_in(start["consent_uri"], "alice", PASSWORDS["alice"])
        return start["polling_code"]

    def _make_what_ends_in_a_minute(self):
        """Then the clock jumps. Of the usable ones there is one for every cell and form."""
        self.stock = {}
        ending = {"expired": [{"exp": "+30"}], "restricted by time": matrix.RESTRICTED["restricted by time"]}
        for endpoint, representation, condition in matrix.cells():
            if condition not in ending:
                continue
            key = self._key(endpoint, representation, condition)
            number = len(matrix.forms(endpoint, representation, condition)) if self._is_spent(endpoint, representation, condition) else 1
            while len(self.stock.setdefault(key, [])) < number:
                self.stock[key].append(self._make(representation, restrictions=ending[condition]))
        self.of_short_life = self._make("token", rotation={"on_AT": True, "lifetime": 30, "auto_revoke": True})
        self.child_of_short_life = self.api.sub_token(self.of_short_life)["mytoken"]
        self.clock.write_bytes((2 * MINUTE * 1_000_000).to_bytes(8, sys.byteorder, signed=True))

    @staticmethod
    def _is_spent(endpoint, representation, condition):
        """Whether the string is good for one request only."""
        return matrix.expected(endpoint, representation, condition)[0] < 300 or condition == "rotated away with auto_revoke"

    def _key(self, endpoint, representation, condition):
        own = self._is_spent(endpoint, representation, condition) or condition == "missing capability"
        return representation, condition, endpoint.name if own else None

    def _make(self, representation, **request):
        if representation == "polling code":
            return self._polling_code(**request)
        return self._presented(self.api.sub_token(self.full, response_type=RESPONSE_TYPES[representation], **request))

    def string(self, endpoint, representation, condition):
        """What is presented in this cell. Strings that are refused anyway serve many cells."""
        key = self._key(endpoint, representation, condition)
        if key in self.stock:
            kept = self.stock[key]
            return kept.pop() if self._is_spent(endpoint, representation, condition) else kept[0]
        if self._is_spent(endpoint, representation, condition):
            return self._wrong(endpoint, representation, condition)
        if key not in self.shared:
            self.shared[key] = self._wrong(endpoint, representation, condition)
        return self.shared[key]

    def _wrong(self, endpoint, representation, condition):
        if condition == "of another installation":
            return self.foreign[representation]
        if condition == "missing capability":
            return self._make(representation, capabilities=matrix.all_but(endpoint.needs))
        if condition in matrix.RESTRICTED:
            return self._make(representation, restrictions=matrix.RESTRICTED[condition])
        if condition == "not yet valid":
            return self._make(representation, restrictions=[{"nbf": "+1d"}])
        if condition == "revoked":
            return self._revoked(representation)
        if condition.startswith("rotated away"):
            return self._rotated(representation, ROTATES_AND_REVOKES if condition.endswith("auto_revoke") else ROTATES)[0]
        if condition == "wrong iss claim":
            return self._signed({**claims_of(self._make("token")), "iss": self.elsewhere.issuer})
        if condition == "malformed":
            return {"token": self._make("token").rpartition(".")[0] + ".", "short token": "~" * 64}.get(representation, "~~~~~~~~")
        if condition == "wrong signature":
            text = self._make(representation)
            at = len(text) - 8 if representation == "token" else len(text) // 2
            return text[:at] + ("a" if text[at] != "a" else "b") + text[at + 1:]
        return self._make(representation)

    def _revoked(self, representation):
        text = self._make(representation)
        if representation == "transfer code":  # the token goes, its code is left
            token = self._make("token")
            text = self.api.post(matrix.TRANSFER, {"mytoken": token}).json["transfer_code"]
            assert self.api.post(matrix.REVOKE, {"token": token}).status == 204
        else:
            assert self.api.post(matrix.REVOKE, {"token": text}).status == 204
        return text

    def _rotated(self, representation, request):
        """(what was presented before, what replaced it)"""
        if representation == "polling code":
            code = self._polling_code(**request)
            text = old = self.api.poll(code).json["mytoken"]
        elif representation == "transfer code":
            text = self._make("token", **request)
            old = code = self.api.post(matrix.TRANSFER, {"mytoken": text}).json["transfer_code"]
        else:
            text = old = self._make(representation, **request)
        successor = self.api.sub_token(text, name="rotates")["token_update"]["mytoken"]
        return (code if representation.endswith("code") else old), successor

    def _signed(self, claims):
        """A token with these claims under the server's own key."""
        def encoded(data):
            return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
        text = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "ES512", "typ": "MT+JWT"}, claims))
        r, s = utils.decode_dss_signature(self.key.sign(text.encode(), ec.ECDSA(hashes.SHA512())))
        return text + "." + encoded(r.to_bytes(66, "big") + s.to_bytes(66, "big"))

    def target(self, condition):
        if condition == "target of another user":
            return self.bobs
        if condition == "unknown target":
            return base64.b64encode(bytes(64)).decode()
        return self.api.sub_token(self.full)["mom_id"]

    def members(self, endpoint, condition):
        members = {k: self.stack.op if v == "OP" else v for k, v in endpoint.members.items()}
        if endpoint.target:
            members[endpoint.target] = self.target(condition) if endpoint.target == "mom_id" else [self.target(condition)]
        if condition == "another issuer asked for":
            members["oidc_issuer"] = "https://other.example"
        return members

    def ask(self, endpoint, text, members, form):
        headers = {"bearer": {"Authorization": f"Bearer {text}"}, "cookie": {"Cookie": f"mytoken={text}"}}.get(form, {})
        if form in ("json", "form"):
            members = {**members, endpoint.token_member: text}
        if form == "form":
            return self.api.call(endpoint.method, endpoint.path, form=members)
        return self.api.call(endpoint.method, endpoint.path, json_body=members, headers=headers)

    def lives(self, text):
        return self.api.post(matrix.TRANSFER, {"mytoken": text}).status == 200


@functools.cache
def world():
    return World()


def _test(endpoint, representation, condition):
    status, error = matrix.expected(endpoint, representation, condition)

    def test(self):
        w = world()
        for form in matrix.forms(endpoint, representation, condition):
            with self.subTest(form=form):
                text = w.string(endpoint, representation, condition)
                answer = w.ask(endpoint, text, w.members(endpoint, condition), form)
                self.assertEqual(answer.status, status, str(answer))
                validate(self, answer)
                if error:
                    self.assertEqual(answer.json["error"], error, str(answer))
                if endpoint.revokes and representation.endswith("token") and status == 204:
                    self.assertFalse(w.lives(text))
    return test


def _tests():
    for endpoint, representation, condition in matrix.cells():
        name = re.sub(r"\W+", "_", f"test_{endpoint.name}_{representation}_{condition}").strip("_")
        yield name, _test(endpoint, representation, condition)


Matrix = type("Matrix", (unittest.TestCase,), dict(_tests()))


class Table(unittest.TestCase):
    def test_every_operation_that_takes_a_mytoken_is_in_the_table(self):
        listed = {(e.method, CONTRACT.path_of(e.path)) for e in matrix.ENDPOINTS}
        takes_one = {(method, path) for (method, path), statuses in operations().items() if 401 in statuses and "/pt" not in path}
        self.assertEqual(takes_one - listed, set())


class Afterwards(unittest.TestCase):
    """What a refusal leaves behind."""

    def test_an_outdated_string_ends_the_chain_only_where_it_was_asked_for(self):
        w = world()
        for endpoint in matrix.ENDPOINTS:
            for representation in ("token", "short token"):
                for request, lives in ((ROTATES, True), (ROTATES_AND_REVOKES, False)):
                    with self.subTest(endpoint=endpoint.name, representation=representation, lives=lives):
                        old, successor = w._rotated(representation, request)
                        w.ask(endpoint, old, w.members(endpoint, "nothing wrong"), "json")
                        self.assertEqual(w.lives(successor), lives)

    def test_a_token_that_is_not_valid_yet_is_revoked_for_good(self):
        w = world()
        code = w._make("transfer code", restrictions=[{"nbf": "+1d"}])
        token = w.api.post(matrix.MYTOKEN, {"grant_type": "transfer_code", "transfer_code": code}).json["mytoken"]
        self.assertEqual(w.api.post(matrix.REVOKE, {"token": token}).status, 204)
        answer = w.api.post(matrix.TRANSFER, {"mytoken": token})
        self.assertEqual((answer.status, answer.json["error"]), (401, "invalid_token"))
