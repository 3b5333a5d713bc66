"""The last of the contract tests: everything that openapi.yaml documents for the sections served here has been provoked."""
import unittest

import special
from coverage import LATER, UNREACHABLE, example, listing, operations, seen
from fixture import CONTRACT, shared


class Coverage(unittest.TestCase):
    def test_every_documented_operation_and_status_was_seen(self):
        print()
        for line in listing():
            print(line)
        missing = [f"{m} {p} {s}" for (m, p), statuses in operations().items() for s in statuses if s not in seen()[m, p]]
        self.assertEqual(missing, [])

    def test_no_path_that_is_left_out_is_served(self):
        for path, reason in LATER.items():
            item = CONTRACT.document["paths"][path]  # and each is a path of the document
            for method in ("GET", "POST", "PUT", "DELETE"):
                if method.lower() not in item:
                    continue
                with self.subTest(f"{method} {path}", reason=reason):
                    answer = shared().api.call(method, example(path), headers=special.page_headers(path))
                    self.assertEqual(answer.status, 404, f"it is served, so it has to leave LATER: {answer}")

    def test_no_status_called_unreachable_was_seen(self):
        for method, path, status in UNREACHABLE:
            self.assertIn(status, CONTRACT.operations()[method, path])
            self.assertNotIn((method, path, status), CONTRACT.seen)
