#!/usr/bin/python3
"""In a small virtual machine, because it takes a kernel of its own: sidecars that speak over vsock, a
machine that is stopped or suspended, and a clock that is set by a day.

The same file runs on both sides: here it boots the guest (tests/guest), there it is the test.  Nothing
leaves the guest, which has no network: authority, sidecars and applications are all in it.
"""
import hashlib
import socket
import ssl
import threading
import time

from cryptography import x509

import case
import machine
import peers
from case import build_folder
from world import World, egress, ingress, peer

HOUR_S = 3600
DAY_S = 24 * HOUR_S
LOCAL = 1  # vsock's own loopback: bytes to it never leave the guest
PLAIN = "on_truncation = eof\n"  # vsock cannot carry a reset
MIB = 1 << 20


class Pair(case.Case):
    """An authority, two sidecars, and an application that counts what it gets."""

    ttl = HOUR_S
    ca_env = None

    def setUp(self):
        super().setUp()
        self.world = World(self, ttl=self.ttl)
        self.world.start_ca(env=self.ca_env)
        self.seen = bytearray()
        self.app = peers.Server(self, self._echo)
        self.server = self.world.sidecar("server", ingress(self.app.address, "client"), [peer("client")])
        self.client = self.world.sidecar("client", egress(self.server.address("in"), "server"), [peer("server")],
                                         "ready_wait = 1s\n")
        self.sides = self.server, self.client
        self.held = self.hold()

    def _echo(self, connection):
        while data := connection.recv(65536):
            self.seen += data
            connection.sendall(data)

    def hold(self):
        held = peers.connect(self, self.client.address("out"))
        self.assertEqual(peers.ask(held, b"before"), b"before")
        return held

    def shown(self):
        """The certificate that the ingress shows to whoever asks; None: none."""
        context = peers.tls_context()
        with peers.connect(self, self.server.address("in")) as plain:
            try:
                with context.wrap_socket(plain) as connection:
                    return x509.load_der_x509_certificate(connection.getpeercert(True))
            except (ssl.SSLError, OSError):
                return None

    def serials(self):
        return {side.identity()["serial"] for side in self.sides}

    def attempt(self):
        """Whether a new connection gets through."""
        try:
            return peers.ask(peers.connect(self, self.client.address("out")), b"again") == b"again"
        except OSError:
            return False

    def until_renewed(self, marks):
        for side, mark in zip(self.sides, marks):
            side.wait_for("identity.renewed", since=mark)

    def marks(self):
        return [side.mark() for side in self.sides]

    def is_cut(self, held):
        """Nothing more gets through a connection whose peers are over: not even one byte."""
        seen = len(self.seen)
        self.assertEqual(peers.end_after(held, b"late"), "reset")
        self.assertEqual(self.seen[seen:], b"")

    def heals(self, marks, old, seconds=case.DEADLINE_S):
        """From the moment that all certificates are over: none of `old` is shown or accepted, both sides
        get new ones long before their time, and then everything is as before."""
        end = time.monotonic() + seconds
        through = False
        while not through:
            self.assertLess(time.monotonic(), end, "nothing gets through any more")
            shown = self.shown()
            self.assertTrue(shown is None or f"{shown.serial_number:x}" not in old, "an old certificate was shown")
            through = self.attempt()
        self.until_renewed(marks)
        self.assertFalse(self.serials() & old)
        self.is_well()

    def is_well(self):
        for side in self.sides:
            self.assertEqual(side.get("/readyz")[0], 200)
            self.assertEqual(side.get("/livez")[0], 200)
        self.assertTrue(self.attempt())


