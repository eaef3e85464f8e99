#!/usr/bin/python3
"""The operator's tool as people use it: every form of file, in words and in JSON, on a terminal, in a pipe
and behind one; the examples of its manual page; and files that are there to hurt.
"""
import base64
import datetime
import json
import os
import pathlib
import pty
import re
import resource
import shutil
import signal
import ssl
import struct
import subprocess
import tempfile
import unittest
import uuid

import case
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from process import SANITIZER, run
from world import DOMAIN, vendor

TOOL = case.program("liftgate-attest")
MEASUREMENT = "3f9a" + "00" * 46
CORPUS = case.TOP / "tests/fuzz/corpus/inspect"
PAGE = case.TOP / "attest/liftgate-attest.8"
COLLECT = ("collect", "--platform", "sim", "--machine", "machine", "--report-data", "0a0b", "-o", "-")
REFUSED = 3
MEMORY_MAX = 400 << 20  # bytes, most of it the sanitizer's
SECONDS_MAX = 20        # of the processor

POLICY = (f"[ca]\ntrust_domain = {DOMAIN}\nepoch = 1\n[tcb sim]\nsnp = 1\n[platform sim]\ninsecure_root = {{vendor}}/ark.pem\n"
          f"[workload it]\ntee = sim\ntcb = sim\nspiffe = sim/it\nmeasurement = {MEASUREMENT}\n")


def blob(evidence, key):
    """A byte string of the tsm-report that `collect` wrote."""
    at = evidence.index(key) + len(key)
    assert evidence[at] == 0x59
    length, = struct.unpack_from(">H", evidence, at + 1)
    return evidence[at + 3:at + 3 + length]


def revocation_list(folder):
    """As the vendor's root signs it, but for the algorithm; out of date since yesterday."""
    key = serialization.load_pem_private_key((folder / "ark.key").read_bytes(), None)
    root = x509.load_pem_x509_certificate((folder / "ark.pem").read_bytes())
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    day = datetime.timedelta(days=1)
    entry = x509.RevokedCertificateBuilder().serial_number(0x20001).revocation_date(now - 2 * day).build()
    crl = (x509.CertificateRevocationListBuilder().issuer_name(root.subject).last_update(now - 2 * day).next_update(now - day)
           .add_extension(x509.CRLNumber(7), False).add_revoked_certificate(entry).sign(key, hashes.SHA384()))
    return crl.public_bytes(serialization.Encoding.DER), crl.public_bytes(serialization.Encoding.PEM)


def firmware():
    """A page that ends in OVMF's tables; nothing could run it."""
    def entry(value, guid):
        return struct.pack("<IH", value, 22) + uuid.UUID(guid).bytes_le
    metadata = b"ASEV" + struct.pack("<III9I", 52, 1, 3, 0x800000, 4096, 16, 0x801000, 4096, 2, 0x802000, 4096, 3)
    table = (entry(0x800c00, "7255371f-3a3b-4b04-927b-1da6efa8d454") + entry(0x80b004, "00f771de-1a7e-4fcb-890e-68c77e2fb44e") +
             entry(4096, "dc886566-984a-4798-a75e-5585a7bf67cc") + struct.pack("<H", 84) +
             uuid.UUID("96b582de-1fb2-45f7-baea-a366c55a082d").bytes_le)
    return metadata.ljust(4096 - 32 - len(table), b"\0") + table + bytes(32)


def tool(*words, stdin=None, **options):
    """The tool to its end, bounded: (status, both outputs, the child's usage)."""
    with tempfile.TemporaryFile() as said:
        # pylint: disable-next=consider-using-with
        child = subprocess.Popen([TOOL, *map(str, words)], stdin=stdin or subprocess.DEVNULL, stdout=said, stderr=said,
                                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_MAX, SECONDS_MAX)), **options)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode()
    if SANITIZER.search(text):
        raise AssertionError(text)
    return child.returncode, text, usage


