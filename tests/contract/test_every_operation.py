"""What is answered alike on every operation of openapi.yaml, one test for each operation and each status that is documented for it:
the HTTP layer and the state of the server as a whole (408, 413, 415, 429, 431, 500, 503), a body that is no JSON (400), missing
credentials (401), a feature that is switched off (404).
"""
import base64
import re
import unittest

import special
from coverage import example, operations
from fixture import CONTRACT, GROUPS, shared, validate

TAG = "/api/v0/settings/tags/{tag}"
ERRORS = {400: "invalid_request", 404: "not_found", 408: "Request Timeout", 413: "Request Entity Too Large", 415: "Unsupported Media Type",
          429: "Too Many Requests", 431: "Request Header Fields Too Large", 500: "internal_server_error", 503: "internal_server_error"}


def credentials(path):
    """Of the group whose templates are below the path."""
    if "/pt/" not in path:
        return {}
    group = "contract" if "/pt/contract/" in path else "_"
    return {"Authorization": "Basic " + base64.b64encode(f"{group}:{GROUPS[group]}".encode()).decode()}


def unfinished(method, path):
    everything = tuple((m, example(p)) for (m, p), statuses in operations().items() if 408 in statuses)
    return special.Unfinished.answers(everything)[method, path]


def large_body(method, path):
    return special.server("small").call(method, path, raw=b'{"x":"' + b"a" * special.BODY_BYTES + b'"}')


def large_header(method, path):
    return special.server("small").call(method, path, headers={**special.page_headers(path), "X-Long": "a" * special.HEADER_BYTES})


def text_body(method, path):
    return shared().api.call(method, path, raw=b"some text", headers={"Content-Type": "text/plain", **credentials(path)})


def broken_body(method, path):
    return shared().api.call(method, path, raw=b'{"x":', headers=credentials(path))


def no_credentials(method, path):
    """What is asked is looked at first, so it is in order."""
    body = {"/api/v0/settings/grants": {"grant_type": "ssh"}, "/api/v0/token/my/tags": {"tag": "ci"}, example(TAG): {"color": "fff"}}.get(path)
    return shared().api.call(method, path, json_body=body or ({"grant_type": "mytoken"} if method == "POST" else None))


def at(which):
    return lambda method, path: which().call(method, path, headers=special.page_headers(path))


ASK = {400: broken_body, 401: no_credentials, 404: at(lambda: special.server("bare")), 408: unfinished, 413: large_body, 415: text_body,
       429: at(special.exhausted), 431: large_header, 500: at(lambda: special.server("broken")), 503: at(special.full_house)}


def takes_json(method, path):
    """Whether a body is read at all: pages read none, and neither does what is named by its path alone."""
    return path.startswith(("/api", "/c")) and not (method == "DELETE" and "/pt/" in path and path.endswith("{id}")) and "/guests/" not in path


def speaks_before_its_token(method, path):
    """Revocation without any token, or a consent page without issuer, is a request without a parameter: 400."""
    return path.endswith("/token/revoke") or path == "/c"


def can_be_off(method, path):
    return "x-feature" in CONTRACT.resolve(CONTRACT.document["paths"][path])[method.lower()]


def _test(method, path, status):
    def test(self):
        answer = ASK[status](method, path)
        self.assertEqual(answer.status, status, str(answer))
        validate(self, answer)
        if answer.json is not None and status in ERRORS:
            self.assertEqual(answer.json["error"], ERRORS[status])
        if status in (429, 503):
            self.assertGreater(int(answer.headers["Retry-After"]), 0)
        if status == 500:
            self.assertNotIn(b"planted", answer.body)
    return test


def _tests():
    for (method, path), statuses in operations().items():
        for status in sorted(set(statuses) & set(ASK)):
            if status == 401 and speaks_before_its_token(method, path):
                continue
            if status == 400 and not takes_json(method, path) or status == 404 and not can_be_off(method, path):
                continue
            name = re.sub(r"\W+", "_", f"test_{status}_{method}_{path}").strip("_")
            yield name, _test(method, example(path), status)


EveryOperation = type("EveryOperation", (unittest.TestCase,), dict(_tests()))
