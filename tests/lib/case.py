"""Case: what every integration test is built on: a temporary directory of its own, programs that are
stopped and examined at its end, and one line per case as cmocka prints it, so that all are counted
alike.  A test's name is a sentence.
"""
import os
import pathlib
import shutil
import sys
import tempfile
import time
import unittest

DEADLINE_S = 30  # for whatever should happen at once; generous, for sanitizers on a busy machine
TOP = pathlib.Path(__file__).resolve().parents[2]


def build_folder():
    """The build under test: that of preset dev unless LIFTGATE_BUILD names another."""
    return pathlib.Path(os.environ.get("LIFTGATE_BUILD", TOP / "build/dev"))


def program(name):
    return build_folder() / "bin" / name


def is_instrumented():
    """Sanitizers look into their process and coverage writes files: neither can in the sandbox."""
    flags = (build_folder() / "CMakeCache.txt").read_text()
    return "-fsanitize=" in flags or "--coverage" in flags


class Case(unittest.TestCase):
    """A test with a folder and programs."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="liftgate-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def until(self, condition, what, seconds=DEADLINE_S):
        """Waits until `condition()` is true and returns its value."""
        end = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                self.fail(f"not within {seconds} s: {what}")
            time.sleep(0.02)


class Lines(unittest.TextTestResult):
    """Prints what tally.py counts."""

    def startTest(self, test):
        unittest.TestResult.startTest(self, test)
        self._say(" RUN      ", test)

    def _say(self, mark, test):
        print(f"[{mark}] {test.id().removeprefix('__main__.')}", flush=True)

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self._say("       OK ", test)

    def _failed(self, test, error):
        print(self._exc_info_to_string(error, test))
        self._say("  FAILED  ", test)

    def addError(self, test, err):
        unittest.TestResult.addError(self, test, err)
        self._failed(test, err)

    def addFailure(self, test, err):
        unittest.TestResult.addFailure(self, test, err)
        self._failed(test, err)

    def addSkip(self, test, reason):
        unittest.TestResult.addSkip(self, test, reason)
        print(reason)
        self._say("  SKIPPED ", test)

    def addSubTest(self, test, subtest, err):
        """A row of a table is a case of its own, passed or failed."""
        if err is not None:
            unittest.TestResult.addSubTest(self, test, subtest, err)
            self._failed(_Row(subtest), err)
        else:
            self._say("       OK ", _Row(subtest))


class _Row:
    """Names a row of a table in one word."""

    failureException = AssertionError  # unittest asks for it

    def __init__(self, subtest):
        self.subtest = subtest

    def id(self):
        values = self.subtest._message  # pylint: disable=protected-access
        word = "".join(letter if letter.isalnum() or letter in "._" else "_" for letter in str(values))
        return f"{self.subtest.test_case.id()}.{word}"


def main():
    """Runs the tests of the calling module."""
    runner = unittest.TextTestRunner(stream=open(os.devnull, "w"), resultclass=Lines)
    result = unittest.main(testRunner=runner, exit=False).result
    sys.exit(0 if result.wasSuccessful() and result.testsRun else 1)
