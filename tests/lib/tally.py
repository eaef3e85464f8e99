#!/usr/bin/python3
"""Usage: tally.py RESULTS.xml

Counts test cases, not test programs, in ctest's JUnit file and prints `N passed, N failed` last,
after the names of what was skipped and what failed.  A program that ends badly without naming a
failed case (a crash, a sanitizer's report, a time limit) counts as one failed case.
"""
import re
import sys
import xml.etree.ElementTree

# What cmocka prints for each case; tests/lib/case.py prints the same for Python's.
CASE = re.compile(r"^\[ +(OK|FAILED|SKIPPED) +\] (?!\d+ test)([\w.]+)", re.MULTILINE)
REPLAYED = re.compile(r"^(\d+) inputs replayed$", re.MULTILINE)


def cases(test):
    """Yields (name, result) for each case of one test program."""
    program = test.get("name")
    output = test.findtext("system-out") or ""
    if test.get("status") == "disabled":
        yield program, "SKIPPED"
        return
    bad = test.get("status") != "run"
    replayed = REPLAYED.search(output)
    if replayed and not bad:
        for number in range(int(replayed[1])):
            yield f"{program} input {number + 1}", "OK"
        return
    found = dict((name, result) for result, name in CASE.findall(output))
    for name, result in found.items():
        yield f"{program}: {name}", result
    if bad and "FAILED" not in found.values():
        yield program, "FAILED"
    elif not found:
        yield program, "OK"


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: tally.py RESULTS.xml")
    results = [case for test in xml.etree.ElementTree.parse(sys.argv[1]).iter("testcase") for case in cases(test)]
    count = {result: sum(1 for _, each in results if each == result) for result in ("OK", "FAILED", "SKIPPED")}
    for result in ("SKIPPED", "FAILED"):
        for name, each in results:
            if each == result:
                print(f"{result.lower()}: {name}")
    skipped = f", {count['SKIPPED']} skipped" if count["SKIPPED"] else ""
    print(f"{count['OK']} passed, {count['FAILED']} failed{skipped}")
    sys.exit(1 if count["FAILED"] or not count["OK"] else 0)


if __name__ == "__main__":
    main()
