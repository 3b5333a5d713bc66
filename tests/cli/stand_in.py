"""A scripted HTTP server in place of a mytoken server, for answers that a real one never gives.

    with StandIn(lambda request: (200, {}, b"<html>")) as server: ...

It serves a complete configuration document; all else is up to the script. `requests` has everything that was asked.
"""
import base64
import http.server
import json
import threading


class Request:
    """method, path, json (None without a JSON body)"""

    def __init__(self, method, path, body):
        self.method, self.path = method, path
        try:
            self.json = json.loads(body) if body else None
        except ValueError:
            self.json = None


def error(status, code, description="", **headers):
    return status, headers, {"error": code, "error_description": description}


class StandIn:
    """`script(request)` gives (status, headers, body); a body that is no bytes is sent as JSON."""

    def __init__(self, script, document=None):
        self.requests = []
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = Request(self.command, self.path, body)
                stand_in.requests.append(request)
                if request.path == "/.well-known/mytoken-configuration":
                    status, headers, content = document(request) if document else (200, {}, stand_in.configuration())
                else:
                    status, headers, content = script(request)
                if not isinstance(content, bytes):
                    content = json.dumps(content).encode()
                    headers = {"Content-Type": "application/json", **headers}
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def configuration(self):
        names = {"access_token_endpoint": "at", "mytoken_endpoint": "my", "tokeninfo_endpoint": "info",
                 "revocation_endpoint": "revoke", "token_transfer_endpoint": "transfer"}
        return {"issuer": self.url, "providers_supported": [{"issuer": "https://op.example.org", "name": "Example"}],
                **{name: f"{self.url}/{path}" for name, path in names.items()}}

    def mytoken(self, sequence=1):
        """A JWT that looks like a mytoken of this server."""
        def part(value):
            return base64.urlsafe_b64encode(value).decode().rstrip("=")
        payload = {"token_type": "mytoken", "iss": self.url, "seq_no": sequence}
        return ".".join(map(part, (b'{"alg":"ES512","typ":"MT+JWT"}', json.dumps(payload).encode(), b"signature")))

    def count(self, path):
        return sum(r.path == path for r in self.requests)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
