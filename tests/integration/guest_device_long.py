#!/usr/bin/python3
"""In a small virtual machine, because it takes a kernel that makes devices in user space: evidence from
/dev/sev-guest, where a simulated machine answers as driver, host and firmware would (tests/emulation/guest_device.c),
and everything that can go wrong there.
"""
import errno
import os
import pathlib
import re

import case
import machine
from case import program
from process import Process, run
from world import World, ingress, peer

REPORT_DATA = bytes(range(64))
PAGE = 4096
NOBODY = 65534  # tests/guest/initramfs.py
NODE = pathlib.Path("/dev/sev-guest")
DONE, FAILED, USAGE, REFUSED = range(4)  # exit codes

# Faults, exit code, what is said, requests that cost something, requests of any kind.
FAILURES = [
    (("errnum=5", "exitinfo2=0x200000000"), FAILED, "host error 0x2", 1, 1),
    (("errnum=5", "exitinfo2=0x1a"), FAILED, "firmware error 0x1a", 1, 1),
    (("errnum=74",), FAILED, "fails its authentication", 1, 1),
    (("errnum=110",), FAILED, "kept us waiting", 1, 1),
    (("wiped",), FAILED, "reboot needed", 0, 2),
    (("errnum=22",), FAILED, "does not take this form of request", 0, 2),
    (("floor=2",), USAGE, "VMPL 0 is below ours", 1, 1),
    (("status=0x27",), FAILED, "no key to sign with", 1, 1),
    (("status=1",), FAILED, "(status 0x1)", 1, 1),
    (("report_size=1183",), FAILED, "1183 bytes", 1, 1),
    (("stale",), FAILED, "not for our report data", 1, 1),
    (("other_vmpl",), FAILED, "of VMPL 1, not of 0", 1, 1),
]
# Faults, whether certificates come, how long a table may be at least, requests.
FALLBACKS = [
    ((), True, 1),
    (("need=12288",), True, 2),
    (("need=16384",), True, 2),
    (("need=20480",), False, 2),
    (("need=12288", "growing"), False, 3),
    (("no_certs",), False, 1),
    (("extended=22",), False, 2),
    (("extended=25",), False, 2),
    (("garbage",), True, 1),
]


class Device(Process):
    """The device at NODE."""

    def __init__(self, owner, folder, *faults):
        super().__init__(owner, program("guest_device"), folder, NODE.name, *faults)
        self.wait_line("^ready")
        owner.until(NODE.exists, "the device is there")

    def end(self):
        self.stop()
        assert not NODE.exists()

    def said(self):
        """(errno, calls, requests) of each request so far."""
        numbers = (re.search(r"errno=(\d+) calls=(\d+) requests=(\d+)$", line) for line in self.lines)
        return [tuple(map(int, found.groups())) for found in numbers if found]


