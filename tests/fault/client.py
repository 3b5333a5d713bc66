"""One client of the service: does what clients do, at random, and writes into the ledger what it was answered.

`Answer.status` is 0 where the connection broke before an answer; such a request may have been carried out, and so may one
that was answered 5xx (the outcome of a commit can be unknown). It is -1 where no connection came about.
"""
import http.client
import json
import random
import socket
import urllib.parse

from processes import stack_connection

MYTOKEN = "/api/v0/token/my"
ACCESS = "/api/v0/token/access"
TRANSFER = "/api/v0/token/transfer"
REVOKE = "/api/v0/token/revoke"
CAPABILITIES = ["AT", "create_mytoken", "tokeninfo"]
KINDS = [  # of logins: restrictions, rotation
    ([], None),
    ([], None),
    ([{"usages_AT": 4, "usages_other": 3}], None),
    ([{"usages_AT": 12}], None),
    ([], {"on_AT": True}),
    ([], {"on_AT": True, "on_other": True, "auto_revoke": True}),
    ([], {"on_other": True}),
    ([{"usages_AT": 20, "usages_other": 6}], {"on_AT": True, "on_other": True, "auto_revoke": True}),
    ([{"usages_AT": 9}], {"on_AT": True}),
]


class Answer:
    def __init__(self, status, headers=None, body=b""):
        self.status, self.headers = status, headers
        try:
            self.json = json.loads(body) if body else {}
        except ValueError:
            self.json = {}

    @property
    def unknown(self):
        return self.status == 0 or self.status >= 500

    @property
    def unsent(self):
        return self.status == -1

    def __repr__(self):
        return f"{self.status} {self.json}"


