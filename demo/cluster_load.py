"""The load of `scripts/cluster --once`: clients of all kinds over HTTPS, half of them by HTTP/2, and a ledger of what they
were promised.

A client repeats a request that was answered 503 (after the time of Retry-After) or whose connection broke; any other
surprise is an error, and so is a request without success after PATIENCE seconds.
"""
import asyncio
import random
import time

import httpx

import login
from cluster_ledger import Token

PATIENCE = 60  # seconds from the first try to the success
ONE_TRY = 50  # seconds for one answer; the service may take its turn on a refresh token first
NOT_REACHED = "no server is ready"  # in HAProxy's own answer to what it sent to nobody
PASSWORDS = {"alice": "wonderland", "bob": "bobby-pins", "carol": "christmas"}  # accounts of provider.mjs
EVERYTHING = ["AT", "tokeninfo", "manage_mytokens", "create_mytoken", "settings"]
API = "/api/v0"
MYTOKEN, ACCESS, TRANSFER = f"{API}/token/my", f"{API}/token/access", f"{API}/token/transfer"
TOKENINFO, REVOKE = f"{API}/tokeninfo", f"{API}/token/revoke"
SPARE_USES = 2  # a limited token is used so much more often than it may be


class Failed(Exception):
    """A request that did not end as it must; the ledger has it."""


class Client:
    """Requests of one program: one connection, HTTP/2 or HTTP/1.1."""

    def __init__(self, cluster, ledger, http2):
        self.ledger = ledger
        self.http2 = http2
        self.http = httpx.AsyncClient(base_url=cluster.issuer, verify=cluster.tls(), http2=http2, http1=not http2, trust_env=False,
                                      timeout=httpx.Timeout(ONE_TRY, connect=10),
                                      limits=httpx.Limits(max_connections=1 if http2 else 8))

    async def call(self, path, body, expected):
        """Posts until something other than 503 comes. Returns (answer, number of tries with unknown outcome).

        `expected` are the statuses that are no error.
        """
        begin = time.monotonic()
        tries = unknown = 0
        pause = 0.25
        while True:
            self.ledger.count("requests")
            try:
                answer = await self.http.post(path, json=body)
                problem, asked = f"{answer.status_code} {answer.text[:200]}", answer.headers.get("Retry-After")
            except httpx.TransportError as error:
                if isinstance(error, httpx.TimeoutException):
                    self._fail(path, body, f"no answer: {error!r}")
                answer, problem, asked = None, f"broken connection: {error!r}", None
            took = time.monotonic() - begin
            if answer is not None and answer.status_code != 503:
                if answer.http_version != ("HTTP/2" if self.http2 else "HTTP/1.1"):
                    self._fail(path, body, f"answered by {answer.http_version}")
                if answer.status_code not in expected:
                    self._fail(path, body, f"{problem} after {took:.1f} s and {tries} repetitions")
                if took > PATIENCE:
                    self._fail(path, body, f"success only after {took:.1f} s and {tries} repetitions")
                self.ledger.count(answer.http_version)
                if answer.status_code < 300:
                    self.ledger.succeeded(took)
                return answer, unknown
            self.ledger.count("503" if answer is not None else "broken")
            reached = answer is None or NOT_REACHED not in answer.text
            if answer is not None and not (asked or "").isdigit():
                self._fail(path, body, f"503 without a Retry-After in seconds: {problem}")
            tries += 1
            unknown += reached
            wait = max(int(asked or 0), pause) * random.uniform(1, 1.3)
            if took + wait > PATIENCE:
                self._fail(path, body, f"no success after {took:.1f} s and {tries} tries, last: {problem}")
            pause = min(2 * pause, 4)
            await asyncio.sleep(wait)

    def _fail(self, path, body, text):
        what = body.get("grant_type") or body.get("action") or ""
        self.ledger.error(f"POST {path} {what} (HTTP/{2 if self.http2 else 1}): {text}")
        raise Failed(text)

    # ---- what clients do; all raise Failed

    async def access(self, token, expected=(200,)):
        """An access token; the answer, whose status may be one of `expected`."""
        answer, unknown = await self.call(ACCESS, {"grant_type": "mytoken", "mytoken": token.text}, expected)
        self.ledger.maybe(token, unknown)
        if answer.status_code == 200:
            self.ledger.granted(token)
            update = answer.json().get("token_update")
            if update:
                self.ledger.replace(token, update["mytoken"])
        return answer

    async def introspect(self, token):
        answer, _ = await self.call(TOKENINFO, {"action": "introspect", "mytoken": token.text}, (200,))
        return answer

    async def sub_token(self, parent, kind, limit=None, **wish):
        if limit is not None:
            wish["restrictions"] = [{"usages_AT": limit}]
        answer, _ = await self.call(MYTOKEN, {"grant_type": "mytoken", "mytoken": parent.text, **wish}, (200,))
        return self.ledger.add(Token(answer.json()["mytoken"], kind, limit))

    async def redeem(self, code):
        answer, unknown = await self.call(MYTOKEN, {"grant_type": "transfer_code", "transfer_code": code}, (200, 401))
        return answer, unknown

    async def revoke(self, token):
        token.uncertain = True
        await self.call(REVOKE, {"token": token.text}, (204,))
        token.revoked, token.uncertain = True, False