class GuestDevice(case.Case):
    def setUp(self):
        super().setUp()
        self.world = World(self)
        self.evidence = self.folder / "evidence"

    def device(self, *faults):
        return Device(self, self.world.machine("server"), *faults)

    def collect(self, *extra):
        """(exit code, what it said)"""
        status, output, errors = run(program("liftgate-attest"), "collect", "--platform", "snp", "--report-data",
                                     REPORT_DATA.hex(), "-o", self.evidence, *extra)
        return status, output + errors

    def blob(self, name):
        """A byte string of the tsm-report; None: absent."""
        evidence = self.evidence.read_bytes()
        mark = bytes([0x60 + len(name)]) + name.encode() + b"\x59"
        if mark not in evidence:
            return None
        start = evidence.index(mark) + len(mark) + 2
        return evidence[start:start + int.from_bytes(evidence[start - 2:start], "big")]

    def verify(self, report, *extra):
        status, output, errors = run(program("liftgate-attest"), "verify", "--report", report, "--report-data",
                                     REPORT_DATA.hex(), "--policy", self.folder / "ca/policy.ini", *extra)
        return status, output + errors

    def test_evidence_from_the_device_passes_verification(self):
        """By the simulated root it is evidence of a simulated machine, whatever device it came from: as
        that of a real one it is refused, and as what it is accepted."""
        self.device()
        self.assertEqual(self.collect()[0], DONE)
        self.assertIn(b"sev_guest", self.evidence.read_bytes())
        status, said = self.verify(self.evidence)
        self.assertEqual(status, REFUSED, said)
        self.assertIn("provider-mismatch", said)
        bare = self.folder / "bare"
        bare.write_bytes(self.blob("outblob") + self.blob("auxblob"))
        status, said = self.verify(bare, "--workload", "server")
        self.assertEqual(status, DONE, said)
        bare.write_bytes(self.blob("outblob"))
        self.assertEqual(self.verify(bare)[0], REFUSED)  # nothing else here has the certificates

    def test_a_report_comes_with_the_certificates_that_can_be_had(self):
        for faults, has_certs, calls in FALLBACKS:
            with self.subTest(" ".join(faults) or "sound"):
                device = self.device(*faults)
                status, said = self.collect()
                self.assertEqual(status, DONE, said)
                self.assertEqual(len(self.blob("outblob")), 1184)
                self.assertEqual(self.blob("outblob")[0x50:0x90], REPORT_DATA)
                self.assertEqual(self.blob("auxblob") is not None, has_certs)
                self.assertEqual(len(device.said()), calls)
                device.end()

    def test_another_privilege_level_can_be_asked_for(self):
        self.device("floor=2")
        self.assertEqual(self.collect("--vmpl", "2")[0], DONE)
        self.assertEqual(self.blob("outblob")[0x30:0x34], b"\2\0\0\0")

    def test_each_failure_has_a_sentence_and_costs_one_request_at_most(self):
        for faults, code, words, requests, calls in FAILURES:
            with self.subTest(" ".join(faults)):
                device = self.device(*faults)
                status, said = self.collect()
                self.assertEqual(status, code, said)
                self.assertIn(words, said)
                self.assertFalse(self.evidence.exists())
                self.assertEqual(device.said()[-1][1:], (calls, requests))
                device.end()

    def test_a_key_that_is_gone_stays_gone_and_nothing_more_is_sent(self):
        device = self.device("errnum=5")
        self.assertIn("only a reboot helps", self.collect()[1])
        for _ in range(3):
            status, said = self.collect()
            self.assertEqual(status, FAILED)
            self.assertIn("reboot needed", said)
        self.assertEqual(device.said()[-1][2], 1)

    def sidecar(self, interval, process=""):
        """In its sandbox, towards an authority that believes simulated machines alone."""
        if self.world.ca is None:
            self.world.start_ca()
        return self.world.sidecar("server", ingress(("127.0.0.1", 9), "client"), [peer("client")], ready=False,
                                  platform=f"platform = auto\nreport_interval = {interval}", process=process)

    def test_a_sidecar_finds_the_device_and_is_refused_for_its_root_alone(self):
        """Everything before row 29 has passed then: envelope, table, report, and chain."""
        device = self.device("need=12288")
        sidecar = self.sidecar("1ms")
        self.assertEqual(sidecar.wait_for("sandbox.ready")["seccomp"], "yes")
        self.assertEqual(self.world.ca.wait_for("enrol.refused")["slug"], "provider-mismatch")
        self.assertEqual(sidecar.wait_for("identity.failed")["code"], "chain-invalid")
        self.assertEqual([errnum for errnum, _, _ in device.said()[:2]], [errno.EIO, 0])

    def test_a_sidecar_whose_device_has_no_key_asks_for_nothing_more(self):
        device = self.device("errnum=110")
        sidecar = self.sidecar("1ms")
        self.assertIn("kept us waiting", sidecar.wait_for("identity.failed")["error"])
        sidecar.wait_for("identity.reboot_needed")
        self.assertEqual(sidecar.get("/readyz")[0], 503)
        self.assertEqual(device.said()[-1], (errno.ENOTTY, 3, 1))

    def test_a_sidecar_without_root_takes_a_device_that_is_its_own_to_read(self):
        self.device()
        for folder in (self.folder, self.folder / "ca"):
            folder.chmod(0o755)
        NODE.chmod(0o400)
        for owner in (NOBODY, 0):
            with self.subTest(f"owner {owner}"):
                os.chown(NODE, owner, 0)
                sidecar = self.sidecar("1ms", process="user = nobody\n")
                if owner == NOBODY:
                    sidecar.wait_for("identity.failed", code="chain-invalid")
                    self.assertEqual(sidecar.metric("liftgate_sandbox_status", part="not_root"), 1)
                else:
                    self.assertEqual(sidecar.wait(), USAGE)
                    self.assertIn("/dev/sev-guest: no permission", sidecar.lines[-1])
                sidecar.stop()

    def test_a_sidecar_waits_between_requests(self):
        device = self.device("need=12288")
        sidecar = self.sidecar("1h")
        self.assertIn("not asked so often", sidecar.wait_for("identity.failed")["error"])
        self.assertEqual(len(device.said()), 1)

    def test_without_the_device_there_is_a_sentence(self):
        status, said = self.collect()
        self.assertEqual(status, USAGE)
        self.assertIn("/dev/sev-guest: not there", said)


if __name__ == "__main__":
    machine.main(__file__, needs=("guest_device",))
