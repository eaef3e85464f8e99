#!/usr/bin/python3
"""Usage: rules.py RULE [ROOT]

Rules on the text of the sources that a pattern can judge: each offence is one line
`FILE:LINE: why`, and any offence fails the run.  Which file may include which is includes.sh.
"""
import pathlib
import re
import subprocess
import sys

FOLDERS = ("common", "config", "attest", "ca-client", "ca", "proxy", "bench", "tests")
C_FILES = (".c", ".h")
SCRIPTS = (".py", ".sh", "")  # "": scripts such as tests/run
FILE_MAX = 600  # lines
HEADER_MAX = 150
FUNCTION_MAX = 70
CORPUS_FILE_MAX = 4096  # bytes

BANNED = {
    r"\b(strcpy|strcat|strncpy|strncat|sprintf|vsprintf|strtok|strtok_r|atoi|atol|atoll|atof|alloca|gets)\s*\(":
        "not used here: it checks no bound or no error",
    r"\bcbor_load\s*\(": "allocates what six hostile bytes ask for; common/cbor.h reads CBOR",
    r"\bSSL_set_retry_verify\s*\(": "accepts the peer on a server",
    r"\bassert\s*\([^;]*[^=!<>]=[^=][^;]*\)": "an assertion must not assign",
    r"__attribute__\s*\(\(\s*cleanup": "one exit by goto out, no cleanup attribute",
}
WORDS = {
    r"\b(TODO|FIXME|XXX|HACK)\b": "finish it, or leave it out",
    r"(?<![\w./])/(work|home|Users|root)/": "a path of one machine",
    r"\b(issue|Issue) #?[0-9]+\b": "say what it is, not where it was discussed",
}
BANNER = re.compile(r"^\s*(/\*|\*|//|#)\s*[-=*#~_+]{3,}|[-=*#~_+]{8,}\s*(\*/)?$")


def files(root, suffixes):
    for folder in FOLDERS + (".ci",):
        for path in sorted((root / folder).rglob("*")):
            if "corpus" in path.parts or not path.is_file() or path.suffix not in suffixes:
                continue
            if path.suffix == "" and not path.read_bytes().startswith(b"#!"):
                continue
            yield path


def lines(root, suffixes):
    for path in files(root, suffixes):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            yield path, number, line


def matches(root, suffixes, patterns):
    for path, number, line in lines(root, suffixes):
        if path.parent.name == "lint":
            continue  # names what it forbids
        for pattern, why in patterns.items():
            if re.search(pattern, line):
                yield path, number, why


def opening(root):
    """Every file begins with a comment that says what lives there."""
    for path in files(root, C_FILES):
        if not re.match(r"/\*\n \* [A-Z][^\n]{9,}\n", path.read_text()):
            yield path, 1, "begin with a comment that says what lives here and what does not"
        if path.suffix == ".h" and "#pragma once\n" not in path.read_text():
            yield path, 1, "#pragma once is missing"
    for path in files(root, SCRIPTS):
        if not re.match(r'(#![^\n]*\n)?(# |""")\S', path.read_text()):
            yield path, 1, "begin with a comment that says what this does"


def size(root):
    """No file, header, function or corpus file over its maximum."""
    for path in files(root, C_FILES + (".py", ".sh")):
        text = path.read_text().splitlines()
        limit = HEADER_MAX if path.suffix == ".h" else FILE_MAX
        if len(text) > limit:
            yield path, len(text), f"over {limit} lines: look for the second noun in it"
        begin = None
        for number, line in enumerate(text, 1):
            if line == "{" and path.suffix == ".c":
                begin = number
            elif line == "}" and begin is not None:
                if number - begin + 1 > FUNCTION_MAX:
                    yield path, begin, f"a function of more than {FUNCTION_MAX} lines"
                begin = None
    for path in sorted((root / "tests/fuzz/corpus").rglob("*")):
        if path.is_file() and path.stat().st_size > CORPUS_FILE_MAX:
            yield path, 1, f"over {CORPUS_FILE_MAX} bytes"


