"""Runs unittest modules for scripts/test: one line per test, and `N passed, N failed` as the last one."""
import sys
import time
import unittest


class _Result(unittest.TextTestResult):
    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def run_with(prepare, *modules):
    """Does not return: ends the process with 1 if anything failed or nothing ran.

    `prepare()` starts what all tests need; if it raises, that is the one failure. Arguments of the command line are words of
    which a test's name must contain one.
    """
    try:
        prepare()
    except Exception as error:  # whatever it was, it belongs into the report
        print(f"nothing could be tested: {error}\n0 passed, 1 failed")
        sys.exit(1)
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{word}*" for word in sys.argv[1:]] or None
    suite = unittest.TestSuite(loader.loadTestsFromModule(m) for m in modules)
    started = time.monotonic()
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=_Result).run(suite)
    # a test with several failing parts is one failed test; set-up errors and skipped tests count as failures, too
    broken = {getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors + result.skipped}
    failed = len(broken) + len(result.unexpectedSuccesses)
    print(f"({time.monotonic() - started:.1f} s)")
    print(f"{result.passed} passed, {failed} failed")
    sys.exit(1 if failed or not result.passed else 0)