class Forms(unittest.TestCase):
    """One machine and its evidence for all tests."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="liftgate-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        for words in (("sim", "machine", "-d", vendor(), "-o", cls.folder / "machine", "--measurement", MEASUREMENT),
                      ("collect", "--platform", "sim", "--machine", cls.folder / "machine", "--report-data", "0a0b",
                       "-o", cls.folder / "evidence")):
            status, text, _ = tool(*words)
            assert status == 0, text
        (cls.folder / "policy.ini").write_text(POLICY.format(vendor=vendor()))
        cls.evidence = (cls.folder / "evidence").read_bytes()
        cls.report = blob(cls.evidence, b"\x67outblob")
        cls.table = blob(cls.evidence, b"\x67auxblob")

    def path(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def forms(self):
        """Every form that a file may have."""
        def pem_to_der(path):
            return ssl.PEM_cert_to_DER_cert(path.read_text())

        def url(data):
            return base64.urlsafe_b64encode(data).decode().rstrip("=")
        der, pem = revocation_list(vendor())
        machine, extended = self.folder / "machine", self.report + self.table
        chain = (machine / "vek.pem").read_bytes() + (machine / "ask.pem").read_bytes()
        made = {"report": self.report, "hex": self.report.hex().encode(), "base64": base64.encodebytes(self.report),
                "extended": extended, "extended_base64": base64.b64encode(extended), "tsm_cbor": self.evidence,
                "tsm_json": json.dumps({"provider": "sim", "outblob": url(self.report), "auxblob": url(self.table)}).encode(),
                "table": self.table, "crl_der": der, "crl_pem": pem, "vek_pem": (machine / "vek.pem").read_bytes(),
                "ask_der": pem_to_der(machine / "ask.pem"), "ark_pem": (vendor() / "ark.pem").read_bytes(),
                "ark_der": pem_to_der(vendor() / "ark.pem"), "vek_der": pem_to_der(machine / "vek.pem"), "chain_pem": chain}
        for name in ("bundle", "csr", "leaf"):
            made[name] = (CORPUS / name).read_bytes()
        return {name: self.path(name, data) for name, data in made.items()}

    def test_each_form_is_known_and_says_the_same_in_json(self):
        kinds = {"report": "attestation report", "hex": "attestation report", "base64": "attestation report",
                 "extended": "attestation report with certificate table",
                 "extended_base64": "attestation report with certificate table", "tsm_cbor": "tsm-report", "tsm_json": "tsm-report",
                 "table": "certificate table", "crl_der": "certificate revocation list", "crl_pem": "certificate revocation list",
                 "bundle": "attestation bundle", "csr": "certificate signing request"}
        for name, path in self.forms().items():
            with self.subTest(name):
                status, text, _ = tool("inspect", path)
                self.assertEqual(status, 0, text)
                status, said, _ = tool("inspect", path, "--json")
                self.assertEqual(status, 0, said)
                checked = subprocess.run(["python3", "-m", "json.tool"], input=said, text=True, capture_output=True, check=True)
                sections = json.loads(checked.stdout)["sections"]
                self.assertEqual(sections[0]["lines"][0]["value"], kinds.get(name, "certificate"))
                self.assertNotIn("\x1b", text + said)
                self.compare(text, sections)

    def compare(self, text, sections):
        """The words are those of the JSON, in the same order, with nothing but marks and offsets between."""
        rest = " ".join(text.partition("\n")[2].split())
        for section in sections:
            before = section["title"] + " "
            for line in section["lines"]:
                wanted = " ".join(f"{line['name']} {line['value']} {line.get('meaning', '')}".split())
                gap, _, rest = rest.partition(wanted)
                mark = {"danger": "! ", "note": r"\? "}.get(line.get("mark"), "")
                self.assertRegex(gap, f"^ ?{re.escape(before)}{mark}({line.get('offset', 0):03x} )?$", wanted)
                before = ""
        self.assertEqual(rest, "")

    def test_a_list_says_whom_it_revokes_and_that_it_is_out_of_date(self):
        _, text, _ = tool("inspect", self.forms()["crl_der"])
        self.assertRegex(text, r"\n!      nextUpdate .* expired")
        self.assertRegex(text, r"entry 1 +0x020001, ")
        self.assertRegex(text, r"CRLNumber +07 ")

    def test_colours_are_for_terminals_that_want_them(self):
        for environment, colours in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)):
            with self.subTest(str(environment)):
                ours, theirs = pty.openpty()
                plain = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
                with subprocess.Popen([TOOL, "inspect", self.path("report", self.report)], stdout=theirs,
                                      env={**plain, **environment}) as child:
                    os.close(theirs)
                    said = b""
                    try:
                        while part := os.read(ours, 65536):
                            said += part
                    except OSError:  # the other side is closed
                        pass
                os.close(ours)
                self.assertEqual(child.returncode, 0)
                self.assertEqual(b"\x1b[" in said, colours)

    def test_standard_input_is_read(self):
        for words in (("inspect", "-"), ("inspect",), ("verify", "--report", "-", "--policy", self.folder / "policy.ini")):
            with self.subTest(" ".join(map(str, words[:2]))), (self.folder / "evidence").open("rb") as evidence:
                with subprocess.Popen(["cat"], stdin=evidence, stdout=subprocess.PIPE) as source:
                    status, text, _ = tool(*words, stdin=source.stdout)
                self.assertEqual(status, 0, text)

    def test_evidence_goes_into_a_pipe(self):
        with subprocess.Popen([TOOL, *COLLECT], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as source:
            status, text, _ = tool("verify", "--report", "-", "--report-data", "0a0b", "--policy", self.folder / "policy.ini",
                                   stdin=source.stdout)
            self.assertRegex(source.stderr.read(), rb"^-: \d+ bytes of evidence from sim")
        self.assertEqual(status, 0, text)

    def test_an_output_that_cannot_be_written_is_no_success(self):
        for words in (("inspect", "evidence"), ("inspect", "evidence", "--json"), ("verify", "--report", "evidence"),
                      ("verify", "--report", "evidence", "--policy", "policy.ini", "--json"), COLLECT):
            with self.subTest(" ".join(words)):
                with open("/dev/full", "wb") as full:
                    done = subprocess.run([TOOL, *words], cwd=self.folder, stdout=full, stderr=subprocess.PIPE, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn(b"cannot write", done.stderr)
                for ignored, expected in ((False, -signal.SIGPIPE), (True, 1)):
                    reader, writer = os.pipe()
                    os.close(reader)
                    done = subprocess.run([TOOL, *words], cwd=self.folder, stdout=writer, stderr=subprocess.PIPE, check=False,
                                          restore_signals=not ignored)
                    os.close(writer)
                    self.assertEqual(done.returncode, expected)

    def test_verify_tells_a_file_from_a_policy_from_a_verdict(self):
        rows = ((("--report", "none"), 1), (("--report", "."), 1), (("--report", "evidence", "--vek", "none"), 1),
                (("--report", "evidence", "--policy", "none"), 1), (("--report", "evidence", "--policy", "evidence"), 2),
                (("--report", "evidence", "--policy", "policy.ini", "--workload", "other"), 2), (("--nonsense",), 2),
                (("--report", "policy.ini"), REFUSED), (("--report", "crl_der"), REFUSED), (("--report", "table"), REFUSED),
                (("--report", "evidence"), REFUSED), (("--report", "evidence", "--policy", "policy.ini", "--workload", "it"), 0))
        self.forms()
        for words, expected in rows:
            with self.subTest(" ".join(words)):
                status, text, _ = tool("verify", *words, cwd=self.folder)
                self.assertEqual(status, expected, text)
        self.assertRegex(text, r"(?s)\nok 65 signature: holds\n.*\nok 87 measurement: .*\nverdict: accepted\n$")

    def test_files_that_are_there_to_hurt_cost_little(self):
        sparse, fifo = self.folder / "sparse", self.folder / "fifo"
        with sparse.open("wb") as file:
            file.truncate(1 << 30)
        if not fifo.exists():
            os.mkfifo(fifo)
        for command in (("inspect",), ("verify", "--report"), ("verify", "--report", self.folder / "evidence", "--vek"),
                        ("verify", "--report", self.folder / "evidence", "--crl"),
                        ("verify", "--report", self.folder / "evidence", "--policy"),
                        ("measure", "snp", "--vcpu-type", "EPYC", "--ovmf", self.path("OVMF.fd", firmware()), "--kernel"),
                        ("measure", "ovmf", "--ovmf")):
            for path in (sparse, fifo, self.folder, "/dev/zero", "-"):
                if path == "-" and command[-1] in ("--policy", "--kernel", "--ovmf"):
                    continue  # none comes from there
                with self.subTest(f"{command[0]} {command[-1]} {path}"), open("/dev/zero", "rb") as zero:
                    status, text, usage = tool(*command, path, stdin=zero)
                    self.assertIn(status, (1, 2), text)
                    self.assertLess(usage.ru_maxrss * 1024, MEMORY_MAX)

    def test_the_examples_of_the_manual_page_work(self):
        examples = PAGE.read_text().split(".SH EXAMPLES")[1].split("\n.SH ")[0]
        lines = [line.replace("\\-", "-").replace("\\e", "\\") for block in re.findall(r"\n\.nf\n(.*?)\n\.fi", examples, re.S)
                 for line in block.replace("\\e\n", "").split("\n")]
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        (folder / "policy.ini").write_text(POLICY.format(vendor=vendor()))
        (folder / "OVMF.fd").write_bytes(firmware())
        (folder / "vmlinuz").write_bytes(b"kernel")
        (folder / "guest.bin").write_bytes(self.report)
        shutil.copy(self.folder / "machine/vek.pem", folder / "vcek.der")
        shutil.copy(self.folder / "machine/ask.pem", folder / "cert_chain.pem")
        ran = []
        for line in lines:
            with self.subTest(line.split("|")[0][:60]):
                if line.startswith(("curl ", "qemu-system")) or (" collect " in line and "sim" not in line):
                    continue  # needs the network or hardware
                if line == "liftgate-attest sim init -d vendor":  # takes seconds: the build folder's was made so
                    (folder / "vendor").symlink_to(vendor())
                    continue
                status, said, errors = run("bash", "-o", "pipefail", "-c", f"cd {folder} && {line}",
                                           env={**os.environ, "nonce": "00", "PATH": f"{TOOL.parent}:{os.environ['PATH']}"})
                self.assertEqual(status, REFUSED if "--vek" in line else 0, said + errors)
                ran.append(line)
        for word in ("collect", "inspect", "measure snp", "measure id-block", "sim machine", "verify"):
            self.assertTrue(any(f"liftgate-attest {word} " in line for line in ran), word)
        self.assertRegex((folder / "policy.ini").read_text(), r"\nid_key_digest = [0-9a-f]{96}\n")


if __name__ == "__main__":
    case.main()
