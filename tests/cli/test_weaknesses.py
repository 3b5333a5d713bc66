"""The index of known weaknesses is complete and true."""
import pathlib
import re
import unittest

from stack import ROOT
from weaknesses import WEAKNESSES


class Index(unittest.TestCase):
    def test_every_number_has_a_test_that_is_in_the_tree_and_says_the_number(self):
        there = set()
        for folder in ("unit/cli", "unit/client"):
            for source in (ROOT / "tests" / folder).glob("*.cpp"):
                there |= {".".join(names) for names in re.findall(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", source.read_text(), re.MULTILINE)}
        for source in pathlib.Path(__file__).parent.glob("test_*.py"):
            for name, body in re.findall(r"^class (\w+)\(.*?\):\n(.*?)(?=^\S|\Z)", source.read_text(), re.MULTILINE | re.DOTALL):
                there |= {f"{name}.{test}" for test in re.findall(r"^    def (test_\w+)", body, re.MULTILINE)}
        self.assertEqual(list(WEAKNESSES), list(range(1, 22)))
        for number, tests in WEAKNESSES.items():
            self.assertTrue(tests)
            for test in tests:
                self.assertIn(test, there)
                self.assertRegex(test, rf"\.(test_)?W{number}_")
