#!/usr/bin/python3
"""Plants one offence at a time in an otherwise clean tree and sees the lint that guards it fail."""
import pathlib
import subprocess
import sys
import tempfile

LINT = pathlib.Path(__file__).parent
TOP = "/*\n * Thing: what lives here, and what does not.\n */\n"
FOLDERS = ("common", "config", "attest", "ca-client", "ca", "proxy", "bench", "tests/fuzz/corpus/x", ".ci")

MAIN = TOP + 'const char help[] = "x -c FILE [--check] --help --version";\n{"check", no_argument, NULL, 1},\ngetopt_long(argc, argv, "c:",\n'

# rule, file, text, what is said about it
OFFENCES = [
    ("includes", "attest/a.c", TOP + '#include "ca/b.h"\n', "attest/ must not include ca/b.h"),
    ("includes", "common/a.h", TOP + '#pragma once\n# include "config/b.h"\n', "common/ must not include config/b.h"),
    ("includes", "proxy/a.c", TOP + '#include "attest/b.h"\n', "proxy/ must not include attest/b.h"),
    ("includes", "ca-client/a.c", TOP + '#include "config/b.h"\n', "ca-client/ must not include"),
    ("includes", "bench/a.c", TOP + '#include "proxy/b.h"\n', "bench/ must not include"),
    ("includes", "proxy/a.c", TOP + '#include "b.h"\n', "proxy/ must not include b.h"),
    ("includes", "proxy/conn.c", TOP + '#include "config/config.h"\n', "take options, not struct config"),
    ("includes", "ca/a.c", TOP + "#include <cbor.h>\n", "must not include cbor"),
    ("includes", "attest/a.c", TOP + "#include <cbor/streaming.h>\n", "must not include cbor"),
    ("includes", "config/a.c", TOP + "#include <ini.h>\n", "must not include ini"),
    ("includes", "proxy/a.c", TOP + "#include <llhttp.h>\n", "must not include llhttp"),
    ("includes", "ca/enrol.c", TOP + "#include <sqlite3.h>\n", "must not include sqlite3"),
    ("includes", "common/a.c", TOP + "#include <uv.h>\n", "must not include uv"),
    ("includes", "ca-client/a.c", TOP + "#include <uv.h>\n", "must not include uv"),
    ("includes", "common/a.c", TOP + "#include <cmocka.h>\n", "must not include cmocka"),
    ("opening", "common/a.c", "int a;\n", "begin with a comment"),
    ("opening", "common/a.c", "/* a */\n", "begin with a comment"),
    ("opening", "common/a.h", TOP + "int a;\n", "#pragma once"),
    ("opening", "tests/a.py", "import sys\n", "begin with a comment"),
    ("opening", ".ci/run", "#!/bin/sh\nexit 0\n", "begin with a comment"),
    ("size", "common/a.c", TOP + "int a;\n" * 598, "over 600 lines"),
    ("size", "common/a.h", TOP + "int a;\n" * 148, "over 150 lines"),
    ("size", "common/a.c", TOP + "void a(void)\n{\n" + "    a();\n" * 69 + "}\n", "more than 70 lines"),
    ("size", "tests/fuzz/corpus/x/a", "a" * 4097, "over 4096 bytes"),
    ("banned", "common/a.c", TOP + "void f(void)\n{\n    strcpy(a, b);\n}\n", "not used here"),
    ("banned", "ca/a.c", TOP + "int n = atoi(text);\n", "not used here"),
    ("banned", "ca/a.c", TOP + "int n = sprintf (text, x);\n", "not used here"),
    ("banned", "common/cbor.c", TOP + "x = cbor_load(a, b, c);\n", "hostile bytes"),
    ("banned", "proxy/a.c", TOP + "SSL_set_retry_verify(ssl);\n", "accepts the peer"),
    ("banned", "proxy/a.c", TOP + "assert(a = b);\n", "must not assign"),
    ("banner", "proxy/a.c", TOP + "/* ---- reading ---- */\n", "a banner comment"),
    ("banner", "proxy/a.c", TOP + "/*********************/\n", "a banner comment"),
    ("banner", "tests/a.py", '"""Doc."""\n# ===========\n', "a banner comment"),
    ("words", "proxy/a.c", TOP + "/* TODO: more */\n", "finish it"),
    ("words", "tests/a.sh", "# A script.\ncat /work/x\n", "a path of one machine"),
    ("words", "ca/a.c", TOP + 'const char *a = "/home/x";\n', "a path of one machine"),
    ("words", "ca/a.c", TOP + "// as issue 2 says\n", "where it was discussed"),
    ("options", "ca/x.8", ".Fl c Ar FILE\n.Op Fl -check\n.Fl -help\n", "--version is not in the manual"),
    ("options", "ca/x.8", ".Fl c Ar FILE\n.Op Fl -check\n.Fl -help | -version\n.Fl -force\n", "--force is in the manual alone"),
    ("options", "ca/x.8", ".B \\-\\-check\n.BR \\-\\-help \\-\\-version\n", "-c is not in the manual"),
    ("options", "ca/x.8", "\\-c \\-\\-check \\-\\-help \\-\\-version \\fB\\-v\\fR\n", "-v is in the manual alone"),
    ("endings", "proxy/reason.h", TOP + "#pragma once\nenum reason {\n    REASON_NONE,\n    REASON_CLEAN,\n};\n", "by REASON_CLEAN"),
    ("layout", "ca/a.c", TOP + "int  a ;\n", "run clang-format"),
    ("reasons", "tests/reasons.txt", "1 revoked a-b\n2 revoked c-d\n", "2 c-d: given in 0 files of attest/, not in one"),
    ("reasons", "tests/reasons.txt", "1 chain-invalid a-b\n", "1 a-b: no rule of that row has the code chain-invalid"),
    ("reasons", "tests/unit/test_rule_a.c", TOP, "1 a-b: no test expects it"),
    ("reasons", "attest/rule_a.c", TOP + '{1, VERDICT_REVOKED, x}\nreturn "a-b";\nreturn "e-f";\n', "rule_a.c: e-f: not in tests/reasons.txt"),
    ("reasons", "attest/rule_a.c", TOP + '{1, VERDICT_REVOKED, x}\n{3, VERDICT_REVOKED, x}\nreturn "a-b";\n', "2: a row without a reason"),
    ("reasons", "attest/policy.c", TOP + '{2, VERDICT_REVOKED, x}\n', "2: a row without a reason"),
    ("required", "tests/required.txt", "R1 due first\nR2 due second\n", "R2 (second) has no test"),
    ("required", "tests/required.txt", "R2 later second\n", "R1 is not in required.txt: a"),
]


