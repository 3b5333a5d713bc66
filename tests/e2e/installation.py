"""One installation of its own for tests that stop its server, change its database under it and start it again."""
import subprocess

import stack
from api import Api


class Installation(stack.Stack):
    """A Stack whose server can be absent. Members besides the Stack's: api, database (the file), config_file."""

    def __enter__(self):
        super().__enter__()
        self.api = Api(self.issuer, self.op)
        self.database = self.folder / "server.db"
        self.config_file = self.folder / "server.yaml"
        self.starts = 0
        return self

    def stop_server(self):
        self.processes.remove(self.server)
        code = self.server.stop()
        self.starts += 1
        self.server.log.rename(self.server.log.with_suffix(f".log.{self.starts}"))  # the next ready line is awaited
        return code

    def start_server(self, **config):
        """`config` replaces members of the server's configuration from now on."""
        folder, port, before, overlays = self._server
        self._server = (folder, port, {**before, **config}, overlays)
        self.server = stack.start_server(*self._server, **self.build)
        self.processes.append(self.server)

    def command(self, *arguments):
        """mytoken-server with the installation's configuration; the finished process."""
        return subprocess.run([stack.BUILD / "mytoken-server", *map(str, arguments), "--config", self.config_file],
                              capture_output=True, text=True, timeout=120, cwd=self.folder)

    def logs_of_server(self):
        return "".join(file.read_text(errors="replace") for file in self.folder.glob("server.log*"))


def refused(test, done, words):
    """The command changed nothing and said in one line what to do."""
    test.assertEqual((done.returncode, done.stdout), (1, ""), done)
    lines = done.stderr.splitlines()
    test.assertEqual(len(lines), 1, done.stderr)
    test.assertTrue(lines[0].startswith("mytoken-server: error: "), lines[0])
    for word in words:
        test.assertIn(word, lines[0])
