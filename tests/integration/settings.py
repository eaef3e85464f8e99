#!/usr/bin/python3
"""What the programs say to bad settings, policies and command lines: the exact line, exit status 2, and
nothing started.  Each trap of the INI library is a row.
"""
import case
from process import run
from world import DOMAIN, World

HEX = "a1" * 48
CA = f"[ca]\ntrust_domain = {DOMAIN}\nepoch = 1\nttl = 3600\n"
WORKLOAD = f"[workload a]\ntee = snp\nmeasurement = {HEX}\nspiffe = snp/a\n"

# What follows CA in a policy, and what is said about it behind the file's name.
POLICIES = {
    "line_over_198_bytes": ("; " + "a" * 197 + "\n", "5: longer than 198 bytes"),
    "continued_line": ("  debug = refuse\n", "5: a line must not start with a blank"),
    "header_without_end": ("[tcb genoa\nsnp = 1\n", "5: a header is exactly [kind] or [kind name]"),
    "header_with_blanks": ("[ deny ]\n", "5: a header is exactly [kind] or [kind name]"),
    "unknown_section": ("[nosuch]\n", "5: [nosuch]: no such section"),
    "section_of_a_later_release": ("[deny]\n", "5: [deny]: no such section"),
    "name_too_long": (f"[workload {'a' * 33}]\n", "5: a section name is 1 to 32 of a-z, 0-9 and '-', with one blank before it"),
    "section_twice": ("[tcb genoa]\nsnp = 1\n[tcb genoa]\nsnp = 2\n", "7: [tcb genoa]: already in line 5"),
    "scalar_twice": ("ttl = 600\n", "5: [ca] ttl: set twice"),
    "colon_for_equals": ("chip:x = 1\n", "5: need 'key = value' with a key of a-z and '_'"),
    "no_value": ("[tcb genoa]\nsnp =\n", "6: [tcb genoa] snp: no value"),
    "quotes": ('[tcb genoa]\nsnp = "1"\n', "6: [tcb genoa] snp: quotes have no meaning here; leave them out"),
    "unknown_key": ("subject_cn = workload\n", "5: [ca] subject_cn: no such key"),
    "carriage_return": ("[tcb genoa]\nsnp = 1\r\n", "6: byte 0x0d is not printable ASCII"),
    "nul": ("[tcb genoa]\nsnp = 1\0\n", "6: byte 0x00 is not printable ASCII"),
    "workload_without_tee": ("[workload a]\n", "5: [workload a]: tee is missing"),
    "short_measurement": (f"[workload a]\ntee = snp\nmeasurement = {HEX[2:]}\n",
                          "7: [workload a] measurement: need 96 hex digits"),
    "identity_of_another_tee": (WORKLOAD.replace("snp/a", "sim/a"), "5: [workload a]: spiffe has to begin with snp/"),
    "unknown_tcb": (WORKLOAD + "tcb = genoa\n", "5: [workload a]: tcb: there is no [tcb genoa]"),
    "sim_without_a_root": (WORKLOAD.replace("snp", "sim"), "5: [workload a]: tee = sim needs [platform sim] insecure_root"),
    "platform_without_a_root": ("[platform sim]\n", "5: [platform sim] insecure_root: missing"),
}


