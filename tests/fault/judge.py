"""The check after a run: what was acknowledged holds, and everything else is what an unanswered request may have left.

The provider is asked for its side; that the refresh token it considers current is the one we hold is proven by use: an
access token succeeds while the provider punishes every other refresh token by ending the session.
"""
import time

LONGEST_WAIT = 20  # seconds that a client repeats a request that is answered 503


class Judge:
    """`start`: the number of the provider's first session of this world."""

    def __init__(self, ledger, provider, client, start):
        self.ledger, self.provider, self.client, self.start = ledger, provider, client, start
        self.reported = set()
        self.longest_wait = 0.0

    def find(self, kind, subject, text):
        if (kind, subject) not in self.reported:
            self.reported.add((kind, subject))
            self.ledger.find(kind, text)

    def patiently(self, ask):
        """Repeats what is answered 502, 503 or not at all, as a client does; the last Answer."""
        started = time.monotonic()
        while True:
            answer = ask()
            waited = time.monotonic() - started
            if answer.status not in (0, -1, 502, 503) or waited > LONGEST_WAIT:
                self.longest_wait = max(self.longest_wait, waited)
                return answer
            time.sleep(min(0.02 + waited / 5, 0.5))

    def use(self, token):
        """One access token, if nothing speaks against it; what had to come and did not is a finding."""
        if token.pending and token.pending[0] == "revocation":
            self.patiently(lambda: self.client.access(token))  # says nothing about the token itself
        budget = token.budget()
        answer = self.patiently(lambda: self.client.access(token))
        what = f"a mytoken of {token.family.user} (limit {token.limit}, {len(token.grants)} grants, {token.unanswered} unanswered, " \
               f"rotation {token.rotation})"
        if token.state == "revoked":
            if answer.status == 200:
                self.find("overused", token, f"{what} was revoked and works")
        elif token.state == "maybe":
            if answer.status == 200 or answer.json.get("error") == "usage_restricted":
                token.state = "live"
            elif answer.json.get("error") == "invalid_token":
                token.state = "revoked"
        elif token.state == "live" and answer.status != 200 and (budget is None or budget > 0):
            self.find("lost", token, f"{what} does not work: {answer}")
            token.state = "lost"
        return answer

    def use_codes(self):
        """Every code that was handed out and not used works once; those that were used do not."""
        left = []
        for code in self.ledger.codes:
            if code.expired or code.era < self.ledger.era:
                continue
            new, ended = code.must_work, code.ended
            answer = self.patiently(lambda: self.client.redeem(code))
            if new and answer.status != 200:
                self.find("lost", code, f"a {code.kind} code that was handed out does not work: {answer}")
            elif ended and answer.status == 200:
                self.find("overused", code, "a transfer code works although its token was rotated away or revoked")
            elif new or answer.status == 200:
                left.append(code)  # and has to be refused the next time
        self.ledger.codes = left

    def use_former(self, token):
        """What was rotated away gives nothing, whatever happened since."""
        answer = self.patiently(lambda: self.client.ask(token.former, self.client.unique()))
        if answer.status == 200:
            self.find("overused", token, f"a rotated-away mytoken of {token.family.user} works (rotation {token.rotation})")
        return answer

    def reuse(self, token):
        """Reuse of what was rotated away ends a token that asked for that, with all that descends from it, for good; and
        nothing else. Not for moments in which a request without an answer may have been the one that rotated."""
        self.use_former(token)
        for one in token.with_descendants():
            if one.state == "live":
                one.state = "revoked"
        for one in token.family.tokens:
            self.use(one)

    def ask_provider(self):
        for session in self.provider.sessions(self.start):
            family = self.ledger.families.get(session["user"])
            if session["reuse_detected"]:
                self.find("reused", session["user"], f"the provider saw a reused refresh token of {session['user']}: {session}")
            if family is None:
                continue  # a login that was never acknowledged
            allowed = family.excuses + session["lost_replies"]
            if session["repeats"] > allowed:
                self.find("lost", family, f"the successor was not kept: {session['repeats']} uses of an older refresh token of "
                                          f"{session['user']}, {allowed} may have been needed")

    def check(self, tokens):
        """`tokens`: those to look at. Server, database and provider work."""
        # First what is open: the provider forgives what an unanswered request or a lost reply left, and counts it.
        open_ = {s["user"] for s in self.provider.sessions(self.start) if s["lost_replies"]}
        for token in tokens:
            if token.pending or token.state == "maybe" or token.family.excuses or token.family.user in open_:
                self.use(token)
        self.use_codes()
        self.ask_provider()
        for token in tokens:
            if token.former and not token.rotation.get("auto_revoke"):
                self.use_former(token)
        self.provider.turn(rotation="family-revocation")
        for token in tokens:
            self.use(token)
        self.ask_provider()
        self.provider.well()
        for token in tokens:
            if token.overuse():
                self.find("overused", token, f"a limit of {token.limit} admitted {token.all_grants()}, of {token.other_limit} "
                                             f"{token.all_other_uses()} other uses")

    def check_to_the_end(self):
        """Everything, and every limited token until it is used up."""
        self.check([t for t in self.ledger.tokens if t.state != "lost"])
        for token in self.ledger.tokens:
            if token.limit is not None and token.state == "live":
                while self.use(token).status == 200 and not token.overuse():
                    pass
        for token in self.ledger.tokens:
            if token.overuse():
                self.find("overused", token, f"a limit of {token.limit} admitted {token.all_grants()}")

    def check_reuse(self):
        """To be called when the clock has moved on: within a second of a rotation its reuse is no theft."""
        for token in list(self.ledger.tokens):
            if token.former and token.rotation.get("auto_revoke") and token.state == "live" and not token.pending:
                self.reuse(token)
        for token in [t for t in self.ledger.tokens if t.state == "live"][-50:]:
            self.use(token)

    def check_ended(self, seconds=30):
        """Every login that was revoked as a whole has ended at the provider, too (the outbox has had its time)."""
        deadline = time.monotonic() + seconds
        ended = {f.user for f in self.ledger.families.values() if f.ended}
        while True:
            open_ = [s["user"] for s in self.provider.sessions(self.start) if s["user"] in ended and not s["ended"]]
            if not open_ or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        for user in open_:
            self.find("lost", user + " end", f"the login of {user} was revoked and lives on at the provider")
