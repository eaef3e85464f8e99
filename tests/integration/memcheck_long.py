#!/usr/bin/python3
"""What reads evidence, under valgrind: no byte is read that was not written, none outside of what was allocated,
and nothing is lost.  Sanitizers see neither the first nor what happens inside the libraries.
"""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import unittest

import case

# Those of attest/ and of what it reads with; not those that repeat an appraisal ten thousand times.
PROGRAMS = ("attest_tool", "binding", "bundle", "cbor", "cert", "cert_form", "certext", "collect", "crl", "der",
            "guest_device", "idblock", "inspect", "intake", "kds", "measure", "measure_tool", "memo", "parcel",
            "pem", "policy", "policy_file", "policy_rows", "product", "published", "report", "rule_chain",
            "rule_crl", "rule_envelope", "rule_final", "rule_report", "rule_vek", "sim", "tsm", "vek", "verdict",
            "verify")
FOUND = 97  # exit code
MEMCHECK = ("valgrind", "--quiet", f"--error-exitcode={FOUND}", "--leak-check=full",
            "--errors-for-leak-kinds=definite,indirect", "--child-silent-after-fork=yes")
LIMIT_S = 1500
FIXTURES = pathlib.Path(os.environ.get("LIFTGATE_FIXTURES", case.TOP.parent / "shared/fixtures"))


def run(command):
    """(exit code, output) of one command under valgrind."""
    done = subprocess.run([*MEMCHECK, *command], capture_output=True, text=True, errors="replace", timeout=LIMIT_S, check=False)
    return done.returncode, done.stdout + done.stderr


@unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
class Memcheck(case.Case):
    def check(self, commands, expected):
        """Runs all, two at a time: {name: command}; each ends with one of the expected exit codes."""
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = dict(zip(commands, pool.map(run, commands.values())))
        for name, (code, output) in results.items():
            with self.subTest(name):
                self.assertIn(code, expected, output)

    def test_the_unit_tests_of_evidence(self):
        self.check({name: [case.program(f"test_{name}")] for name in PROGRAMS}, (0,))

    @unittest.skipUnless(FIXTURES.is_dir(), f"no {FIXTURES}")
    def test_the_tool_on_genuine_evidence(self):
        tool = case.program("liftgate-attest")
        commands = {}
        for path in sorted(FIXTURES.glob("*/*.*")):
            commands[f"inspect {path.name}"] = [tool, "inspect", path]
        for path in sorted((FIXTURES / "snp").glob("*.report.bin")):
            name = path.name.removesuffix(".report.bin")
            vek = next((FIXTURES / "snp").glob(f"{name}.v?ek.der"))
            commands[f"verify {name}"] = [tool, "verify", "--report", path, "--vek", vek, "--collateral", FIXTURES / "amd"]
            commands[f"verify {name} alone"] = [tool, "verify", "--report", path, "--json"]
        self.check(commands, (0, 3))  # done or accepted, and refused


if __name__ == "__main__":
    case.main()
