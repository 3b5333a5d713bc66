"""The rules by which an answer is compared with what a document shows: a check that cannot fail checks nothing."""
import unittest

from document import Broken, blocks_of, differences, output_differs

DOCUMENT = """# Title
Prose.

```sh
echo '{"a": 1}'
```

```json
{"a": 1}
```

## Second
<!-- test: alice logs in at $LINK -->
```sh
date
```
"""


class Blocks(unittest.TestCase):
    def test_commands_with_the_answers_behind_them(self):
        first, second = blocks_of(DOCUMENT)
        self.assertEqual((first.line, first.heading, first.commands, first.shown, first.kind),
                         (4, "Title", "echo '{\"a\": 1}'\n", '{"a": 1}', "json"))
        self.assertEqual((second.heading, second.before, second.shown), ("Second", 'log_in "$LINK" alice\n', None))

    def test_what_would_not_be_tested_is_refused(self):
        for text in ("```json\n{}\n```\n", "```\nls\n```\n", "```console\n$ ls\n```\n", "```sh\nls\n", "<!-- test: dance -->\n",
                     "```sh\nls\n```\nprose\n```text\nx\n```\n"):
            with self.assertRaises(Broken, msg=text):
                blocks_of(text)


class Answers(unittest.TestCase):
    def test_equal(self):
        for shown, got in ((1, 1), ("a…", "abc"), ("…", ""), (10_000, 123_456), ([1, "…"], [1, 2, 3]), (["…"], []),
                           ({"a": 1, "…": "…"}, {"a": 1, "b": 2}), ({"a": ["x…z"]}, {"a": ["xyz"]}), (True, True)):
            self.assertEqual(differences(shown, got), [], f"{shown} {got}")

    def test_different(self):
        for shown, got in ((1, 2), (1, True), (1, "1"), ("abc", "abcd"), (10_000, "12345"), (10_000, -1), ([1, "…"], []), ([1], [1, 2]),
                           ({"a": 1}, {"a": 1, "b": 2}), ({"a": 1, "…": "…"}, {"b": 1}), ({"a": {"b": 1}}, {"a": {"b": 2}}),
                           ([], {}), (True, 1), ("", None)):
            self.assertNotEqual(differences(shown, got), [], f"{shown} {got}")

    def test_texts_line_by_line(self):
        block = blocks_of("```sh\nx\n```\n```text\none …\n…\n```\n")[0]
        self.assertEqual(output_differs(block, "one two\nthree\nfour\n"), [])
        self.assertNotEqual(output_differs(block, "two\n"), [])
        block = block._replace(shown="one")
        self.assertNotEqual(output_differs(block, "one\ntwo\n"), [])
