"""What the tests of this folder share: a server with a provider that rotates refresh tokens, and a mytoken that may do everything."""
import atexit
import functools

from api import EVERYTHING, Api
from stack import Stack

# what the login below is allowed to ask access tokens for, besides the provider's default
COMPUTE = "https://compute.example.org"
STORAGE = "https://storage.example.org"


@functools.cache
def stack():
    running = Stack(rotate=True, config={"features": {"ssh": {"enabled": True}}})
    running.__enter__()
    atexit.register(running.__exit__)
    return running


def api():
    return Api(stack().issuer, stack().op)


@functools.cache
def full():
    """Alice's mytoken with every capability and without restrictions."""
    return api().login(capabilities=EVERYTHING, name="clients")["mytoken"]


@functools.cache
def with_audiences():
    """Alice's mytoken for access tokens of two services, one at a time: the provider puts one audience into a token."""
    return api().login(capabilities=EVERYTHING, restrictions=[{"audience": [COMPUTE]}, {"audience": [STORAGE]}])["mytoken"]


def sub(parent=None, **request):
    """A fresh mytoken below the full one; its string."""
    return api().sub_token(parent or full(), **request)["mytoken"]


def is_dead(mytoken):
    answer = api().post("/api/v0/tokeninfo", {"action": "introspect", "mytoken": mytoken})
    return (answer.status, answer.json["error"]) == (401, "invalid_token") if answer.status != 200 else False
