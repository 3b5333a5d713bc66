"""The stack that all end-to-end tests share, with a provider that rotates refresh tokens."""
import atexit
import functools
import json
import urllib.request

from api import Api
from stack import Stack


@functools.cache
def stack():
    running = Stack(rotate=True)
    running.__enter__()
    atexit.register(running.__exit__)
    return running


def api():
    return Api(stack().issuer, stack().op)


def usable_refresh_tokens(user):
    """How many refresh tokens of this user the provider would accept."""
    with urllib.request.urlopen(f"{stack().op}/demo/grants?user={user}", timeout=10) as answer:
        return json.load(answer)["usable_refresh_tokens"]
