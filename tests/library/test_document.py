"""docs/library.md: its commands are run, its pieces of code compiled, its claims about sizes and names looked up."""
import re
import subprocess
import tempfile
import unittest

from shared import ROOT, environment, installed, run

PRELUDE = {
    "cpp": """#include <iostream>
#include <mytoken/client.h>
#include <mytoken/discovery.h>
#include <mytoken/inspect.h>
#include <mytoken/keyring.h>
#include <mytoken/restrictions.h>
using namespace mytoken::client;
void piece([[maybe_unused]] Client& server, [[maybe_unused]] TokenLease& lease) {
""",
    "c": """#include <stdio.h>
#include <mytoken/mytoken.h>
void piece(void);
void piece(void) {
""",
}
COMPILER = {"cpp": ("g++", "-x", "c++", "-std=c++20"), "c": ("gcc", "-x", "c", "-std=c99")}


def blocks(language):
    text = (ROOT / "docs" / "library.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


class Document(unittest.TestCase):
    def test_every_piece_of_code_compiles(self):
        self.assertGreaterEqual(len(blocks("cpp")), 5)
        for language, count in (("cpp", 5), ("c", 1)):
            pieces = blocks(language)
            self.assertGreaterEqual(len(pieces), count)
            for piece in pieces:
                with self.subTest(piece=piece.splitlines()[0]):
                    done = subprocess.run([*COMPILER[language], "-Wall", "-Wextra", "-Wno-unused-variable", "-Werror", "-fsyntax-only",
                                           f"-I{installed() / 'include'}", "-"], input=PRELUDE[language] + piece + "}\n",
                                          capture_output=True, text=True, timeout=120)
                    self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_commands_of_building_work(self):
        build, compile_ = [block for block in blocks("sh") if "./login" not in block]
        with tempfile.TemporaryDirectory(prefix="mytoken-document-") as prefix:
            env = {**environment(), "PREFIX": prefix, "PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"}
            run("bash", "-euc", build, cwd=ROOT, env=env)
            run("bash", "-euc", compile_, cwd=ROOT, env=env)
            done = subprocess.run([f"{prefix}/login"], env={**env, "LD_LIBRARY_PATH": f"{prefix}/lib"}, capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (2, "usage: login SERVER PROVIDER FILE\n"))

    def test_the_cmake_lines_are_those_of_the_examples(self):
        lines = (ROOT / "examples" / "CMakeLists.txt").read_text()
        find, link = blocks("cmake")[0].splitlines()
        self.assertIn(find, lines)
        self.assertIn(link.replace("program", "login"), lines)

    def test_every_source_and_kind_of_error_is_named(self):
        text = (ROOT / "docs" / "library.md").read_text()
        headers = "".join(path.read_text() for path in (ROOT / "include" / "mytoken").glob("*.h"))
        sources = re.findall(r"class MYTOKEN_API (\w+TokenSource) final", headers)
        self.assertEqual(len(sources), 6)
        kinds = re.search(r"enum class ErrorKind \{(.*?)\};", headers, re.DOTALL).group(1)
        for name in sources + re.findall(r"^  (\w+)", kinds, re.MULTILINE):
            self.assertIn(f"`{name}`", text)