def log_in(cluster, ledger, client, user, rotation=None):
    """A login through the service's and the provider's pages, as a person does it; a Token that is in the ledger."""
    wish = {"grant_type": "oidc_flow", "oidc_flow": "authorization_code", "oidc_issuer": cluster.op, "client_type": "native",
            "capabilities": EVERYTHING, "name": f"cluster {user}"}
    if rotation:
        wish["rotation"] = rotation
    start = client.post(MYTOKEN, json=wish)
    if start.status_code != 200:
        raise Failed(f"a login does not start: {start.status_code} {start.text[:300]}")
    login.log_in(start.json()["consent_uri"], user, PASSWORDS[user])
    answer = client.post(MYTOKEN, json={"grant_type": "polling_code", "polling_code": start.json()["polling_code"]})
    if answer.status_code != 200:
        raise Failed(f"no mytoken after a login: {answer.status_code} {answer.text[:300]}")
    return ledger.add(Token(answer.json()["mytoken"], "rotating" if rotation else "root"))


def log_in_all(cluster, ledger, number):
    """The tokens of `number` logins, a third of them with rotation."""
    users = list(PASSWORDS)
    with httpx.Client(base_url=cluster.issuer, verify=cluster.tls(), http2=True, trust_env=False, timeout=30) as client:
        return [log_in(cluster, ledger, client, users[i % len(users)], {"on_AT": True} if i % 3 == 0 else None) for i in range(number)]


