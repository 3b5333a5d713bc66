"""The HTTP layer: bodies, paths, methods, limits, headers, and requests that are no HTTP."""
import gzip
import json
import re
import socket
import unittest
import urllib.parse

from api import ACCESS, MYTOKEN, TOKENINFO
from fixture import Row, shared, table

CONFIGURATION = "/.well-known/mytoken-configuration"


def body(raw, content_type=None, **headers):
    """An introspection with this body."""
    if content_type:
        headers["Content-Type"] = content_type
    return lambda s: s.api.post(TOKENINFO, raw=raw if isinstance(raw, bytes) else raw(s), headers=headers)


def introspection(s):
    return json.dumps({"action": "introspect", "mytoken": s.full}).encode()


def allows(*methods):
    return lambda case, answer, s: case.assertLessEqual(set(methods), {m.strip() for m in answer.headers["Allow"].split(",")})


def echoes(case, answer, s):
    case.assertEqual(answer.headers["X-Request-ID"], "contract-test-1")


def does_not_echo(case, answer, s):
    case.assertNotIn("bad", answer.headers["X-Request-ID"])


def protected(case, answer, s):
    case.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
    case.assertIn("no-store", answer.headers["Cache-Control"])


Bodies = table("Bodies", [
    Row("JSON without a type", body(introspection), 200),
    Row("JSON called a form", body(introspection, "application/x-www-form-urlencoded"), 200),
    Row("JSON called text", body(introspection, "text/plain"), 200),
    Row("JSON after white space", body(lambda s: b" \r\n\t" + introspection(s)), 200),
    Row("member names in another case", body(lambda s: introspection(s).replace(b'"mytoken"', b'"MyToken"')), 200),
    Row("form", lambda s: s.api.post(TOKENINFO, form={"action": "introspect", "mytoken": s.full}), 200),
    Row("gzip", body(lambda s: gzip.compress(introspection(s)), "application/json", **{"Content-Encoding": "gzip"}), 200),
    Row("identity", body(introspection, "application/json", **{"Content-Encoding": "identity"}), 200),
    Row("empty body", body(b""), 401, "invalid_token"),
    Row("body null", body(b"null\n"), 401, "invalid_token"),
    Row("broken JSON", body(b'{"action":'), 400, "invalid_request"),
    Row("something after the JSON", body(b"{}x"), 400, "invalid_request"),
    Row("an array", body(b"[]"), 400, "invalid_request"),
    Row("a string", body(b'"introspect"', "application/json"), 400, "invalid_request"),
    Row("invalid UTF-8", body(b'{"action":"\xff"}'), 400, "invalid_request"),
    Row("depth 40", body(b'{"x":' * 40 + b"1" + b"}" * 40), 400, "invalid_request"),
    Row("a token that is a number", body(b'{"mytoken":5}'), 400, "invalid_request"),
    Row("plain text", body(b"introspect please", "text/plain"), 415, "Unsupported Media Type"),
    Row("multipart", body(b"--b\r\n\r\n--b--\r\n", "multipart/form-data; boundary=b"), 415, "Unsupported Media Type"),
    Row("unknown coding", body(b"{}", "application/json", **{"Content-Encoding": "zstd"}), 415, "Unsupported Media Type"),
    Row("damaged gzip", body(b"not gzip", "application/json", **{"Content-Encoding": "gzip"}), 400),
    Row("two megabytes", body(b'{"x":"' + b"a" * 2_000_000 + b'"}'), 413, "Request Entity Too Large"),
    Row("two megabytes in two kilobytes", body(gzip.compress(b'{"x":"' + b"a" * 2_000_000 + b'"}'), **{"Content-Encoding": "gzip"}),
        413, "Request Entity Too Large"),
    Row("headers of 40 kB", lambda s: s.api.get(CONFIGURATION, headers={"X-Long": "a" * 40_000}), 431, "Request Header Fields Too Large"),
])

