#!/usr/bin/python3
"""The kernel's configfs-tsm, emulated: what the collector makes of whatever it answers."""
import json
import signal

import case
import peers
from process import run
from report_folder import ReportFolder
from world import MEASUREMENTS, World, ingress, peer, vendor

DATA = "5a" * 64

# Switches of the emulation, exit status and what is said; "" is evidence.
ANSWERS = {
    "sound": ((), 0, ""),
    "odd_pieces": (("piece 7",), 0, ""),
    "interrupted": (("interrupted 3",), 0, ""),
    "slow": (("slow 300",), 0, ""),
    "no_levels": (("no_levels 1",), 0, ""),
    "no_table": (("table empty",), 0, ""),
    "one_foreign_write": (("foreign 1",), 0, ""),
    "two_foreign_writes": (("foreign 2",), 0, ""),
    "foreign_writes": (("foreign 3",), 1, "somebody else writes into our requests"),
    "removed_twice": (("vanish 2",), 0, ""),
    "removed": (("vanish 3",), 1, "outblob: No such file or directory"),
    "stale": (("lost 1",), 1, "the report is not for our report data"),
    "other_level": (("level 1",), 1, "the report is of VMPL 1, not of 0"),
    "short_report": (("report_len 1183",), 1, "the report has 1183 bytes instead of 1184"),
    "no_report": (("report_len 0",), 1, "the report has 0 bytes"),
    "endless_table": (("table long",), 1, "longer than the interface allows"),
    "endless_report": (("report_len 65536",), 1, "longer than the interface allows"),
    "wild_floor": (("floor 4",), 1, "privlevel_floor is 4"),
    "level_refused": (("privlevel EINVAL",), 1, "privlevel: Invalid argument"),
    "data_lost": (("inblob EIO",), 2, "refused: report data not taken, VMPL below ours, or no key for it"),
    "refused": (("report EINVAL",), 2, "refused: report data not taken"),
    "driver_gone": (("report ENXIO",), 1, "the driver is gone, or the firmware answered with an error"),
    "too_big": (("report EFBIG",), 1, "longer than the interface allows"),
    "failed": (("report EIO",), 1, "host or firmware failed"),
    "forged": (("report EBADMSG",), 1, "the firmware's answer fails its authentication"),
    "late": (("report ETIMEDOUT",), 1, "the host kept us waiting"),
    "wiped": (("report ENOTTY",), 1, "reboot needed"),
    "unloaded": (("report ENOTTY", "gone 1"), 1, "no driver offers reports"),
    "no_driver": (("mkdir ENXIO",), 2, "no driver offers reports: load sev-guest"),
    "read_only": (("mkdir EROFS",), 2, "mounted read-only"),
    "not_ours": (("mkdir EACCES",), 2, "no permission"),
    "names_taken": (("mkdir EEXIST",), 2, "no free name for a request"),
    "tdx": (("provider tdx_guest",), 2, "this is an Intel TDX guest"),
    "unknown": (("provider arm_cca_guest",), 2, "unknown provider arm_cca_guest"),
}

ONCE = ("EIO", "ENOTTY", "EINVAL", "ENXIO", "EBADMSG", "ETIMEDOUT")


