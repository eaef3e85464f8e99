#!/usr/bin/python3
"""What one operation costs the sidecar in instructions, which no other load on the machine changes, against
the figures in bench/instructions.ini: a handshake with a peer that was seen before, a round of 64 bytes, and a
reply of one full record.  With --record it writes those figures instead.

Kernel time is not in them: system calls are counted by what they cost the sidecar itself.
"""
import configparser
import platform
import re
import shutil
import socket
import ssl
import subprocess
import sys
import unittest

import case
import peers
from process import Process

sys.path.insert(0, str(case.TOP / "bench/peers"))
# pylint: disable=wrong-import-position
import certificates
import relay

FIGURES = case.TOP / "bench/instructions.ini"
TOLERANCE = 0.08  # how much more or less is as before: the timer ticks with the clock, which a short round notices
SMALL, RECORD = 64, 16384
WARM = 20
# Operations that are counted, enough that the tick of the timer is lost in them.
COUNTS = {"handshake": 100, "round": 4000, "record": 1000}


RECORDING = "--record" in sys.argv


def answer(connection):
    """An application that returns 64 bytes or a record, as the first byte says."""
    replies = {b"s": bytes(SMALL), b"r": bytes(RECORD)}
    while True:
        asked = connection.recv(SMALL, socket.MSG_WAITALL)
        if len(asked) < SMALL:
            connection.close()
            return
        connection.sendall(replies[asked[:1]])


def total_of(path):
    """Instructions of the whole run."""
    found = re.search(r"^(?:summary|totals): (\d+)$", path.read_text(), re.MULTILINE)
    return int(found[1])


def this_library():
    """The section of the figures: other versions of libssl need other numbers."""
    said = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True).stdout
    return f"OpenSSL {said.split()[1]} {platform.machine()}"


@unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
class Instructions(case.Case):
    def setUp(self):
        super().setUp()
        certificates.write(self.folder)
        self.app = peers.Server(self, answer)
        self.context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        self.context.check_hostname = False
        self.context.load_cert_chain(self.folder / "client.pem", self.folder / "client.key")

    def connect(self, address):
        stream = self.context.wrap_socket(peers.connect(self, address))
        self.ask(stream, b"s", SMALL)
        return stream

    def serves(self, address):
        """Whether it listens, and has its identity."""
        try:
            self.connect(address).close()
            return True
        except OSError:
            return False

    @staticmethod
    def ask(stream, kind, size):
        stream.sendall(kind * SMALL)
        while size > 0:
            size -= len(stream.recv(size))

    def operate(self, address, operation, count):
        if operation == "handshake":
            for _ in range(count):
                self.connect(address).close()
            return
        stream = self.connect(address)
        for _ in range(count):
            self.ask(stream, b"s" if operation == "round" else b"r", SMALL if operation == "round" else RECORD)
        stream.close()

    def total(self, operation, count):
        """Instructions of a sidecar that did so many operations."""
        out, port = self.folder / f"{operation}.{count}", relay.free_port()
        app = "{}:{}".format(*self.app.address)
        _, command = relay.write_config("liftgate", "liftgate", self.folder, app, case.build_folder() / "bin", port)
        config = self.folder / "liftgate.conf"  # the sandbox has no room for valgrind; and to wait costs instructions
        config.write_text(config.read_text().replace("[process]\n", "[process]\ninsecure_no_sandbox = yes\nbusy_wait = no\n"))
        sidecar = Process(self, "valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *command)
        self.until(lambda: self.serves(("127.0.0.1", port)), "a handshake")
        self.operate(("127.0.0.1", port), operation, count)
        sidecar.stop()
        return total_of(out)

    def each(self, operation):
        """Of one operation: what a longer run took more than a short one."""
        more = self.total(operation, WARM + COUNTS[operation]) - self.total(operation, WARM)
        return more / COUNTS[operation]

    def test_an_operation_takes_as_many_instructions_as_before(self):
        figures = configparser.ConfigParser()
        figures.read(FIGURES)
        if RECORDING:
            figures[this_library()] = {operation: f"{self.each(operation):.0f}" for operation in COUNTS}
            with open(FIGURES, "w", encoding="ascii") as out:
                figures.write(out)
            return
        if not figures.has_section(this_library()):
            self.skipTest(f"no figures for {this_library()}: {sys.argv[0]} --record makes them")
        for operation in COUNTS:
            with self.subTest(operation):
                before = figures.getfloat(this_library(), operation)
                now = self.each(operation)
                print(f"{operation}: {now:.0f} instructions, {now / before - 1:+.1%}")
                self.assertLessEqual(now, before * (1 + TOLERANCE), "more than before: find out why")
                self.assertGreaterEqual(now, before * (1 - TOLERANCE), "less than before: record it, so that it stays")


if __name__ == "__main__":
    if RECORDING:
        sys.argv.remove("--record")
    case.main()
