#!/usr/bin/env python3
"""Tests of scripts/check_floors.py on small invented source trees: python3 tests/lint/check_floors_test.py"""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "scripts"))
import check_floors  # noqa: E402


class CheckFloors(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def write(self, path, *included, comment="// Why it exists.", lines=0):
        text = comment + "\n" + "".join(f'#include "{name}"\n' for name in included) + "\n" * lines
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def findings(self):
        return check_floors.check(self.root)

    def one(self):
        found = self.findings()
        self.assertEqual(len(found), 1, found)
        return found[0]

    def test_includes_of_the_own_floor_and_of_floors_below_are_fine(self):
        self.write("src/base/a.h")
        self.write("src/base/b.h", "base/a.h", "vector", "boost/json.hpp")
        self.write("src/service/s.h", "base/a.h", "store/x.h", "token/t.h", "net/n.h")
        self.write("src/api/e.cpp", "service/s.h", "http/h.h")
        self.write("src/app/main.cpp", "api/e.h", "web/w.h", "mytoken/client.h")
        self.assertEqual(self.findings(), [])

    def test_an_include_that_points_up_is_found(self):
        self.write("src/base/a.cpp", "base/b.h", "crypto/hash.h")
        self.assertEqual(self.one(), "src/base/a.cpp:3: base must not include crypto (crypto/hash.h)")

    def test_an_include_that_points_sideways_is_found(self):
        for floor, other in [("sql", "net"), ("store", "oidc"), ("service", "http"), ("http", "service"),
                             ("api", "web"), ("app", "cli"), ("token", "sql")]:
            with self.subTest(floor=floor):
                self.write(f"src/{floor}/a.cpp", f"{other}/b.h")
                self.assertIn(f"{floor} must not include {other}", self.one())
                (self.root / f"src/{floor}/a.cpp").unlink()

    def test_http_knows_neither_tokens_nor_stores(self):
        self.write("src/http/a.cpp", "net/n.h", "base/b.h")
        self.assertEqual(self.findings(), [])
        for other in ("service", "store", "oidc", "token", "crypto", "sql"):
            with self.subTest(other=other):
                self.write("src/http/a.cpp", f"{other}/b.h")
                self.assertIn(f"http must not include {other}", self.one())

    def test_the_client_uses_the_token_model_and_its_public_headers_only(self):
        self.write("src/client/a.cpp", "token/t.h", "crypto/c.h", "base/b.h", "mytoken/client.h")
        self.assertEqual(self.findings(), [])
        for other in ("service", "http", "store", "oidc", "sql", "net"):
            with self.subTest(other=other):
                self.write("src/client/a.cpp", f"{other}/b.h")
                self.assertIn(f"client must not include {other}", self.one())

    def test_public_headers_show_nothing_internal(self):
        self.write("include/mytoken/client.h", "mytoken/error.h")
        self.assertEqual(self.findings(), [])
        self.write("include/mytoken/client.h", "base/error.h")
        self.assertIn("mytoken must not include base", self.one())

    def test_the_server_does_not_use_the_public_headers(self):
        self.write("src/service/a.cpp", "mytoken/client.h")
        self.assertIn("service must not include mytoken", self.one())

    def test_relative_and_angle_includes_are_seen(self):
        self.write("src/api/a.h")
        self.write("src/base/b.cpp", "../api/a.h")
        self.assertIn("base must not include api", self.one())
        (self.root / "src/base/b.cpp").write_text("// c\n#  include <api/a.h>\n")
        self.assertIn("base must not include api", self.one())

    def test_a_cycle_between_files_is_found(self):
        self.write("src/base/a.h", "base/b.h")
        self.write("src/base/b.h", "c.h")
        self.write("src/base/c.h", "base/a.h")
        self.assertIn("include cycle: src/base/a.h -> src/base/b.h -> src/base/c.h -> src/base/a.h", self.one())

    def test_a_file_that_includes_itself_is_a_cycle(self):
        self.write("src/base/a.h", "base/a.h")
        self.assertIn("include cycle", self.one())

    def test_a_diamond_is_no_cycle(self):
        self.write("src/base/a.h", "base/b.h", "base/c.h")
        self.write("src/base/b.h", "base/d.h")
        self.write("src/base/c.h", "base/d.h")
        self.write("src/base/d.h")
        self.assertEqual(self.findings(), [])

    def test_an_unknown_floor_is_found(self):
        self.write("src/util/a.h")
        self.assertIn("not on a known floor", self.one())
        (self.root / "src/util/a.h").unlink()
        self.write("src/a.h")
        self.assertIn("not on a known floor", self.one())

    def test_a_file_without_a_leading_comment_is_found(self):
        self.write("src/base/a.cpp", comment="#include <vector>")
        self.assertIn("no leading comment", self.one())
        self.write("src/base/a.cpp", comment="/* Why. */")
        self.assertEqual(self.findings(), [])
        self.write("tests/unit/base/a_test.cpp", comment="")
        self.assertIn("tests/unit/base/a_test.cpp:1: no leading comment", self.one())

    def test_a_file_of_more_than_600_lines_is_found(self):
        self.write("src/base/a.cpp", lines=599)
        self.assertEqual(self.findings(), [])
        self.write("src/base/a.cpp", lines=600)
        self.assertIn("601 lines", self.one())

    def test_the_exit_code_tells(self):
        command = [sys.executable, str(PROJECT / "scripts/check_floors.py"), str(self.root)]
        self.write("src/base/a.h")
        good = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual((good.returncode, good.stdout), (0, ""))
        self.write("src/base/a.h", "app/x.h")
        bad = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(bad.returncode, 1)
        self.assertEqual(bad.stdout, "src/base/a.h:2: base must not include app (app/x.h)\n")


if __name__ == "__main__":
    unittest.main()