def run(rule, root):
    command = {"includes": [LINT / "includes.sh", root],
               "reasons": [LINT / "reasons.py", root],
               "required": [LINT.parent / "lib/required.py", "--tests", root / "tests"]}.get(rule, [LINT / "rules.py", rule, root])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def judge(rule, name, text, said):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for each in FOLDERS:
            (root / each).mkdir(parents=True)
        if rule == "options":
            (root / "ca/main.c").write_text(MAIN)
        if rule == "required":
            (root / "tests/required.txt").write_text("R1 due first\n")
            (root / "tests/CMakeLists.txt").write_text("integration_test(r1_a integration build)\n")
        if rule == "reasons":
            (root / "tests/unit").mkdir()
            (root / "tests/reasons.txt").write_text("1 revoked a-b\n")
            (root / "tests/unit/test_rule_a.c").write_text('{"a-b"}\n')
            (root / "attest/rule_a.c").write_text('{1, VERDICT_REVOKED, x}\nreturn "a-b";\n')
        (root / "common/clean.c").write_text(TOP + '#include "common/clean.h"\n\nint clean;\n')
        status, output = run(rule, root)
        if status != 0:
            return f"the clean tree is refused: {output}"
        (root / name).write_text(text)
        status, output = run(rule, root)
        if status != 1 or (name not in output and rule != "reasons") or said not in output:
            return f"status {status}, said: {output}"
    return None


def main():
    bad = 0
    for rule, name, text, said in OFFENCES:
        why = judge(rule, name, text, said)
        if why:
            print(f"{rule}: {name}: {text[len(TOP):][:60]!r}: {why}")
            bad += 1
    print(f"{len(OFFENCES) - bad} of {len(OFFENCES)} offences found")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
