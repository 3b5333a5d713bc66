"""The service's HTTP API for tests: plain requests, and a whole login through the pages.

Nothing is followed, decoded or retried behind the caller's back, so that tests see what is on the wire.
"""
import base64
import http.client
import json
import pathlib
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "demo"))
import login  # noqa: E402

PASSWORDS = {"alice": "wonderland", "bob": "bobby-pins", "carol": "christmas"}  # accounts of demo/provider.mjs
EVERYTHING = ["AT", "tokeninfo", "manage_mytokens", "create_mytoken", "settings"]
MYTOKEN = "/api/v0/token/my"
ACCESS = "/api/v0/token/access"
TRANSFER = "/api/v0/token/transfer"
TOKENINFO = "/api/v0/tokeninfo"
REVOKE = "/api/v0/token/revoke"


class Answer:
    """status, headers (email.message.Message), body (bytes), json (value, or None if the body is not JSON)."""

    def __init__(self, method, path, status, headers, body):
        self.method, self.path, self.status, self.headers, self.body = method, path, status, headers, body
        try:
            self.json = json.loads(body) if body else None
        except ValueError:
            self.json = None

    def __repr__(self):
        return f"{self.method} {self.path} -> {self.status} {self.body[:500].decode(errors='replace')}"


def claims_of(token):
    """The payload of a JWT, unverified."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


class Api:
    def __init__(self, issuer, op):
        self.issuer, self.op = issuer, op
        self.host = urllib.parse.urlsplit(issuer).netloc

    def call(self, method, path, *, json_body=None, form=None, raw=None, headers=None):
        """One request on a connection of its own. `path` may be a URL of the server; `form` is a dict or pairs."""
        path = path.removeprefix(self.issuer) or "/"
        headers = dict(headers or {})
        body = raw
        if json_body is not None:
            body = json.dumps(json_body).encode()
            headers.setdefault("Content-Type", "application/json")
        elif form is not None:
            body = urllib.parse.urlencode(form, doseq=True).encode()
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            try:
                connection.endheaders(body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before all of it was read; the answer counts
            answer = connection.getresponse()
            return Answer(method, path.partition("?")[0], answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path, **kinds):
        return self.call("GET", path, **kinds)

    def post(self, path, json_body=None, **kinds):
        return self.call("POST", path, json_body=json_body, **kinds)

    def start_login(self, **request):
        """The answer to the start of a native flow; `request` are members of the request body."""
        body = {"grant_type": "oidc_flow", "oidc_flow": "authorization_code", "oidc_issuer": self.op, "client_type": "native", **request}
        return self.post(MYTOKEN, body)

    def poll(self, polling_code):
        return self.post(MYTOKEN, {"grant_type": "polling_code", "polling_code": polling_code})

    def login(self, user="alice", **request):
        """A whole native flow through consent page and provider; returns the mytoken response."""
        start = self.start_login(**request)
        if start.status != 200:
            raise AssertionError(f"the login did not start: {start}")
        login.log_in(start.json["consent_uri"], user, PASSWORDS[user])
        answer = self.poll(start.json["polling_code"])
        if answer.status != 200:
            raise AssertionError(f"no token after the login: {answer}")
        return answer.json

    def sub_token(self, parent, **request):
        """A mytoken made from another one; returns the mytoken response."""
        answer = self.post(MYTOKEN, {"grant_type": "mytoken", "mytoken": parent, **request})
        if answer.status != 200:
            raise AssertionError(f"no sub-token: {answer}")
        return answer.json

    def access_token(self, mytoken, **request):
        return self.post(ACCESS, {"grant_type": "mytoken", "mytoken": mytoken, **request})