class Vsock(case.Case):
    def setUp(self):
        super().setUp()
        self.world = World(self)
        self.world.start_ca()
        self.listener = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
        self.listener.bind((LOCAL, socket.VMADDR_PORT_ANY))
        self.listener.listen()

    def start(self, serve):
        self.app = peers.Server(self, serve, self.listener)
        self.server = self.world.sidecar("server", ingress(self.app.address, "client", extra=PLAIN,
                                                           listen=f"vsock:{LOCAL}:8443"), [peer("client")])
        self.client = self.world.sidecar("client", egress((LOCAL, 8443), "server", listen=f"vsock:{LOCAL}:8080",
                                                          extra=PLAIN + "insecure_remote_callers = yes\n"), [peer("server")])

    def test_r4_bytes_pass_whole_both_ways_over_vsock_and_a_reply_follows_the_end(self):
        body = bytes(range(256)) * (4 * MIB // 256)

        def answer(connection):
            """Reads to the end, says what it got, then sends as much."""
            digest = hashlib.sha256()
            while data := connection.recv(65536):
                digest.update(data)
            connection.sendall(digest.digest() + body[::-1])
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)

        self.start(answer)
        with peers.connect(self, (LOCAL, 8080), seconds=60) as caller:
            caller.sendall(body)
            caller.shutdown(socket.SHUT_WR)
            self.assertEqual(peers.receive(caller, 32), hashlib.sha256(body).digest())
            self.assertEqual(peers.receive(caller, len(body)), body[::-1])
            self.assertEqual(caller.recv(1), b"")
        closed = [side.wait_for("conn.closed") for side in (self.server, self.client)]
        self.assertEqual([end["reason"] for end in closed], ["clean", "clean"])

    def rests(self, what):
        """Neither loop turns without a reason: ten of its ticks come to some twenty turns."""
        before = [side.metric("liftgate_loop_turns_total") for side in (self.server, self.client)]
        time.sleep(1)  # what is counted is turns, and a spin makes thousands
        for side, turns in zip((self.server, self.client), before):
            self.assertLess(side.metric("liftgate_loop_turns_total") - turns, 300, what)

    def test_r6_r8_no_vsock_spins_in_any_state_and_a_cut_is_counted(self):
        """vsock reports its ends in a way of its own."""
        go_on = threading.Event()

        def hear_and_wait(connection):
            while connection.recv(65536):
                pass
            go_on.wait(case.DEADLINE_S)
            connection.sendall(b"reply")
            connection.shutdown(socket.SHUT_WR)
            go_on.clear()
            go_on.wait(case.DEADLINE_S)

        self.start(hear_and_wait)
        caller = peers.connect(self, (LOCAL, 8080))
        self.rests("idle")
        caller.sendall(b"request")
        caller.shutdown(socket.SHUT_WR)
        self.rests("the caller has ended its stream")
        go_on.set()
        self.assertEqual(peers.receive(caller, 5), b"reply")
        self.assertEqual(caller.recv(1), b"")
        self.rests("both have")
        go_on.set()

        caller = peers.connect(self, (LOCAL, 8080))
        caller.sendall(b"part of a request")
        self.until(lambda: self.app.accepted == 2, "the second connection")
        self.client.kill()
        self.assertEqual(self.server.wait_for("conn.closed", reason="peer_truncated")["dir"], "ingress")
        self.assertEqual(self.server.metric("liftgate_truncated_total"), 1)

    def test_r12_a_peer_without_a_certificate_is_refused_over_vsock(self):
        self.start(peers.echo_to)
        self.assertEqual(peers.tls_end(self, (LOCAL, 8443), peers.tls_context()), "TLSV13_ALERT_CERTIFICATE_REQUIRED")
        self.assertEqual(self.app.accepted, 0)
        caller = peers.connect(self, (LOCAL, 8080))
        self.assertEqual(peers.ask(caller, b"and others are served"), b"and others are served")


class Paused(Pair):
    def test_r17_nothing_over_is_shown_or_accepted_after_a_pause_of_two_hours(self):
        """Real: the host stops the machine between two instructions, with everything in flight, for some
        seconds; no clock of the guest runs meanwhile, so nothing in it can know.  Played: that it was
        two hours, which the guest learns as it would from a time service: its wall clock is set the
        moment it goes on."""
        marks, old = self.marks(), self.serials()
        machine.stop_me()
        time.clock_settime(time.CLOCK_REALTIME, time.time() + 2 * HOUR_S)
        self.is_cut(self.held)
        self.heals(marks, old)
        self.assertEqual(self.server.find("time.jumped", since=marks[0])[0]["slept_ms"], "0")
        self.assertTrue(any(side.find("conn.closed", reason="peer_expired") for side in self.sides))