class Load:
    """Runs until stop() is called, then finishes what is under way. `rate`: actions a second that are begun, at most."""

    def __init__(self, cluster, ledger, tokens, clients=8, workers=24, rate=40):
        self.cluster, self.ledger, self.clients_wanted, self.workers = cluster, ledger, clients, workers
        self.roots = [t for t in tokens if t.kind == "root"]
        self.rotating = [t for t in tokens if t.kind == "rotating"]
        self.limited, self.subs = [], []
        self.pace = workers / rate
        self.ending = False
        self.random = random.Random(1)

    def stop(self):
        self.ending = True

    def run(self):
        """Blocks until the load has ended."""
        asyncio.run(self._run())

    async def _run(self):
        self.clients = [Client(self.cluster, self.ledger, http2=i % 2 == 0) for i in range(self.clients_wanted)]
        self.later = set()
        for token in self.rotating:
            token.busy = False
        try:
            await asyncio.gather(*(self._work(i) for i in range(self.workers)))
            if self.later:
                await asyncio.gather(*self.later)
        finally:
            for client in self.clients:
                await client.http.aclose()

    async def _work(self, number):
        await asyncio.sleep(self.pace * number / self.workers)
        actions = [(40, self._access), (14, self._rotate), (14, self._introspect), (6, self._new_sub), (5, self._new_limited),
                   (12, self._use_limited), (5, self._transfer), (4, self._revoke)]
        weights, calls = zip(*actions)
        while not self.ending:
            begin = time.monotonic()
            await self._guard(self.random.choices(calls, weights)[0](self.random.choice(self.clients)))
            await asyncio.sleep(max(0.0, self.pace * self.random.uniform(0.5, 1.5) - (time.monotonic() - begin)))

    async def _guard(self, action):
        try:
            await action
        except Failed:
            pass
        except Exception as error:  # whatever a wrong answer led to
            self.ledger.error(f"{action.__qualname__}: {error!r}")

    def _defer(self, action):
        task = asyncio.ensure_future(self._guard(action))
        self.later.add(task)
        task.add_done_callback(self.later.discard)

    async def _access(self, client):
        await client.access(self.random.choice(self.roots + [t for t in self.subs if not t.revoked and not t.uncertain][-20:]))

    async def _rotate(self, client):
        free = [t for t in self.rotating if not t.busy]
        if not free:
            return
        token = self.random.choice(free)
        token.busy = True  # who holds a rotating token asks for one thing at a time
        try:
            await client.access(token)
        finally:
            token.busy = False

    async def _introspect(self, client):
        await client.introspect(self.random.choice(self.roots))

    async def _new_sub(self, client):
        token = await client.sub_token(self.random.choice(self.roots), "sub", capabilities=["AT", "tokeninfo"])
        self.subs.append(token)

    async def _new_limited(self, client):
        token = await client.sub_token(self.random.choice(self.roots), "limited", self.random.randint(1, 4))
        if self.random.random() < 0.3:  # all at once, by several servers
            uses = (self._use(self.random.choice(self.clients), token) for _ in range(token.limit + SPARE_USES))
            await asyncio.gather(*(self._guard(use) for use in uses))
        else:
            token.left = token.limit + SPARE_USES
            self.limited.append(token)

    async def _use_limited(self, client):
        if not self.limited:
            return await self._new_limited(client)
        token = self.random.choice(self.limited)
        token.left -= 1
        if token.left == 0:
            self.limited.remove(token)
        await self._use(client, token)

    async def _use(self, client, token):
        answer = await client.access(token, (200, 403))
        if answer.status_code == 403 and answer.json()["error"] != "usage_restricted":
            client._fail(ACCESS, {}, f"403 {answer.text[:200]}")

    async def _transfer(self, client):
        parent = await client.sub_token(self.random.choice(self.roots), "sub", capabilities=["AT", "tokeninfo"])
        answer, _ = await client.call(TRANSFER, {"mytoken": parent.text}, (200,))
        self._defer(self._redeem(answer.json()["transfer_code"], self.random.uniform(0, 20)))

    async def _redeem(self, code, delay):
        """Two at once try one code: exactly one succeeds."""
        end = time.monotonic() + delay
        while time.monotonic() < end and not self.ending:
            await asyncio.sleep(0.2)
        results = await asyncio.gather(*(client.redeem(code) for client in self.random.sample(self.clients, 2)), return_exceptions=True)
        if any(isinstance(r, Exception) for r in results):
            return  # counted as an error already
        given = [answer.json()["mytoken"] for answer, _ in results if answer.status_code == 200]
        for text in given:
            self.ledger.add(Token(text, "transferred"))
        if len(given) > 1:
            self.ledger.count("code used twice", len(given) - 1)
        if not given and any(unknown for _, unknown in results):
            self.ledger.count("codes whose answer was lost")
        elif not given:
            self.ledger.error(f"a transfer code was refused twice: {results[0][0].text[:200]}")

    async def _revoke(self, client):
        token = await client.sub_token(self.random.choice(self.roots), "sub", capabilities=["AT", "tokeninfo"])
        await client.access(token)
        await client.revoke(token)
        await client.access(token, (401,))


async def _check(client, ledger, token):
    """Whether the promise that `token` is was kept."""
    if token.uncertain:
        ledger.count("revocations whose answer was lost")
        return True
    if token.revoked:
        await client.access(token, (401,))
        return True
    answer, _ = await client.call(TOKENINFO, {"action": "introspect", "mytoken": token.text}, (200, 401))
    if answer.status_code != 200:
        return False
    answer = await client.access(token, (200, 400, 401, 403))
    if token.limit is not None:
        while answer.status_code == 200 and token.granted <= token.limit:
            answer = await client.access(token, (200, 400, 401, 403))
        return answer.status_code in (200, 403)
    return answer.status_code == 200


def verify(cluster, ledger):
    """Uses every acknowledged token once more; returns the lost ones."""
    async def run():
        clients = [Client(cluster, ledger, http2=True) for _ in range(4)]
        waiting = list(ledger.tokens)
        lost = []

        async def work(client):
            while waiting:
                token = waiting.pop()
                try:
                    if not await _check(client, ledger, token):
                        lost.append(token)
                except Failed:
                    lost.append(token)
        try:
            await asyncio.gather(*(work(clients[i % 4]) for i in range(16)))
        finally:
            for client in clients:
                await client.http.aclose()
        return lost
    return asyncio.run(run())
