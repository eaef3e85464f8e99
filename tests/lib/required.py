#!/usr/bin/python3
"""Usage: required.py [--tests FOLDER] [RESULTS.xml]

Holds tests/required.txt against the tests.  Alone it reads their sources: every number that is due
has a test, and no test carries a number that the list lacks.  With ctest's JUnit file it prints one
line per number, writes the names behind it beside that file (required.txt), and fails if a number
that is due was not shown.  A test that is in the sources and not in the results is one of --long.
"""
import argparse
import pathlib
import re
import sys
import xml.etree.ElementTree

import tally

ROW = re.compile(r"^(R\d+)\s+(due|later)\s+(\S.*)$")
NUMBERS = r"((?:r\d+_)+)"
SOURCES = (("unit/*.c", rf"^static void {NUMBERS}(\w+)\(void \*\*"),
           ("integration/*.py", rf"^    def test_{NUMBERS}(\w+)\("),
           ("CMakeLists.txt", rf"(?:_test\(|_target\(|NAME integration\.){NUMBERS}([\w$]+)"))
IN_RESULTS = re.compile(rf"(?:^|[. ])(?:test_)?{NUMBERS}(\w+)")


def split(numbers):
    """["R4", "R6"] from "r4_r6_"."""
    return numbers.upper().rstrip("_").split("_")


def listed(text):
    """{number: (state, behaviour)}; every line is a row or a comment."""
    rows = {}
    for line in text.splitlines():
        found = ROW.match(line)
        if found:
            rows[found[1]] = found[2], found[3]
        elif line and not line.startswith("#"):
            raise SystemExit(f"required.txt: not a row: {line}")
    return rows


def in_sources(tests):
    """{number: {name of a test}}."""
    shown = {}
    for pattern, expression in SOURCES:
        for path in sorted(tests.glob(pattern)):
            for numbers, name in re.findall(expression, path.read_text(), re.MULTILINE):
                for number in split(numbers):
                    shown.setdefault(number, set()).add(name)
    return shown


def in_results(results):
    """{number: {(name, full name): result}}: the worst result of each full name's rows."""
    shown = {}
    for test in xml.etree.ElementTree.parse(results).iter("testcase"):
        for full, result in tally.cases(test):
            for numbers, name in IN_RESULTS.findall(full):
                for number in split(numbers):
                    shown.setdefault(number, {})[name, full] = result
    return shown


def judge(rows, sources):
    """Yields what is wrong with the sources."""
    for number, (state, behaviour) in rows.items():
        if state == "due" and number not in sources:
            yield f"{number} ({behaviour}) has no test"
    for number in sorted(set(sources) - set(rows)):
        yield f"{number} is not in required.txt: {', '.join(sorted(sources[number]))}"


def verdict(state, found, known):
    """(word, whether that is good) for one number."""
    results = list(found.values())
    if "FAILED" in results:
        return "FAILED", False
    if "OK" in results:
        return f"{results.count('OK')} passed", True
    if known:
        return "skipped" if results else "--long", True
    return ("MISSING", False) if state == "due" else ("not yet", True)


def table(rows, sources, results):
    """Yields (number, line, names, good)."""
    for number, (state, behaviour) in rows.items():
        found, known = results.get(number, {}), sources.get(number, set())
        word, good = verdict(state, found, known)
        names = [f"{result.lower()}: {full}" for (_, full), result in sorted(found.items())]
        names += [f"not run: {name}" for name in sorted(known - {name for name, _ in found})]
        yield number, f"{number:4} {word:12} {behaviour}", names, good


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tests", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[1])
    parser.add_argument("results", nargs="?", type=pathlib.Path)
    options = parser.parse_args()
    rows, sources = listed((options.tests / "required.txt").read_text()), in_sources(options.tests)
    wrong = list(judge(rows, sources))
    for line in wrong:
        print(f"{options.tests / 'required.txt'}: {line}")
    if options.results:
        results = options.results
        text = ""
        for _, line, names, good in table(rows, sources, in_results(results)):
            print(line)
            text += "\n".join([line, *(f"     {name}" for name in names)]) + "\n"
            wrong += [] if good else [line]
        (results.parent / "required.txt").write_text(text)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
