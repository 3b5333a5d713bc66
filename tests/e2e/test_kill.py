"""kill -9 at every named point of the access-token path, with a provider that rotates refresh tokens and forgives a repeat.

After each kill the server is started again on what it left: the mytoken must work, the provider's session must live, and
the usage limit must hold.
"""
import http.client
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse

import stack
from api import ACCESS, TOKENINFO, Api

POINTS = ["after_reserve", "before_provider_call", "after_provider_reply", "after_settle"]
LIMIT = 3


def binary(name):
    return next(p for p in stack.BUILD.rglob(name) if p.is_file())


class Kill(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mytoken-kill-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.provider = stack.Process("provider", [binary("scripted-provider"), "--rotation", "grace", "--grace", "600000"],
                                      self.folder / "provider.log")
        self.addCleanup(self.provider.stop)
        self.op = self.provider.wait_for(r"(http://127\.0\.0\.1:\d+)", 20).group(1)
        self.server = None
        self.starts = 0
        port = stack.free_port()
        self.config = self.folder / "config.yaml"
        self.config.write_text(json.dumps({
            "issuer": f"http://127.0.0.1:{port}",
            "service_operator": {"name": "kill test", "mail_contact": "operator@example.org"},
            "server": {"listen": [f"127.0.0.1:{port}"], "tls": {"enabled": False}},
            "database": {"url": f"sqlite://{self.folder / 'kill.db'}"},
            "logging": {"access": {"dir": ""}, "internal": {"dir": "", "stderr": True}},
            "signing": {"mytoken": {"alg": "ES256", "key_file": str(self.folder / "key.pem")}},
            "providers": [{"issuer": self.op, "client_id": "client", "client_secret": "client-secret",
                           "scopes": ["openid", "email", "offline_access"]}],
        }))
        subprocess.run([binary("mytoken-server-faulty"), "init", "--config", self.config], check=True, capture_output=True)
        self.addCleanup(lambda: self.server and self.server.stop())
        self.api = Api(f"http://127.0.0.1:{port}", self.op)

    def start(self, fault=""):
        self.starts += 1
        self.server = stack.Process("server", [binary("mytoken-server-faulty"), "serve", "--config", self.config],
                                    self.folder / f"server-{self.starts}.log", {"MYTOKEN_FAULT": fault})
        self.server.wait_for(r"^mytoken-server: ready", 30)

    def login(self):
        """A mytoken for LIMIT access tokens; the scripted provider has no pages."""
        asked = {"grant_type": "oidc_flow", "oidc_issuer": self.op, "restrictions": [{"usages_AT": LIMIT}],
                 "capabilities": ["AT", "tokeninfo"]}
        start = self.api.post("/api/v0/token/my", asked).json
        code = urllib.parse.urlsplit(start["consent_uri"]).path
        accepted = self.api.post(code, {"restrictions": asked["restrictions"], "capabilities": asked["capabilities"]})
        self.assertEqual(accepted.status, 278, accepted)
        cookie = accepted.headers["Set-Cookie"].partition(";")[0]
        at_provider = urllib.parse.urlsplit(accepted.json["authorization_uri"])
        connection = http.client.HTTPConnection(at_provider.netloc, timeout=20)
        connection.request("GET", f"{at_provider.path}?{at_provider.query}")
        back = connection.getresponse().headers["Location"]
        connection.close()
        self.assertEqual(self.api.get(back, headers={"Cookie": cookie}).status, 303)
        answer = self.api.post("/api/v0/token/my", {"grant_type": "polling_code", "polling_code": start["polling_code"]})
        self.assertEqual(answer.status, 200, answer)
        return answer.json["mytoken"]

    def access(self, mytoken):
        return self.api.post(ACCESS, {"grant_type": "mytoken", "mytoken": mytoken})

    def die_at(self, point, mytoken):
        self.start(point)
        with self.assertRaises((http.client.HTTPException, OSError)):
            self.access(mytoken)
        self.assertEqual(self.server.child.wait(20), -9)

    def test_the_session_survives_a_kill_at_every_point(self):
        for point in POINTS:
            with self.subTest(point=point):
                self.start()
                mytoken = self.login()
                self.assertEqual(self.server.stop(), 0)
                self.die_at(point, mytoken)
                self.start()
                answer = self.access(mytoken)
                self.assertEqual(answer.status, 200, answer)
                self.assertTrue(answer.json["access_token"])
                # A use that was reserved when the process died stays charged: early is safe, late would not be.
                granted = 1
                while self.access(mytoken).status == 200:
                    granted += 1
                self.assertIn(granted, (LIMIT - 1, LIMIT))
                done = self.api.post(TOKENINFO, {"action": "introspect", "mytoken": mytoken}).json["token"]["restrictions"]
                self.assertEqual(done[0]["usages_AT_done"], LIMIT)
                self.assertEqual(self.server.stop(), 0)

    def test_a_kill_while_several_refreshes_wait_keeps_the_chain(self):
        """Rotation in turns: the process dies after the provider's second reply, with the first successor stored."""
        self.start()
        mytoken = self.login()
        self.assertEqual(self.server.stop(), 0)
        self.start("after_provider_reply:2")
        self.assertEqual(self.access(mytoken).status, 200)
        with self.assertRaises((http.client.HTTPException, OSError)):
            self.access(mytoken)
        self.assertEqual(self.server.child.wait(20), -9)
        self.start()
        self.assertEqual(self.access(mytoken).status, 200)
        log = "".join(file.read_text() for file in self.folder.glob("server-*.log"))
        self.assertIsNone(re.search(r"eyJ[\w-]{20,}\.", log), "a token is in the log")


if __name__ == "__main__":
    unittest.main()
