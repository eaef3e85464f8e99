#!/usr/bin/python3
"""What the programs say to bad settings, policies and command lines: the exact line, exit status 2, and
nothing started.  Each trap of the INI library is a row.
"""
import json
import re
import socket
import subprocess

import case
import peers
from process import Process, run
from world import DOMAIN, World, runnable, vendor

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

    def check(self, settings=None, action="--check"):
        return run(case.program("liftgate-ca"), "serve", "-c", settings or self.world.write_ca_settings(), action)

    def test_the_settings_in_effect_are_settings(self):
        status, first, errors = self.check(action="--print-config")
        self.assertEqual((status, errors), (0, ""))
        self.assertIn("enrol_per_second = 0\nenrol_burst = 10\n", first)
        printed = self.folder / "printed.ini"
        printed.write_text(first)
        self.assertEqual(self.check(printed, "--print-config"), (0, first, ""))
        self.assertEqual(self.check(printed)[0], 0)

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

    def test_a_store_that_cannot_be_made_stops_the_start(self):
        settings = self.world.write_ca_settings(url=f"sqlite:{self.folder}/nosuch/ca.db")
        status, _, errors = run(case.program("liftgate-ca"), "serve", "-c", settings)
        self.assertEqual(status, 1)
        self.assertIn("nosuch/ca.db", errors)

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
            "key_service": text.replace("kds = none", "kds = http://kds.example"),
        }
        for name, bad in rows.items():
            with self.subTest(name):
                self.assertNotEqual(bad, text)
                settings = self.folder / "bad.ini"
                settings.write_text(bad)
                status, said, errors = self.check(settings)
                self.assertEqual((status, said), (2, ""))
                self.assertRegex(errors, rf"^liftgate-ca: serve: {settings}:\d+: \[\w+\].*\n$")


class Sidecar(case.Case):
    """The table of its settings has a unit test of its own; here is what the program makes of it."""

    GOOD = (f"[identity]\nca = https://127.0.0.1:8443\nca_root = /etc/liftgate/root.pem\ntrust_domain = {DOMAIN}\n"
            "service = a\nplatform = sim\ninsecure_sim = /machine\n[ingress in]\nlisten = 127.0.0.1:0\nforward = 127.0.0.1:80\nmode = tcp\n"
            f"allow = b\n[peer b]\nspiffe = spiffe://{DOMAIN}/snp/b\n")

    def check(self, text, action="--check"):
        path = self.folder / "sidecar.ini"
        path.write_text(text)
        return path, run(case.program("liftgate"), "-c", path, action)

    def test_good_settings(self):
        _, (status, _, errors) = self.check(self.GOOD)
        self.assertEqual((status, errors), (0, ""))

    def test_the_settings_in_effect_are_settings(self):
        with_files = re.sub(r"ca = (.|\n)*?\[ingress", "certificate = /c.pem\nprivate_key = /c.key\n"
                            f"trust_bundle = /ca.pem\ntrust_domain = {DOMAIN}\n[ingress", self.GOOD)
        for good in (self.GOOD, with_files):
            with self.subTest(good):
                _, (status, first, errors) = self.check(good, "--print-config")
                self.assertEqual((status, errors), (0, ""))
                self.assertIn("handshake_timeout = 10s", first)
                _, (_, second, errors) = self.check(first, "--print-config")
                self.assertEqual((second, errors), (first, ""))

    def test_bad_settings(self):
        rows = {
            "unknown_key": (("mode = tcp", "mode = tcp\nspeed = 9"), "12: [ingress in] speed: no such key"),
            "unknown_section": (("[peer b]", "[nosuch]"), "13: [nosuch]: no such section"),
            "unknown_peer": (("allow = b", "allow = c"), "12: [ingress in] allow: there is no [peer c]"),
            "other_trust_domain": ((f"{DOMAIN}/snp", "evil.example/snp"), f"14: [peer b] spiffe: not of trust domain {DOMAIN}"),
            "later_mode": (("mode = tcp", "mode = http"), "11: [ingress in] mode: http is not in this release; need tcp"),
            "no_allow": (("allow = b\n", ""), "8: [ingress in] allow: missing"),
            "remote_application": (("127.0.0.1:80", "192.0.2.1:80"),
                                   "10: [ingress in] forward: not on this machine; that needs insecure_remote_app = yes"),
            "continued_line": (("mode = tcp", " mode = tcp"), "11: a line must not start with a blank"),
        }
        for name, ((old, new), said) in rows.items():
            with self.subTest(name):
                self.assertIn(old, self.GOOD)
                path, (status, out, errors) = self.check(self.GOOD.replace(old, new))
                self.assertEqual((status, out, errors), (2, "", f"liftgate: {path}:{said}\n"))

    def test_a_start_that_cannot_succeed_fails_at_once(self):
        taken = peers.echo(self).address
        rows = {
            "address_in_use": (self.GOOD.replace("listen = 127.0.0.1:0", f"listen = 127.0.0.1:{taken[1]}"), 1),
        }
        for name, (text, expected) in rows.items():
            with self.subTest(name):
                path = self.folder / "sidecar.ini"
                path.write_text(runnable(text))
                status, _, errors = run(case.program("liftgate"), "-c", path)
                self.assertEqual(status, expected, errors)
                self.assertRegex(errors, "(?m)^liftgate: ")

    def settings_in(self, world):
        """What would get an identity."""
        return (self.GOOD.replace("/etc/liftgate/root.pem", str(world.ca_root)).replace("/machine", str(world.machine("server")))
                .replace("https://127.0.0.1:8443", world.ca_url).replace("service = a", "service = server"))

    def test_files_that_an_identity_needs_must_be_there_at_the_start(self):
        world = World(self)
        world.start_ca()
        good = self.settings_in(world)
        root, machine = str(world.ca_root), str(world.machine("server"))
        bare = self.folder / "bare"
        bare.mkdir()
        rows = {
            "no_root": (root, "/nonexistent", 1, "ca_root: /nonexistent: No such file or directory"),
            "root_that_is_none": (root, str(self.folder / "ca/ca.ini"), 2, f"ca_root: {self.folder}/ca/ca.ini: no certificate"),
            "no_such_platform_here": (f"sim\ninsecure_sim = {machine}", "auto\nreport_dir = /nonexistent", 2,
                                      "[identity] platform: /nonexistent: not there"),
            "no_machine": (machine, "/nonexistent", 1, "insecure_sim: /nonexistent/"),
            "empty_machine": (machine, str(bare), 1, f"insecure_sim: {bare}/"),
            "machine_with_a_vendors_key": (machine, str(vendor()), 2, "a vendor key in a machine's folder"),
        }
        for name, (old, new, expected, said) in rows.items():
            with self.subTest(name):
                self.assertIn(old, good)
                path = self.folder / f"{name}.ini"
                path.write_text(runnable(good.replace(old, new)))
                status, _, errors = run(case.program("liftgate"), "-c", path)
                self.assertEqual(status, expected, errors)
                self.assertTrue(errors.splitlines()[-1].startswith(f"liftgate: {path}: [identity] "), errors)
                self.assertIn(said, errors.splitlines()[-1])
                self.assertNotIn("listener.ready", errors)

    def test_an_identity_that_cannot_be_had_is_said_and_tried_again(self):
        world = World(self)
        world.start_ca()
        path = self.folder / "sidecar.ini"
        path.write_text(runnable(self.settings_in(world).replace(str(world.ca_root), str(self.folder / "ca/issuing.pem"))))
        sidecar = Process(self, case.program("liftgate"), "-c", path)
        self.assertIn("certificate", sidecar.wait_for("identity.failed")["error"])
        sidecar.stop()