def banned(root):
    """Nothing that a bound, an error or a policy can slip past."""
    for path, number, why in matches(root, C_FILES, BANNED):
        if not path.read_text().splitlines()[number - 1].lstrip().startswith(("* ", "/* ")):
            yield path, number, why


def banner(root):
    """No comment that is drawn rather than written."""
    for path, number, line in lines(root, C_FILES + SCRIPTS):
        if path.parent.name != "lint" and BANNER.search(line):
            yield path, number, "a banner comment"


def words(root):
    """The sources speak of the project only."""
    yield from matches(root, C_FILES + SCRIPTS + (".txt", ".cmake", ".md", ".conf", ".ini"), WORDS)


def layout(root):
    """clang-format would change nothing."""
    paths = [str(path) for path in files(root, C_FILES)]
    done = subprocess.run(["clang-format", "--dry-run", f"--style=file:{pathlib.Path(__file__).parents[2] / '.clang-format'}", *paths],
                          capture_output=True, text=True, check=False)
    for line in done.stderr.splitlines():
        found = re.match(r"([^:]+):(\d+):\d+: warning: (.*)", line)
        if found:
            yield pathlib.Path(found[1]), found[2], "run clang-format"
    if done.returncode != 0:
        yield root, 0, f"clang-format failed: {done.stderr.strip()}"


def mentioned(text):
    """The options that a manual page or a help text names, as --long and -s."""
    text = re.sub(r"\\f.", "", text).replace("\\-", "-")
    text = re.sub(r"\bFl -?(?=[a-z-]{2})|(?<=\| )-(?=[a-z]{2})", "--", text)  # mdoc
    text = re.sub(r"\bFl (?=[a-z]\b)", "-", text)
    return set(re.findall(r"(?<![\w-])(--[a-z][a-z-]*|-[a-z])\b(?!-)", text))


def options(root):
    """A program's options, its help and its manual page name the same."""
    for page in sorted(root.glob("*/*.8")):
        taken, said = set(), set()
        for path in sorted(page.parent.glob("*.c")):
            text = path.read_text()
            taken |= {f"--{name}" for name in re.findall(r'\{"([a-z-]+)",\s*(?:no|required)_argument', text)}
            for letters in re.findall(r'getopt_long\([^"]*"([a-zA-Z:]*)"', text):
                taken |= {f"-{letter}" for letter in letters.replace(":", "")}
            said |= mentioned("\n".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', text)))
        taken |= {"--help", "--version"}
        for where, names in (("the manual", mentioned(page.read_text())), ("the help", said)):
            for name in sorted(taken - names):
                yield page, 1, f"{name} is not in {where}"
            for name in sorted(names - taken):
                yield page, 1, f"{name} is in {where} alone"


def endings(root):
    """Each reason for which a connection ends is produced by a unit test, which names it."""
    path = root / "proxy/reason.h"
    tests = "".join(test.read_text() for test in sorted(root.glob("tests/unit/*.c")))
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else (), 1):
        found = re.match(r"\s+(REASON_[A-Z_]+),", line)
        if found and found[1] != "REASON_NONE" and not re.search(rf"\b{found[1]}\b", tests):
            yield path, number, f"no unit test ends a connection by {found[1]}"


RULES = {rule.__name__: rule for rule in (opening, size, banned, banner, words, layout, options, endings)}


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in RULES:
        sys.exit(f"usage: rules.py {'|'.join(RULES)} [ROOT]")
    root = pathlib.Path(sys.argv[2] if len(sys.argv) == 3 else pathlib.Path(__file__).parents[2]).resolve()
    count = 0
    for path, number, why in RULES[sys.argv[1]](root):
        print(f"{path.relative_to(root) if path.is_relative_to(root) else path}:{number}: {why}")
        count += 1
    sys.exit(1 if count else 0)


if __name__ == "__main__":
    main()
