"""One oidc-agent with a home and a socket of its own, and its commands, none of which may ask a question."""
import os
import signal
import subprocess
import time

from stack import tail

SECONDS = 60  # for one command


class OidcAgent:
    """Use as a context manager. `folder` is an existing folder of its own."""

    def __init__(self, folder):
        self.folder, self.log, self.password = folder, folder / "agent.log", folder / "password"
        self.socket = folder / "agent.sock"

    def __enter__(self):
        (self.folder / "oidc").mkdir()
        self.password.write_text("of the account files\n")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("OIDC")}
        self.environment.update(HOME=str(self.folder), TMPDIR=str(self.folder), OIDC_CONFIG_DIR=str(self.folder / "oidc"),
                                OIDC_SOCK=str(self.socket))
        with open(self.log, "wb") as output:
            # the agent is two processes, which end together as a group of their own
            self.agent = subprocess.Popen(["oidc-agent", "--console", "--socket-path", self.socket], env=self.environment,
                                          stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        deadline = time.monotonic() + 30
        while self.run("oidc-add", "--loaded").returncode != 0:
            if self.agent.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError(f"oidc-agent does not answer\n{tail(self.log)}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        os.killpg(self.agent.pid, signal.SIGTERM)
        self.agent.wait(SECONDS)

    def run(self, *command):
        return subprocess.run([str(c) for c in command], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=SECONDS)

    def output(self, *command):
        """Standard output of a command that must succeed."""
        done = self.run(*command)
        if done.returncode != 0:
            raise AssertionError(f"{command[0]} ended with {done.returncode}: {done.stdout}{done.stderr}\n{tail(self.log)}")
        return done.stdout.strip()

    def generate(self, account, issuer, mytoken, *more):
        """A new account whose refresh token is `mytoken`; for oidc-agent 4 the server is a provider as any other."""
        return self.output("oidc-gen", account, "-m", f"--iss={issuer}", "--client-id=x", "--client-secret=y",
                           "--redirect-uri=http://localhost:4242", "--scope=openid offline_access", f"--pw-file={self.password}",
                           "--prompt=none", "--confirm-default", f"--rt={mytoken}", *more)

    def load(self, account):
        return self.output("oidc-add", f"--pw-file={self.password}", account)

    def token(self, account, *options):
        return self.output("oidc-token", account, *options)

    def delete(self, account):
        return self.output("oidc-gen", "--delete", account, f"--pw-file={self.password}", "--confirm-yes")