class CommandLines(case.Case):
    def test_what_cannot_be_written_is_no_success(self):
        """Half a file of settings is another one."""
        authority, sidecar = World(self).write_ca_settings(), self.folder / "sidecar.ini"
        sidecar.write_text(Sidecar.GOOD)
        rows = [("liftgate-ca", "serve", "-c", authority, "--print-config"), ("liftgate", "-c", sidecar, "--print-config")]
        for row in rows:
            with self.subTest(row[0]), open("/dev/full", "wb") as full:
                done = subprocess.run([case.program(row[0]), *row[1:]], stdout=full, stderr=subprocess.PIPE, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn(b"cannot write", done.stderr)

    def test_wrong_usage(self):
        rows = [("liftgate-ca",), ("liftgate-ca", "serve"), ("liftgate-ca", "nosuch"), ("liftgate-ca", "init", "-d", "/x"),
                ("liftgate-ca", "serve", "-c", "/x", "--nosuch"), ("liftgate-attest",), ("liftgate-attest", "nosuch"),
                ("liftgate-attest", "collect"), ("liftgate-attest", "sim"), ("liftgate-attest", "sim", "machine"),
                ("liftgate-attest", "verify"), ("liftgate",), ("liftgate", "--check"),
                ("liftgate", "-c"), ("liftgate", "-c", "/x", "--nosuch"),
                ("liftgate-bench",), ("liftgate-bench", "compare"), ("liftgate-bench", "run"),
                ("liftgate-bench", "run", "a", "--time", "1"),
                ("liftgate-bench", "scale"), ("liftgate-bench", "serve"), ("liftgate-bench", "serve", "nowhere")]
        for row in rows:
            with self.subTest("_".join(row)):
                status, said, errors = run(case.program(row[0]), *row[1:])
                self.assertEqual((status, said), (2, ""), errors)
                self.assertRegex(errors, rf"(?m)^{row[0]}: ")

    def test_help_and_version(self):
        for name in ("liftgate", "liftgate-ca", "liftgate-attest", "liftgate-bench"):
            with self.subTest(name):
                status, said, errors = run(case.program(name), "--help")
                self.assertEqual((status, errors), (0, ""))
                self.assertIn("usage: " + name, said)
                status, said, errors = run(case.program(name), "--version")
                self.assertEqual((status, errors), (0, ""))
                self.assertTrue(said.startswith(name + " "), said)


class Log(case.Case):
    def test_the_first_line_obeys_the_settings(self):
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        settings = self.folder / "liftgate.conf"
        settings.write_text(runnable(f"[identity]\ntrust_domain = {DOMAIN}\ncertificate = a\nprivate_key = b\ntrust_bundle = c\n"
                            f"[ingress in]\nlisten = 127.0.0.1:{taken.getsockname()[1]}\nforward = 127.0.0.1:1\n"
                            f"mode = tcp\nallow = p\n[peer p]\nspiffe = spiffe://{DOMAIN}/sim/p\n[log]\nformat = json\n"))
        status, _, errors = run(case.program("liftgate"), "-c", settings)
        self.assertEqual(status, 1)
        self.assertEqual(json.loads(errors.splitlines()[0])["event"], "proxy.start")


if __name__ == "__main__":
    case.main()
