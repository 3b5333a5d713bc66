"""Servers that have a reason to refuse everything, one for each status of the HTTP layer, and one with every feature switched off.

Each is started on first use with the provider of the shared stack and ends with the program. What is slow (waiting for a time
limit) is done once for all operations at the same time.
"""
import atexit
import functools
import pathlib
import socket
import tempfile
import threading
import urllib.parse

import stack
from api import Answer, Api
from fixture import FEATURES, shared
from scripted import ScriptedStack

BODY_BYTES, HEADER_BYTES = 16384, 4096
NOBODY_IS_EXEMPT = {"enabled": True, "max_requests": 1, "window": 300, "always_allow": []}
METADATA_FACTOR = 10  # metadata has so many times the limit of everything else


@functools.cache
def server(name):
    """The Api of one of SERVERS."""
    config, program, env = SERVERS[name]
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"mytoken-{name}-"))
    provider = {"issuer": shared().stack.op, "client_id": stack.CLIENT_ID, "client_secret": stack.CLIENT_SECRET, "scopes": stack.SCOPES}
    running = stack.start_server(folder, stack.free_port(), {"features": FEATURES, "providers": [provider], **config}, program=program, env=env)
    atexit.register(stack.shutil.rmtree, folder, ignore_errors=True)
    atexit.register(running.stop)
    return Api(running.issuer, shared().stack.op)


SERVERS = {
    "small": ({"server": {"limits": {"body_bytes": BODY_BYTES, "header_bytes": HEADER_BYTES, "request_timeout": "1s"}}}, "mytoken-server", None),
    "limited": ({"server": {"request_limits": NOBODY_IS_EXEMPT}}, "mytoken-server", None),
    "crowded": ({"server": {"limits": {"connections": 1}, "threads": 1}}, "mytoken-server", None),
    "broken": ({}, "mytoken-server-faulty", {"MYTOKEN_FAULT_EXCEPTION": "before_handler"}),
    "bare": ({"features": {name: {"enabled": False} for name in (
        "token_revocation", "short_tokens", "transfer_codes", "polling_codes", "server_profiles")} | {"tokeninfo": {action: {"enabled": False} for action in (
            "introspect", "event_history", "subtoken_tree", "list_mytokens")}}}, "mytoken-server", None),
}


def page_headers(path):
    return {"Accept": "text/html"} if not path.startswith("/api") else {}


class Unfinished:
    """Requests that never end, all at once: the answer to each comes when the server's time for a request is over."""

    @staticmethod
    @functools.cache
    def answers(operations):
        """`operations`: a tuple of (method, path). {operation: Answer}"""
        host = urllib.parse.urlsplit(server("small").issuer).netloc
        found = {}

        def ask(operation):
            found[operation] = Unfinished._ask(host, *operation)
        threads = [threading.Thread(target=ask, args=[operation]) for operation in operations]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    @staticmethod
    def _ask(host, method, path):
        import http.client
        with socket.create_connection(host.split(":"), timeout=20) as connection:
            accept = "".join(f"{k}: {v}\r\n" for k, v in page_headers(path).items())
            connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{accept}Content-Length: 10\r\n\r\n{{".encode())
            answer = http.client.HTTPResponse(connection, method=method)
            answer.begin()
            return Answer(method, path, answer.status, answer.headers, answer.read())


@functools.cache
def full_house():
    """The crowded server with its one connection taken, kept as long as the program runs."""
    api = server("crowded")
    host = urllib.parse.urlsplit(api.issuer).netloc
    guest = socket.create_connection(host.split(":"), timeout=20)
    guest.sendall(f"GET /jwks HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    guest.recv(100)  # it was let in
    atexit.register(guest.close)
    return api


@functools.cache
def exhausted():
    """The limited server whose limits are used up, for metadata, too."""
    api = server("limited")
    for path in ("/api/v0/capabilities", *["/jwks"] * METADATA_FACTOR):
        api.get(path)
    return api


def talkative():
    """A stack whose server logs all it can."""
    return ScriptedStack(config={"logging": {"access": {"dir": "", "stderr": True},
                                             "internal": {"dir": "", "stderr": True, "level": "debug"}}})