class Collector(case.Case):
    def setUp(self):
        super().setUp()
        self.machine = self.folder / "machine"
        status, _, errors = run(case.program("liftgate-attest"), "sim", "machine", "-d", vendor(), "-o", self.machine,
                                "--measurement", MEASUREMENTS["server"])
        self.assertEqual(status, 0, errors)

    def collect(self, folder, *more):
        return run(case.program("liftgate-attest"), "collect", "--report-data", DATA, "-o", self.folder / "evidence",
                   "--report-dir", folder.path, *more)

    def inspect(self):
        status, text, errors = run(case.program("liftgate-attest"), "inspect", self.folder / "evidence")
        self.assertEqual(status, 0, errors)
        return text

    def test_every_answer_gives_evidence_or_says_what_it_means(self):
        for name, (switches, expected, said) in ANSWERS.items():
            with self.subTest(name):
                folder = ReportFolder(self, self.machine, *switches, name=name)
                status, _, errors = self.collect(folder)
                self.assertEqual(status, expected, errors)
                self.assertIn(said, errors)
                self.assertEqual(errors == "", said == "", errors)
                self.assertEqual(folder.left(), [])
                self.assertEqual(len(set(folder.asked())), len(folder.asked()), "a folder was used twice")
                if any(f"report {errno}" in switches for errno in ONCE):
                    self.assertEqual(len(folder.asked()), 1, "a failing device was asked again")
                folder.process.stop()

    def test_evidence_is_complete_and_bound_to_what_was_asked_for(self):
        folder = ReportFolder(self, self.machine)
        for platform in ("auto", "snp"):
            with self.subTest(platform):
                status, said, errors = self.collect(folder, "--platform", platform)
                self.assertEqual((status, errors), (0, ""))
                self.assertIn("of evidence from sev_guest", said)
                text = self.inspect()
                self.assertIn(DATA, text.replace("\n", "").replace(" ", ""))
                self.assertIn("sev_guest", text)
                self.assertIn("VCEK", text)
        status, _, errors = self.collect(folder, "--platform", "tdx")
        self.assertEqual(status, 2)
        self.assertIn("platform tdx: this machine is snp", errors)

    def test_what_evidence_is_good_for_is_said(self):
        for switch, said in (("piece 9", "with the certificates of the key that signed it and of its issuer"),
                             ("table empty", "without a certificate that fits it"),
                             ("table 100", "without a certificate that fits it"),
                             ("unsigned 1", "the CA would refuse it: report-invalid: signature-range")):
            with self.subTest(switch):
                folder = ReportFolder(self, self.machine, switch, name=switch.replace(" ", "_"))
                self.assertIn(said, self.collect(folder)[1])

    def test_the_least_level_that_there_is_a_key_for_is_asked_for(self):
        folder = ReportFolder(self, self.machine, "floor 2")
        for level, expected in ((0, 2), (2, 2), (3, 3)):
            with self.subTest(level):
                self.assertEqual(self.collect(folder, "--vmpl", level)[0], 0)
                self.assertRegex(self.inspect(), rf"(?m)^.*VMPL +{expected}\b")
        folder.switch("no_levels 1")
        status, _, errors = self.collect(folder, "--vmpl", "1")
        self.assertEqual(status, 2)
        self.assertIn("this platform has no privilege level 1", errors)

    def test_what_the_killed_have_left_is_removed_and_what_the_living_use_is_not(self):
        folder = ReportFolder(self, self.machine)
        kept = ["liftgate-1-0badcafe", "liftgate-1", "liftgate-x-1", "another"]
        for name in [*kept, "liftgate-4194303-0badcafe"]:  # beyond what a kernel numbers by default
            (folder.path / name).mkdir()
        self.assertEqual(self.collect(folder)[0], 0)
        self.assertEqual(sorted(folder.left()), sorted(kept))


