"""What the server acknowledged, kept outside of it.

A client writes down what it was answered and, where no answer came, what it asked. What an unanswered request may have done
is allowed later, nothing else is: that is the whole check (judge.py).
"""
import threading


class Family:
    """One login: a session at the provider, and the mytokens that share its refresh token."""

    def __init__(self, user):
        self.user = user
        self.tokens = []
        # Uses of a refresh token that ended between the provider's reply and our storing it, at worst: so often the
        # provider may be asked with the token before the current one.
        self.excuses = 0
        self.ended = False  # acknowledged: the login was revoked as a whole


class Token:
    """A mytoken as its owner holds it."""

    def __init__(self, family, parent, text, limit=None, other_limit=None, rotation=None):
        self.family, self.parent, self.text = family, parent, text
        self.limit, self.other_limit, self.rotation = limit, other_limit, rotation or {}
        self.state = "live"  # live; revoked (acknowledged); maybe (a revocation without an answer)
        self.grants = set()  # access tokens received
        self.unanswered = 0  # requests that may have used up one of the limit
        self.children = []
        self.other_uses, self.other_unanswered = 0, 0
        self.pending = None  # a request without an answer; its owner repeats it before any other
        self.mom_id = None  # by which others name it; None: not known yet
        self.former = None  # what it was before its last rotation: good for nothing
        self.lock = threading.Lock()  # a rotating token is used for one thing at a time
        family.tokens.append(self)
        if parent:
            parent.children.append(self)

    def all_grants(self):
        """Of it and of everything made from it: what its limit is about."""
        return len(self.grants) + sum(child.all_grants() for child in self.children)

    def all_unanswered(self):
        return self.unanswered + sum(child.all_unanswered() for child in self.children)

    def budget(self):
        """How many more access tokens it must give at least; None: any number."""
        if self.limit is None:
            own = None
        else:
            own = self.limit - self.all_grants() - self.all_unanswered()
        above = self.parent.budget() if self.parent else None
        return own if above is None else above if own is None else min(own, above)

    def all_other_uses(self):
        return self.other_uses + sum(child.all_other_uses() for child in self.children)

    def overuse(self):
        """How many uses were granted beyond the limits."""
        over = 0 if self.limit is None else max(0, self.all_grants() - self.limit)
        return over + (0 if self.other_limit is None else max(0, self.all_other_uses() - self.other_limit))

    def succeed(self, text):
        """It was rotated: this is the token now."""
        self.former, self.text = self.text, text

    def ancestors(self):
        above = self.parent
        while above:
            yield above
            above = above.parent

    def with_descendants(self):
        yield self
        for child in self.children:
            yield from child.with_descendants()


class Code:
    """A single-use code: for a token that exists (transfer), a new one (subtoken), or a finished login (polling)."""

    def __init__(self, kind, text, era, make, source=None):
        self.kind, self.text = kind, text
        self.era = era  # in which it was asked for
        self.make = make  # answer -> Token, for a code that is the only way to its token
        self.source = source  # the Token it stands for, or that the new one is made from
        self.text_of_source = source.text if source else None
        self.token = None
        self.redeemed = 0
        self.unanswered = 0
        self.expired = False
        self.lock = threading.Lock()

    @property
    def ended(self):
        """The token that it stands for was rotated away or revoked, and that was acknowledged."""
        return self.kind == "transfer" and (self.source.state == "revoked" or self.source.text != self.text_of_source)

    @property
    def must_work(self):
        """Handed out, not used, and nothing has happened that may have ended it."""
        if self.redeemed or self.unanswered or self.ended:
            return False
        return self.source is None or (self.source.state == "live" and not (self.kind == "transfer" and self.source.pending))


class Ledger:
    def __init__(self):
        self.lock = threading.Lock()
        self.families, self.tokens, self.codes = {}, [], []
        self.acknowledged = 0
        self.era = 0  # grows when the clock jumps: what lives for minutes is over then
        self.findings = []  # (kind, text): kind is lost, overused or reused

    def acknowledge(self, count=1):
        with self.lock:
            self.acknowledged += count

    def find(self, kind, text):
        with self.lock:
            self.findings.append((kind, text))

    def add_family(self, user):
        with self.lock:
            return self.families.setdefault(user, Family(user))

    def add_token(self, *arguments, **options):
        with self.lock:
            self.acknowledged += 1
            token = Token(*arguments, **options)
            self.tokens.append(token)
            return token

    def add_code(self, *arguments):
        with self.lock:
            self.acknowledged += 1
            code = Code(*arguments)
            self.codes.append(code)
            return code