Paths = table("Paths", [
    Row("unknown path of the API", lambda s: s.api.get("/api/v0/nothing"), 404, "not_found"),
    Row("unknown version", lambda s: s.api.get("/api/v1/token/my"), 404, "not_found"),
    Row("unknown path for a program", lambda s: s.api.get("/nothing", headers={"Accept": "application/json"}), 404, "not_found"),
    Row("GET of the access token endpoint", lambda s: s.api.get(ACCESS), 405, "Method Not Allowed", check=allows("POST")),
    Row("PUT of the mytoken endpoint", lambda s: s.api.call("PUT", MYTOKEN), 405, "Method Not Allowed", check=allows("POST")),
    Row("DELETE of the capabilities", lambda s: s.api.call("DELETE", "/api/v0/capabilities"), 405, "Method Not Allowed", check=allows("GET")),
    Row("HEAD", lambda s: s.api.call("HEAD", "/api/v0/capabilities"), 200, check=lambda case, answer, s: case.assertEqual(answer.body, b"")),
    Row("the client's request id", lambda s: s.api.get(CONFIGURATION, headers={"X-Request-ID": "contract-test-1"}), 200, check=echoes),
    Row("a bad request id", lambda s: s.api.get(CONFIGURATION, headers={"X-Request-ID": "bad id/../"}), 200, check=does_not_echo),
    Row("security headers", lambda s: s.api.get("/api/v0/capabilities"), 200, check=protected),
    Row("security headers of errors", lambda s: s.api.get("/api/v0/nothing"), 404, check=protected),
])


class OutsideTheDocument(unittest.TestCase):
    """What openapi.yaml does not describe: other spellings of paths, OPTIONS, pages, and broken requests."""

    def test_paths_without_regard_to_case_and_slashes(self):
        for path in ("/api/v0/capabilities/", "//api/v0/capabilities", "/API/v0/Capabilities", "/api//v0///capabilities/"):
            with self.subTest(path):
                self.assertEqual(shared().api.get(path).status, 200)

    def test_options(self):
        answer = shared().api.call("OPTIONS", ACCESS)
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertIn("POST", answer.headers["Allow"])

    def test_preflight(self):
        answer = shared().api.call("OPTIONS", ACCESS, headers={
            "Origin": "https://other.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"})
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(answer.headers["Access-Control-Allow-Origin"], "*")
        self.assertIn("authorization", answer.headers["Access-Control-Allow-Headers"].lower())
        self.assertIsNone(answer.headers["Access-Control-Allow-Credentials"])

    def test_unknown_page_is_a_page(self):
        answer = shared().api.get("/nothing", headers={"Accept": "text/html"})
        self.assertEqual((answer.status, answer.headers.get_content_type()), (404, "text/html"))

    def raw(self, request):
        """The statuses of everything the server answers to these bytes until it closes, or to the first 0.5 s of silence."""
        host, port = urllib.parse.urlsplit(shared().stack.issuer).netloc.split(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(request)
            connection.settimeout(0.5)
            received = b""
            try:
                while chunk := connection.recv(65536):
                    received += chunk
            except (TimeoutError, ConnectionResetError):
                pass
        return re.findall(r"HTTP/1\.1 (\d{3}) ", received.decode("latin-1"))

    def test_broken_requests_are_refused(self):
        for name, request in {
            "no HTTP": b"hello\r\n\r\n",
            "two lengths": b"POST /api/v0/tokeninfo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
            "length and chunks": b"POST /api/v0/tokeninfo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "blank before colon": b"GET /jwks HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
            "no host": b"GET /jwks HTTP/1.1\r\n\r\n",
        }.items():
            with self.subTest(name):
                self.assertEqual(self.raw(request), ["400"])

    def test_two_requests_in_one_packet_get_two_answers(self):
        self.assertEqual(self.raw(b"GET /jwks HTTP/1.1\r\nHost: a\r\n\r\n" * 2), ["200", "200"])