class Sidecar(case.Case):
    """liftgate where the kernel gives reports."""

    def setUp(self):
        super().setUp()
        self.world = World(self)
        self.world.start_ca()
        self.app = peers.echo(self)

    def start(self, *switches, interval="1ms", platform="auto"):
        self.reports = ReportFolder(self, self.world.machine("server"), *switches)
        return self.world.sidecar("server", ingress(self.app.address, "client"), [peer("client")], ready=False,
                                  platform=f"platform = {platform}\nreport_dir = {self.reports.path}\nreport_interval = {interval}")

    def test_a_simulated_root_vouches_for_no_genuine_guest(self):
        """All the way: the evidence reaches the CA, which believes this root for the simulated platform alone."""
        server = self.start()
        refused = self.world.ca.wait_for("enrol.refused")
        self.assertEqual((refused["code"], refused["slug"]), ("chain-invalid", "provider-mismatch"))
        self.assertEqual(server.wait_for("identity.failed")["code"], "chain-invalid")
        self.assertEqual(self.reports.left(), [])
        self.assertEqual(server.get("/readyz")[0], 503)

    def test_an_enrolment_looks_once_for_who_signs(self):
        self.start().wait_for("identity.failed")
        events = [event for event, _ in self.reports.events()]
        until = events[:events.index("report")]
        self.assertEqual(until.count("mkdir"), 3, "one at the start, one at the enrolment, and its request")

    def test_a_wiped_key_is_said_once_and_not_asked_for_again(self):
        server = self.start("report ENOTTY")
        event = server.wait_for("identity.reboot_needed")
        self.assertEqual(event.level, "error")
        self.assertIn("reboot needed", event["error"])
        self.assertEqual(server.metric("liftgate_identity_reboot_needed"), 1)
        self.assertTrue(json.loads(server.get("/identity")[1])["reboot_needed"])
        self.assertEqual(server.get("/readyz"), (503, "no valid identity, and no new one before a reboot of this machine\n"))
        since = server.mark()
        server.signal(signal.SIGUSR1)  # who asks is answered
        server.wait_for("identity.reboot_needed", since=since)
        self.assertEqual(len(self.reports.asked()), 2)
        self.assertEqual(len(server.find("identity.reboot_needed")), 2)
        self.reports.switch()
        since = server.mark()
        server.signal(signal.SIGUSR1)
        server.wait_for("identity.failed", since=since)  # by the CA, as above

    def test_what_the_ca_must_refuse_is_not_sent(self):
        server = self.start("unsigned 1")
        self.assertIn("the CA would refuse it: report-invalid: signature-range", server.wait_for("identity.failed")["error"])
        self.assertEqual(self.world.ca.find("enrol.refused"), [])

    def test_a_table_that_the_kernel_has_cut_is_left_out(self):
        server = self.start("table 100")
        refused = self.world.ca.wait_for("enrol.refused")
        self.assertNotIn("aux", refused["slug"])
        self.assertEqual(server.wait_for("identity.failed")["code"], refused["code"])

    def test_a_failing_firmware_is_not_hammered(self):
        server = self.start("report EIO", interval="1h")
        first = server.wait_for("identity.failed")
        self.assertIn("host or firmware failed", first["error"])
        for _ in range(2):
            since = server.mark()
            self.assertIn("not asked so often (report_interval)", server.wait_for("identity.failed", since=since)["error"])
        self.assertEqual(len(self.reports.asked()), 1)

    def test_a_firmware_that_takes_longer_than_the_ca_waits_is_waited_for(self):
        server = self.start("slow 10500")  # then the CA has closed the connection
        self.assertEqual(self.world.ca.wait_for("enrol.refused")["slug"], "provider-mismatch")
        self.assertEqual(server.wait_for("identity.failed")["code"], "chain-invalid")

    def test_a_reload_to_a_real_platform_needs_a_restart(self):
        if case.is_instrumented():
            self.skipTest("an instrumented build cannot run in the sandbox")
        reports = ReportFolder(self, self.world.machine("server"))
        server = self.world.sidecar("server", ingress(self.app.address, "client"), [peer("client")])
        self.assertEqual(server.find("sandbox.ready")[0]["seccomp"], "yes")
        text = server.config.read_text()
        server.config.write_text(text.replace(f"platform = sim\ninsecure_sim = {self.world.machine('server')}",
                                              f"platform = auto\nreport_dir = {reports.path}"))
        server.signal(signal.SIGHUP)
        self.assertIn("the sandbox does not admit it", server.wait_for("config.refused")["error"])
        self.assertEqual(reports.events(), [])

    def test_what_a_killed_sidecar_left_is_removed_by_the_next(self):
        reports = ReportFolder(self, self.world.machine("server"), name="other")
        (reports.path / "liftgate-4194303-0badcafe").mkdir()
        self.world.sidecar("server", ingress(self.app.address, "client"), [peer("client")], ready=False,
                           platform=f"platform = snp\nreport_dir = {reports.path}").wait_for("identity.failed")
        self.assertEqual(reports.left(), [])

    def test_a_start_without_a_platform_fails_with_what_was_tried(self):
        for switch, said in (("mkdir ENXIO", "no driver offers reports"), ("provider tdx_guest", "Intel TDX guest")):
            with self.subTest(switch):
                reports = ReportFolder(self, self.world.machine("server"), switch, name=switch.split()[0])
                server = self.world.sidecar("server", ingress(self.app.address, "client"), [peer("client")], ready=False,
                                            platform=f"platform = auto\nreport_dir = {reports.path}")
                self.assertEqual(server.wait(), 2)
                self.assertIn(said, server.lines[-1])


if __name__ == "__main__":
    case.main()