class Client:
    """Not to be shared between threads."""

    def __init__(self, ledger, addresses, op, seed):
        self.ledger, self.addresses, self.op = ledger, addresses, op
        self.random = random.Random(seed)
        self.connections = {}
        self.cut = 0.0  # probability that a connection is cut before its answer
        self.broken = []  # the tokens of requests that never got an answer
        self.touched = set()  # families
        self.count = 0
        self.last = 200
        self.name = seed

    # ---- requests

    def call(self, method, path, body=None, headers=None):
        answer = self.exchange(method, path, body, headers)
        self.last = answer.status
        return answer

    def exchange(self, method, path, body, headers):
        address = self.random.choice(self.addresses)
        try:
            connection = self.connections.pop(address, None) or stack_connection(address)
        except OSError:
            return Answer(-1)
        try:
            text = json.dumps(body).encode() if body is not None else None
            connection.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
            if self.cut and self.random.random() < self.cut:
                if self.random.random() < 0.5:
                    connection.sock.settimeout(self.random.uniform(0.0005, 0.01))
                    try:
                        connection.sock.recv(1, socket.MSG_PEEK)
                    except TimeoutError:
                        pass
                connection.close()
                return Answer(0)
            answer = connection.getresponse()
            result = Answer(answer.status, answer.headers, answer.read())
            if not answer.will_close:
                self.connections[address] = connection
            return result
        except (OSError, http.client.HTTPException):
            return Answer(0)

    def close(self):
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()

    def refused_lately(self):
        """The last request came to nothing: a client that is not mad waits a little."""
        return self.last in (-1, 0, 429) or self.last >= 500

    def unique(self):
        self.count += 1
        return f"{self.name}-{self.count}"

    # ---- what clients do

    def log_in(self, kind=None):
        """A whole login. The Token, or None if it did not come to its end."""
        era = self.ledger.era
        restrictions, rotation = kind or self.random.choice(KINDS)
        user = f"user-{self.unique()}"
        asked = {"grant_type": "oidc_flow", "oidc_issuer": self.op, "restrictions": restrictions, "capabilities": CAPABILITIES}
        if rotation:
            asked["rotation"] = rotation
        start = self.call("POST", MYTOKEN, asked)
        if start.status != 200:
            return None
        consent = urllib.parse.urlsplit(start.json["consent_uri"]).path
        accepted = self.call("POST", consent, {"restrictions": restrictions, "capabilities": CAPABILITIES})
        if accepted.status != 278:
            return None
        cookie = accepted.headers["Set-Cookie"].partition(";")[0]
        at_provider = urllib.parse.urlsplit(accepted.json["authorization_uri"])
        connection = http.client.HTTPConnection(at_provider.netloc, timeout=20)
        connection.request("GET", f"{at_provider.path}?{at_provider.query}&user={user}")
        back = urllib.parse.urlsplit(connection.getresponse().headers["Location"])
        connection.close()
        ended = self.call("GET", f"{back.path}?{back.query}", None, {"Cookie": cookie})
        if ended.status != 303:
            return None  # never acknowledged: the user starts again
        limit = restrictions[0].get("usages_AT") if restrictions else None
        other = restrictions[0].get("usages_other") if restrictions else None

        def make(json):
            token = self.ledger.add_token(self.ledger.add_family(user), None, json["mytoken"], limit, other, rotation)
            token.mom_id = json["mom_id"]
            return token
        code = self.ledger.add_code("polling", start.json["polling_code"], era, make)
        if self.random.random() < 0.1:
            return None  # fetched later, perhaps by somebody else
        self.redeem(code)
        return code.token

    def redeem(self, code):
        """What a code stands for is `code.token` then."""
        grant = {"grant_type": "polling_code" if code.kind == "polling" else "transfer_code"}
        grant["polling_code" if code.kind == "polling" else "transfer_code"] = code.text
        answer = self.call("POST", MYTOKEN, grant)
        with code.lock:
            if answer.status == 200:
                code.redeemed += 1
                self.ledger.acknowledge()
                if code.redeemed > 1:
                    self.ledger.find("overused", f"a {code.kind} code was redeemed {code.redeemed} times")
                elif code.make:
                    code.token = code.make(answer.json)
            elif answer.unknown:
                code.unanswered += 1
        return answer

    def settle(self, token, answer, on_success):
        """Common to what a token is used for; what the answer says about the token itself."""
        if answer.status == 200:
            token.pending = None
            self.ledger.acknowledge()
            update = answer.json.get("token_update")
            if update:
                self.ledger.acknowledge()
                token.succeed(update["mytoken"])
            on_success(answer.json)
        elif not answer.unknown and not answer.unsent:
            token.pending = None
        return answer

    def send(self, token, path, body):
        self.touched.add(token.family)
        answer = self.call("POST", path, body)
        if answer.status == 0:
            self.broken.append(token)
        return answer

    def access(self, token):
        """An access token; the Answer."""
        with token.lock if token.rotation else NOBODY:
            return self.repeat(token) if token.pending else self.new_access(token)

    def new_access(self, token):
        body = {"grant_type": "mytoken", "mytoken": token.text, "comment": self.unique()}
        return self.ask_access(token, body)

    def ask_access(self, token, body):
        answer = self.send(token, ACCESS, body)
        if answer.unknown:
            with self.ledger.lock:
                token.unanswered += 1
            if token.rotation:
                token.pending = ("access", body)
        return self.settle(token, answer, lambda json: token.grants.add(json["access_token"]))

    def ask(self, text, comment):
        """An access token with any text, for nobody's account; the Answer."""
        return self.call("POST", ACCESS, {"grant_type": "mytoken", "mytoken": text, "comment": comment})

    def repeat(self, token):
        """The request that has no answer yet, once more, as it was."""
        what, body, *more = token.pending
        ask = {"access": self.ask_access, "subtoken": self.ask_subtoken, "revocation": self.ask_revocation}[what]
        return ask(token, body, *more)

    def make_subtoken(self, token):
        with token.lock if token.rotation else NOBODY:
            if token.pending:
                return self.repeat(token)
            wish = {"capabilities": CAPABILITIES, "restrictions": []}
            if token.limit:
                wish["restrictions"] = [{"usages_AT": self.random.randint(1, token.limit)}]
                if token.other_limit:
                    wish["restrictions"][0]["usages_other"] = self.random.randint(1, token.other_limit)
            elif self.random.random() < 0.4:
                wish["restrictions"] = [{"usages_AT": self.random.randint(1, 5)}]
            kinds = ["token", "token", "short_token"] + ([] if token.rotation else ["transfer_code"])
            body = {"grant_type": "mytoken", "mytoken": token.text, "response_type": self.random.choice(kinds),
                    "name": self.unique(), **wish}
            return self.ask_subtoken(token, body)

    def ask_subtoken(self, token, body):
        era = self.ledger.era
        answer = self.send(token, MYTOKEN, body)
        if answer.unknown:
            with self.ledger.lock:
                token.other_unanswered += 1
            if token.rotation:
                token.pending = ("subtoken", body)
        clause = body["restrictions"][0] if body["restrictions"] else {}

        def make(json):
            child = self.ledger.add_token(token.family, token, json["mytoken"], clause.get("usages_AT"), clause.get("usages_other"))
            child.mom_id = json["mom_id"]
            if token.state != "live":
                child.state = "maybe"  # its parent's revocation may have met it, or not
            return child

        def note(json):
            with self.ledger.lock:
                token.other_uses += 1
            if "transfer_code" in json:
                self.ledger.add_code("subtoken", json["transfer_code"], era, make, token)
            else:
                make(json)
        return self.settle(token, answer, note)

    def make_code(self, token):
        with token.lock if token.rotation else NOBODY:
            if token.pending:
                return self.repeat(token)
            era = self.ledger.era
            answer = self.send(token, TRANSFER, {"mytoken": token.text})
            if answer.status == 200:
                self.ledger.add_code("transfer", answer.json["transfer_code"], era, None, token)
            return answer

    def revoke(self, token, recursive):
        with token.lock if token.rotation else NOBODY:
            if token.pending:
                return self.repeat(token)
            with self.ledger.lock:
                # A second revocation would be answered "done" although it found nothing to do.
                if token.state != "live":
                    return Answer(-1)
                family = list(token.with_descendants()) if recursive else [token]
                before = {t: t.state for t in family}
                for t in family:
                    t.state = "maybe"  # from now on nobody may rely on it
            answer = self.send(token, REVOKE, {"token": token.text, "recursive": recursive})
            if answer.status == 204:
                self.ledger.acknowledge()
                for t in family:
                    t.state = "revoked"
                if recursive and token.parent is None:
                    token.family.ended = True
            elif not answer.unknown:  # also if it was never sent
                for t, state in before.items():
                    t.state = state
            return answer

    def revoke_other(self, token, target, recursive):
        """The target by its mom_id, through a token that it descends from."""
        with token.lock if token.rotation else NOBODY:
            if token.pending:
                return self.repeat(token)
            if token.state != "live" or target.state != "live":
                return Answer(-1)
            return self.ask_revocation(token, {"token": token.text, "mom_id": target.mom_id, "recursive": recursive}, target)

    def ask_revocation(self, token, body, target):
        with self.ledger.lock:
            met = list(target.with_descendants()) if body["recursive"] else [target]
            unsure = [t for t in met if t.state == "live"]
            for t in unsure:
                t.state = "maybe"
        answer = self.send(token, REVOKE, body)
        if answer.status in (200, 204):
            with self.ledger.lock:
                for t in met:
                    t.state = "revoked"
            token.pending = None
            self.ledger.acknowledge()
            if "token_update" in answer.json:
                self.ledger.acknowledge()
                token.succeed(answer.json["token_update"]["mytoken"])
        elif answer.unsent:
            with self.ledger.lock:
                for t in unsure:
                    t.state = "live"
        elif answer.unknown:
            if token.rotation:
                token.pending = ("revocation", body, target)
        else:  # somebody else may have revoked the target, or the token, meanwhile
            token.pending = None
        return answer

    def revoke_somehow(self, token):
        """By itself, or by a token that it was made from."""
        above = [t for t in token.ancestors() if t.state == "live"]
        recursive = self.random.random() < 0.6
        if above and token.mom_id and self.random.random() < 0.6:
            return self.revoke_other(self.random.choice(above), token, recursive)
        return self.revoke(token, recursive)

    def something(self, tokens):
        """One thing at random, with one of `tokens`."""
        live = [t for t in tokens if t.state == "live"]
        codes = [c for c in self.ledger.codes[-12:] if not c.expired]
        dice = self.random.random()
        if not live or dice < 0.08:
            self.log_in()
        elif dice < 0.68:
            self.access(self.random.choice(live))
        elif dice < 0.82:
            self.make_subtoken(self.random.choice(live))
        elif dice < 0.88:
            self.make_code(self.random.choice(live))
        elif dice < 0.96 and codes:
            self.redeem(self.random.choice(codes))
        elif dice >= 0.96:
            self.revoke_somehow(self.random.choice(live))


class Nobody:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


NOBODY = Nobody()
