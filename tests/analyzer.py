#!/usr/bin/python3
"""Usage: analyzer.py [-j N] BUILD [FOLDER...]

gcc's static analyzer (-fanalyzer) over each source of the folders (attest and common), compiled as
compile_commands.json in BUILD says but without sanitizers.  Prints its findings; any that is not
known to be false fails the run.
"""
import argparse
import concurrent.futures
import json
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]
LIMIT_S = 600  # for one file
KEPT = "the array is kept in a field of the caller's structure, and freed with it"
# Findings of gcc 12 that are false, and why: (file, function, kind).
FALSE = {
    ("attest/policy_file.c", "finish_anchors", "malloc-leak"): KEPT,
    ("attest/policy_keys_workload.c", "add_csp", "malloc-leak"): KEPT,
    ("attest/policy_keys_workload.c", "add_dns", "malloc-leak"): KEPT,
}
FUNCTION = re.compile(r"^(\S+): In function .(\w+).:$")
FINDING = re.compile(r"^(\S+?):(\d+):\d+: warning: (.*) \[-Wanalyzer-([\w-]+)\]$")


def sources(build, folders):
    """{file: arguments}, each file once."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in folders:
            found.setdefault(path, entry)
    return dict(sorted(found.items()))


def analyze(entry):
    """Yields (file, line, function, kind, what it is)."""
    words = shlex.split(entry["command"])
    words = words[next(i for i, word in enumerate(words) if word.startswith("-")):words.index("-o")]
    words = [word for word in words if not word.startswith(("-fsanitize", "-fno-sanitize", "-Werror"))]
    command = ["gcc", *words, "-fanalyzer", "-fdiagnostics-plain-output", "-S", "-o", "/dev/null", entry["file"]]
    done = subprocess.run(command, cwd=entry["directory"], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    function = None
    for line in done.stderr.splitlines():
        begins, found = FUNCTION.match(line), FINDING.match(line)
        if begins:
            function = begins[2]
        if found:
            yield str(pathlib.Path(found[1]).relative_to(ROOT)), found[2], function, found[4], found[3]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-j", type=int, default=2)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("folders", nargs="*")
    args = parser.parse_args()
    files = sources(args.build.resolve(), args.folders or ["attest", "common"])
    with concurrent.futures.ThreadPoolExecutor(args.j) as pool:
        findings = sorted({each for found in pool.map(lambda entry: list(analyze(entry)), files.values()) for each in found})
    bad = 0
    for path, line, function, kind, what in findings:
        why = FALSE.get((path, function, kind))
        bad += why is None
        print(f"{path}:{line}: {function}: {what} [{kind}]{f': false: {why}' if why else ''}")
    print(f"{len(files)} files analyzed, {len(findings)} findings, {bad} of them not known to be false")
    return 1 if bad or not files else 0


if __name__ == "__main__":
    sys.exit(main())
