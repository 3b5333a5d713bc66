"""What the servers have promised, kept outside of them: every token that a client was given, what it may still do, and what
happened to it. At the end each promise is checked.

Where the answer to a request was lost (a 503 or a broken connection) nobody can know what became of it. The request is then
repeated as it was, and the ledger remembers that it may have counted twice.
"""
import collections
import dataclasses
import threading
import time


@dataclasses.dataclass
class Token:
    """A mytoken that was given out."""
    text: str
    kind: str  # root, rotating, sub, limited, transferred
    limit: int = None  # of access tokens
    granted: int = 0  # access tokens that were given out
    maybe: int = 0  # requests for access tokens with an unknown outcome: each may have used up one more
    revoked: bool = False  # its revocation was acknowledged
    uncertain: bool = False  # its revocation was asked for and has not been acknowledged


class Ledger:
    """Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self.tokens = []
        self.counts = collections.Counter()
        self.errors = []
        self.slowest = 0.0  # seconds from the first try of a request to its success
        self.successes = []  # moments (monotonic) of successful writes, for the length of interruptions

    def add(self, token):
        with self._lock:
            self.tokens.append(token)
            self.counts["acknowledged"] += 1
        return token

    def replace(self, token, text):
        """A rotated token: the promise is about the new text from now on."""
        with self._lock:
            token.text = text
            self.counts["acknowledged"] += 1

    def count(self, what, number=1):
        with self._lock:
            self.counts[what] += number

    def error(self, text):
        with self._lock:
            self.errors.append(text)

    def succeeded(self, seconds):
        with self._lock:
            self.slowest = max(self.slowest, seconds)
            self.successes.append(time.monotonic())

    def granted(self, token):
        with self._lock:
            token.granted += 1

    def maybe(self, token, number):
        with self._lock:
            token.maybe += number

    def longest_interruption(self, begin, end):
        """Seconds without a success between two moments."""
        moments = sorted([begin, *(m for m in self.successes if begin < m < end), end])
        return max(b - a for a, b in zip(moments, moments[1:]))

    def overused(self):
        """How many access tokens were given out beyond a limit."""
        return sum(max(0, t.granted - t.limit) for t in self.tokens if t.limit is not None) + self.counts["code used twice"]

    def underused(self):
        """Limited tokens that were refused too early for what was known to be used."""
        return [t for t in self.tokens if t.limit is not None and t.granted + t.maybe < t.limit]