class Authority(case.Case):
    def setUp(self):
        super().setUp()
        self.world = World(self)
        self.policy = self.folder / "ca/policy.ini"

    def check(self, settings=None):
        return run(case.program("liftgate-ca"), "serve", "-c", settings or self.world.write_ca_settings(), "--check")

    def test_what_init_makes_is_good(self):
        made = self.folder / "made"
        run(case.program("liftgate-ca"), "init", "-d", made, "--trust-domain", DOMAIN, "--name", "ca", "--name", "10.0.0.1")
        status, said, errors = self.check(made / "ca.ini")
        self.assertEqual((status, errors), (0, ""))
        self.assertTrue(said.startswith("ok: policy ni:///sha-256;"))

    def test_bad_policies(self):
        for name, (text, said) in POLICIES.items():
            with self.subTest(name):
                self.policy.write_bytes((CA + text).encode())
                self.assertEqual(self.check(), (2, "", f"liftgate-ca: serve: {self.policy}:{said}\n"))

    def test_policies_that_are_no_files(self):
        self.policy.unlink()
        with self.subTest("nothing"):
            self.assertEqual(self.check(), (1, "", f"liftgate-ca: serve: {self.policy}: No such file or directory\n"))
        self.policy.mkdir()
        with self.subTest("a_directory"):
            self.assertEqual(self.check(), (2, "", f"liftgate-ca: serve: {self.policy}: not a regular file\n"))

    def test_keys_before_the_first_section(self):
        self.policy.write_text("epoch = 1\n" + CA)
        self.assertEqual(self.check(), (2, "", f"liftgate-ca: serve: {self.policy}:1: a key before the first header\n"))

    def test_init_never_overwrites(self):
        before = (self.folder / "ca/root.key").read_bytes()
        status, _, errors = run(case.program("liftgate-ca"), "init", "-d", self.folder / "ca", "--trust-domain", DOMAIN,
                                "--name", "ca")
        self.assertEqual(status, 2)
        self.assertTrue(errors.startswith("liftgate-ca: init: "), errors)
        self.assertEqual((self.folder / "ca/root.key").read_bytes(), before)

    def test_keys_are_for_their_owner_only(self):
        for name in ("root.key", "issuing.key", "server.key", "nonce.secret"):
            with self.subTest(name):
                self.assertEqual((self.folder / "ca" / name).stat().st_mode & 0o077, 0)

    def test_bad_settings(self):
        text = self.world.write_ca_settings().read_text()
        rows = {
            "unknown_key": text + "[server]\n",
            "postgresql": text.replace("sqlite:", "postgresql:"),
            "pkcs11": text.replace("file:", "pkcs11:", 1),
            "no_address": text.replace("127.0.0.1:0", "localhost", 1),
            "key_service": text.replace("kds = none", "kds = https://kds.example"),
        }
        for name, bad in rows.items():
            with self.subTest(name):
                self.assertNotEqual(bad, text)
                settings = self.folder / "bad.ini"
                settings.write_text(bad)
                status, said, errors = self.check(settings)
                self.assertEqual((status, said), (2, ""))
                self.assertRegex(errors, rf"^liftgate-ca: serve: {settings}:\d+: \[\w+\].*\n$")


class CommandLines(case.Case):
    def test_wrong_usage(self):
        rows = [("liftgate-ca",), ("liftgate-ca", "serve"), ("liftgate-ca", "nosuch"), ("liftgate-ca", "init", "-d", "/x"),
                ("liftgate-ca", "serve", "-c", "/x", "--nosuch"), ("liftgate-attest",), ("liftgate-attest", "nosuch"),
                ("liftgate-attest", "collect"), ("liftgate-attest", "sim"), ("liftgate-attest", "sim", "machine"),
                ("liftgate-attest", "verify"), ("liftgate-bench",), ("liftgate-bench", "compare"), ("liftgate-bench", "run"),
                ("liftgate-bench", "run", "a=127.0.0.1:1", "--time", "1")]
        for row in rows:
            with self.subTest("_".join(row)):
                status, said, errors = run(case.program(row[0]), *row[1:])
                self.assertEqual((status, said), (2, ""), errors)
                self.assertRegex(errors, rf"(?m)^{row[0]}: ")

    def test_help_and_version(self):
        for name in ("liftgate-ca", "liftgate-attest", "liftgate-bench"):
            with self.subTest(name):
                status, said, errors = run(case.program(name), "--help")
                self.assertEqual((status, errors), (0, ""))
                self.assertIn("usage: " + name, said)
                status, said, errors = run(case.program(name), "--version")
                self.assertEqual((status, errors), (0, ""))
                self.assertTrue(said.startswith(name + " "), said)


if __name__ == "__main__":
    case.main()
