#!/usr/bin/python3
"""Usage: reasons.py [--table] [ROOT]

Holds tests/reasons.txt against attest/ and tests/unit/: every reason is given in exactly one source
file, expected by a test, and belongs to a row that some table of rules has with that code; no rule
gives a reason that the list lacks, and no row is missing between the first and the last.  --table
prints row, code, reason, where it is given and which tests expect it, and how many there are.
"""
import argparse
import pathlib
import re
import sys

ROW = re.compile(r"^(\d+)\s+([a-z-]+)\s+([a-z0-9-]+)$")
RULES = ("rule_*.c", "policy.c", "policy_bits.c", "policy_guest.c", "policy_machine.c", "policy_tcb.c",
         "policy_reference.c", "table.c")
# {55, VERDICT_COLLATERAL_UNAVAILABLE, ... and verdict_refuse(x, VERDICT_REVOKED, 67, "chip-denied")
TABLE = re.compile(r"\{\s*(\d+),\s*VERDICT_([A-Z_]+),")
CALL = re.compile(r"VERDICT_([A-Z_]+),\s*(\d+),")
# What a judge answers with: return "slug", ? "slug", : "slug", and slugs in tables of a judge.
GIVEN = re.compile(r'(?:return|\?|:|,)\s*"([a-z0-9]+(?:-[a-z0-9]+)+)"')


def listed(path):
    rows = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = ROW.match(line)
        if found:
            rows.append((int(found[1]), found[2], found[3]))
        elif line and not line.startswith("#"):
            raise SystemExit(f"{path}:{number}: not a row: {line}")
    return rows


def places(files, reason):
    """FILE:LINE of each occurrence as a string."""
    return [f"{path.name}:{number}" for path, text in files.items()
            for number, line in enumerate(text.splitlines(), 1) if f'"{reason}"' in line]


def read(folder, patterns):
    return {path: path.read_text() for pattern in patterns for path in sorted(folder.glob(pattern))}


def check(rows, sources, tests):
    """Complaints, one a line."""
    text = "".join(sources.values())
    codes = {(int(row), code) for row, code in TABLE.findall(text)}
    codes |= {(int(row), code) for code, row in CALL.findall(text)}
    reasons = [reason for _, _, reason in rows]
    for row, code, reason in rows:
        given = {place.split(":")[0] for place in places(sources, reason)}
        if len(given) != 1:
            yield f"{row} {reason}: given in {len(given)} files of attest/, not in one"
        if not places(tests, reason):
            yield f"{row} {reason}: no test expects it"
        if (row, code.upper().replace("-", "_")) not in codes:
            yield f"{row} {reason}: no rule of that row has the code {code}"
        if reasons.count(reason) > 1:
            yield f"{row} {reason}: listed twice"
    last = max((row for row, _ in codes), default=0)
    for row in sorted(set(range(1, last + 1)) - {each for each, _, _ in rows}):
        yield f"{row}: a row without a reason"
    for path, source in sources.items():
        if path.name.startswith("rule_"):
            for reason in sorted(set(GIVEN.findall(source)) - set(reasons)):
                yield f"{path.name}: {reason}: not in tests/reasons.txt"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--table", action="store_true")
    parser.add_argument("root", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).parents[2])
    args = parser.parse_args()
    rows = listed(args.root / "tests/reasons.txt")
    sources = read(args.root / "attest", RULES)
    tests = read(args.root / "tests/unit", ("test_rule_*.c", "test_policy*.c", "test_fixtures.c"))
    if args.table:
        for row, code, reason in rows:
            print(f"{row:<3} {code:<24} {reason:<34} {' '.join(places(sources, reason)):<28} "
                  f"{' '.join(places(tests, reason))}")
        print(f"{len({row for row, _, _ in rows})} rows, {len(rows)} reasons, "
              f"{sum(1 for _, _, reason in rows if places(tests, reason))} of them with a test")
    complaints = list(check(rows, sources, tests))
    for complaint in complaints:
        print(complaint)
    return 1 if complaints or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
