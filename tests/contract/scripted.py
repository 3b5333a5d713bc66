"""A server with the scripted provider behind it, which does what a test tells it, and a login step by step without a browser.
"""
import functools
import http.client
import time
import urllib.parse

import stack
from api import EVERYTHING, Api
from fixture import FEATURES

CLIENT = {"client_id": "client", "client_secret": "client-secret", "scopes": ["openid", "email", "offline_access", "storage.read:/"]}
NO_FAULT = {"error": "", "html_502": 0, "down": 0, "drop_before_acting": 0, "drop_after_acting": 0, "delay": 0}


class ScriptedStack(stack.Stack):
    """As Stack, with `scripted-provider ARGUMENTS`; `turn(knob=value, …)` changes what it does. Also has `api`."""

    def __init__(self, *arguments, provider=None, config=None):
        super().__init__(config={"features": FEATURES, **(config or {})})
        self.arguments, self.more = arguments, provider or {}

    def _start(self):
        binary = next(file for file in stack.BUILD.rglob("scripted-provider") if file.is_file())
        self.provider = stack.Process("provider", [binary, "--control", *self.arguments], self.folder / "provider.log")
        self.processes.append(self.provider)
        self.op = self.provider.wait_for(r"^(http://\S+)$", 20).group(1)
        config = {**self.config, "providers": [{"issuer": self.op, **CLIENT, **self.more}]}
        self.server = stack.start_server(self.folder, stack.free_port(), config)
        self.processes.append(self.server)
        self.issuer = self.server.issuer
        self.api = Api(self.issuer, self.op)

    def turn(self, **knobs):
        answer = Api(self.op, self.op).post("/control", form=knobs)
        assert answer.status == 200, answer

    def well(self):
        self.turn(**NO_FAULT)

    def sessions_ended(self):
        """How many sessions the provider was asked to end."""
        return Api(self.op, self.op).get("/ledger").json["counters"]["revocations"]

    def wait_for_sessions_ended(self, number, seconds=20):
        deadline = time.monotonic() + seconds
        while self.sessions_ended() < number:
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.sessions_ended()} sessions ended within {seconds} s, not {number}")
            time.sleep(0.05)

    def authorization(self, **request):
        """A login that is consented to: (answer of the start, authorization URI, cookie header)."""
        start = self.api.start_login(**{"capabilities": EVERYTHING, **request})
        assert start.status == 200, start
        decision = self.api.post(start.json["consent_uri"], {"oidc_issuer": self.op})
        assert decision.status == 278, decision
        cookie = decision.headers["Set-Cookie"].partition(";")[0]
        return start, decision.json["authorization_uri"], {"Cookie": cookie, "Accept": "text/html"}

    def back_from_provider(self, uri):
        """The URL to which the provider sends the browser."""
        parts = urllib.parse.urlsplit(uri)
        connection = http.client.HTTPConnection(parts.netloc, timeout=20)
        connection.request("GET", f"{parts.path}?{parts.query}")
        location = connection.getresponse().headers["Location"]
        connection.close()
        return location

    def finish(self, **request):
        """A whole login: (answer of the start, answer of /redirect)."""
        start, uri, headers = self.authorization(**request)
        return start, self.api.get(self.back_from_provider(uri), headers=headers)

    def login(self, **request):
        start, end = self.finish(**request)
        assert end.status == 303, end
        answer = self.api.poll(start.json["polling_code"])
        assert answer.status == 200, answer
        return answer.json


@functools.cache
def scripted():
    """One that does right unless told otherwise; its access tokens name the audiences that were asked for."""
    import atexit
    running = ScriptedStack("--audience", "echo")
    running.__enter__()
    atexit.register(running.__exit__)
    return running
