#!/usr/bin/python3
"""Usage: mutants.py [-j N] [ROW|REASON...]

Takes each row of the evidence table away, one at a time, and sees some unit test fail; where a row
has several reasons, each of these too.  Works on a copy of the tree, in which the answer of each
judge passes through a function that drops what LIFTGATE_MUTANT names: a row's number, or a reason.
So one build serves all.  Prints what killed each mutant, and fails if one survives.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests/lint"))
import reasons  # noqa: E402  (its folder is known only now)

COPIED = ("attest", "bench", "ca", "ca-client", "common", "config", "proxy", "tests", "CMakeLists.txt",
          "CMakePresets.json")
LIMIT_S = 300  # for one program
PROTOTYPE = "const char *mutant_answer(int row, const char *slug);\n"
DROP = """
#include <stdlib.h>
#include <string.h>

const char *mutant_answer(int row, const char *slug)
{
    const char *mutant = getenv("LIFTGATE_MUTANT");

    if (mutant == NULL || slug == NULL || strcmp(slug, "skipped") == 0) {
        return slug;
    }
    return strtol(mutant, NULL, 10) == row || strcmp(mutant, slug) == 0 ? NULL : slug;
}
"""
# {55, VERDICT_REVOKED, "intermediate", NEEDS_ARK | NEEDS_ASK, judge_revoked}
RULE = re.compile(r'\{\s*(\d+),\s*VERDICT_\w+,\s*"[^"]+",\s*(?:[^,{}]+,\s*)?(judge_\w+)\}')
# if (chip) { verdict_refuse(out_verdict, VERDICT_REVOKED, 67, "chip-denied");
CALL = re.compile(r"if \(([^{}]*?)\) \{(\n\s+verdict_refuse\(\w+, VERDICT_\w+, ([1-9]\d*), ([^)]+)\);)")


def wrap(text, row, judge):
    """The judge keeps its name, and answers through mutant_answer()."""
    begin = re.search(rf"^static const char \*{judge}\((struct \w+ \*(\w+))\)\n\{{", text, re.MULTILINE)
    end = text.index("\n}\n", begin.start()) + len("\n}\n")
    whole = text[begin.start():end].replace(f"*{judge}(", f"*{judge}_whole(", 1)
    outer = f"\nstatic const char *{judge}({begin[1]})\n{{\n    return mutant_answer({row}, {judge}_whole({begin[2]}));\n}}\n"
    return text[:begin.start()] + whole + outer + text[end:]


def alter(folder):
    """Returns the rows whose answers can be dropped now."""
    rows = []
    for path in reasons.read(folder / "attest", reasons.RULES):
        text = path.read_text()
        rules = RULE.findall(text)
        for row, judge in rules:
            text = wrap(text, row, judge)
        calls = CALL.findall(text)
        text = CALL.sub(r"if (mutant_answer(\3, \4) != NULL && (\1)) {\2", text)
        if rules or calls:
            include = re.search(r'^#include "[^"]+"\n', text, re.MULTILINE).end()
            path.write_text(text[:include] + PROTOTYPE + text[include:])
        rows += [int(row) for row, _ in rules] + [int(row) for _, _, row, _ in calls]
    verdict = folder / "common/verdict.c"
    verdict.write_text(verdict.read_text() + PROTOTYPE + DROP)
    return set(rows)


def build(folder, programs):
    (folder / "build").mkdir()
    (folder / "build/deps").symlink_to(ROOT / "build/deps")
    launcher = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    for command in (["cmake", "--preset", "dev", *launcher],
                    ["cmake", "--build", "--preset", "dev", "-j", "2", "--target", *programs]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")


def run(folder, program, mutant):
    """The cases that failed, or where the program ended; empty: it passed."""
    env = {**os.environ, "LIFTGATE_MUTANT": str(mutant)} if mutant else os.environ
    try:
        done = subprocess.run([folder / "build/dev/bin" / program], env=env, capture_output=True, text=True,
                              errors="replace", timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return ["time limit"]
    output = done.stdout + done.stderr
    if done.returncode == 0:
        return []
    failed = re.findall(r"^\[ +FAILED +\] (?!\d+ test)([\w-]+)$", output, re.MULTILINE)
    last = re.findall(r"^\[ +RUN +\] ([\w-]+)", output, re.MULTILINE)
    return list(dict.fromkeys(failed)) or [f"{last[-1] if last else program} (ended by {done.returncode})"]


def kill(folder, mutant, programs):
    for program in programs:
        cases = run(folder, program, mutant)
        if cases:
            return f"{program.removeprefix('test_')}: {', '.join(cases)}"
    return None


def find_mutants(rows, wanted):
    """Yields (mutant, its reasons)."""
    for row in sorted({row for row, _, _ in rows}):
        own = [reason for each, _, reason in rows if each == row]
        if not wanted or str(row) in wanted:
            yield row, own
        for reason in own:
            if reason in wanted or (not wanted and len(own) > 1):
                yield reason, [reason]


def order(tests, own):
    """Programs that name one of its reasons come first, and genuine evidence last: it takes longest."""
    naming = {path for path in tests if any(reasons.places({path: tests[path]}, reason) for reason in own)}
    return [path.stem for path in sorted(tests, key=lambda path: (path not in naming, path.stem == "test_fixtures", path.stem))]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-j", type=int, default=2)
    parser.add_argument("mutants", nargs="*")
    args = parser.parse_args()
    rows = reasons.listed(ROOT / "tests/reasons.txt")
    tests = reasons.read(ROOT / "tests/unit", ("test_rule_*.c", "test_policy*.c", "test_fixtures.c", "test_verify.c"))
    os.environ.setdefault("LIFTGATE_FIXTURES", str(ROOT.parent / "shared/fixtures"))
    with tempfile.TemporaryDirectory() as name, concurrent.futures.ThreadPoolExecutor(args.j) as pool:
        folder = pathlib.Path(name)
        for each in COPIED:
            source = ROOT / each
            (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / each)
        missing = {row for row, _, _ in rows} - alter(folder)
        if missing:
            sys.exit(f"rows that could not be found in the sources: {sorted(missing)}")
        build(folder, order(tests, []))
        broken = kill(folder, None, order(tests, []))
        if broken:
            sys.exit(f"without a mutant: {broken}")
        mutants = list(find_mutants(rows, args.mutants))
        survivors = []
        killers = pool.map(lambda each: kill(folder, each[0], order(tests, each[1])), mutants)
        for (mutant, _), killer in zip(mutants, killers):
            print(f"{mutant:<34} {killer or 'SURVIVED'}", flush=True)
            survivors += [] if killer else [str(mutant)]
    print(f"{len(mutants)} mutants, {sum(1 for mutant, _ in mutants if isinstance(mutant, int))} of them whole rows: "
          f"{len(mutants) - len(survivors)} killed, survivors: {' '.join(survivors) or 'none'}")
    return 1 if survivors or not mutants else 0


if __name__ == "__main__":
    sys.exit(main())