class Suspended(Pair):
    ttl = 12

    def test_r17_nothing_over_is_shown_or_accepted_after_a_suspension(self):
        """All of it is real: the guest suspends to memory, its certificates expire, the host wakes it, and
        its kernel sets the clocks by the hardware's."""
        for side in self.sides:
            side.renew()
        self.held = self.hold()
        marks, old = self.marks(), self.serials()
        machine.suspend_me(self.ttl + 2)
        self.is_cut(self.held)
        self.heals(marks, old)
        self.assertGreater(int(self.server.wait_for("time.jumped", since=marks[0])["slept_ms"]), self.ttl * 1000)


class ClockOfItsOwn(Pair):
    """The host sets the clock of the guest; the authority, which elsewhere is another machine, keeps its
    own (tests/guest/true_clock.c)."""

    def setUp(self):
        self.right = int(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME))
        self.set_clock(0)
        self.ca_env = {"LD_PRELOAD": str(build_folder() / "tests/libtrue_clock.so"), "TRUE_CLOCK_AHEAD": str(self.right)}
        super().setUp()
        self.addCleanup(self.set_clock, 0)

    def set_clock(self, ahead_s):
        time.clock_settime(time.CLOCK_REALTIME, self.right + time.clock_gettime(time.CLOCK_BOOTTIME) + ahead_s)

    def until_offset(self, ahead_s, marks):
        """A renewal has told both sides how far their clock is off."""
        for side, mark in zip(self.sides, marks):
            self.until(lambda side=side, mark=mark: any(
                abs(int(event["clock_offset_ms"]) + ahead_s * 1000) < 5000
                for event in side.find("identity.renewed", since=mark)), f"the clock's offset at {side.name}")


class Set(ClockOfItsOwn):
    def test_r17_a_clock_set_forward_ends_everything_until_the_authority_corrects_it(self):
        marks, old = self.marks(), self.serials()
        self.set_clock(DAY_S)
        self.is_cut(self.held)
        self.heals(marks, old)
        self.until_offset(DAY_S, marks)
        for side, mark in zip(self.sides, marks):
            self.assertTrue(side.find("clock.wrong", since=mark))
        self.assertTrue(any(side.find("conn.closed", reason="peer_expired") for side in self.sides))

    def test_r17_a_clock_set_back_changes_nothing(self):
        """Neither when it was right, so that it is a day behind, nor when that is corrected, once the
        sidecars have learnt that it is behind: then it is a clock set forward, and heals as such."""
        marks = self.marks()
        self.set_clock(-DAY_S)
        self.assertEqual(peers.ask(self.held, b"goes on"), b"goes on")
        self.is_well()
        self.until_offset(-DAY_S, marks)
        self.assertEqual(peers.ask(self.held, b"goes on"), b"goes on")
        self.is_well()
        marks, old = self.marks(), self.serials()
        self.set_clock(0)
        self.is_cut(self.held)
        self.heals(marks, old)
        self.until_offset(0, marks)


class SetForAll(Pair):
    def test_r17_a_clock_set_back_for_the_authority_too_is_survived(self):
        """An authority whose clock is behind what it has issued issues nothing; what there is goes on, and
        once the clock is right again there is a renewal at once."""
        marks = self.marks()
        time.clock_settime(time.CLOCK_REALTIME, time.time() - DAY_S)
        for side, mark in zip(self.sides, marks):
            side.wait_for("identity.failed", since=mark)
        self.assertEqual(peers.ask(self.held, b"goes on"), b"goes on")
        self.is_well()
        marks = self.marks()
        time.clock_settime(time.CLOCK_REALTIME, time.time() + DAY_S)
        self.until_renewed(marks)
        self.assertEqual(peers.ask(self.held, b"goes on"), b"goes on")
        self.is_well()


class SetAndAlone(ClockOfItsOwn):
    ttl = 12

    def test_r17_a_clock_set_back_lets_nothing_live_longer_though_the_authority_is_away(self):
        for side in self.sides:
            side.renew()
        self.held = self.hold()
        self.world.ca.kill()
        self.set_clock(-DAY_S)
        self.assertEqual(peers.ask(self.held, b"goes on"), b"goes on")
        for side in self.sides:
            side.wait_for("identity.expired")
        self.is_cut(self.held)
        self.assertIsNone(self.shown())
        self.assertFalse(self.attempt())
        marks = self.marks()
        self.world.start_ca(env=self.ca_env)
        self.heals(marks, set(), seconds=60)  # the next try may be some way off


if __name__ == "__main__":
    machine.main(__file__)
