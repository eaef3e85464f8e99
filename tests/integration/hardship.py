#!/usr/bin/python3
"""What a machine may do to a sidecar: stop it for a while, or have no descriptors for it."""
import resource
import signal
import time

import case
import peers
from world import World, egress, ingress, peer


class HardshipCase(case.Case):
    """A pair with an echo server behind it."""

    limits = ""

    def setUp(self):
        super().setUp()
        self.world = World(self)
        self.world.start_ca()
        self.app = peers.echo(self)
        self.server = self.world.sidecar("server", ingress(self.app.address, "client"), [peer("client")], self.limits)
        self.client = self.world.sidecar("client", egress(self.server.address("in"), "server"), [peer("server")])
        self.address = self.client.address("out")

    def pass_time(self, seconds):
        """The time itself is what the test is about."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end, "the end of a wait")


class Pause(HardshipCase):
    limits = "idle_timeout = 3s\n"

    def test_r17_time_in_which_the_process_stood_still_counts_against_nobody(self):
        held = peers.connect(self, self.address)
        self.assertEqual(peers.ask(held, b"before"), b"before")
        self.server.signal(signal.SIGSTOP)
        self.pass_time(8)
        self.server.signal(signal.SIGCONT)
        self.server.wait_for("time.jumped")
        self.assertEqual(peers.ask(held, b"after"), b"after")
        self.assertEqual(self.server.metric("liftgate_time_jumps_total"), 1)
        self.assertEqual(peers.end_of(held), "reset")  # now it has been idle for so long
        self.server.wait_for("conn.closed", reason="idle_timeout")


class Descriptors(HardshipCase):
    def set_limit(self, soft):
        _, hard = resource.prlimit(self.server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.server.pid, resource.RLIMIT_NOFILE, (soft, hard))

    def test_r36_without_descriptors_it_waits_and_loses_nobody(self):
        soft, _ = resource.prlimit(self.server.pid, resource.RLIMIT_NOFILE)
        for spare in (0, 1):  # one is enough to accept, but not to connect to the service
            held = peers.connect(self, self.address)
            self.assertEqual(peers.ask(held, b"held"), b"held")
            turns = self.server.metric("liftgate_loop_turns_total")
            errors = self.server.metric("liftgate_accept_errors_total", errno="EMFILE")
            since = self.server.mark()
            self.until(lambda: self.server.fds() == self.server.fds(), "quiet descriptors")
            self.set_limit(self.server.fds() + spare)
            waiting = [peers.connect(self, self.address) for _ in range(20)]
            for connection in waiting:
                connection.sendall(b"hello")
            self.server.wait_for("listener.paused", since=since, why="descriptors")
            self.assertEqual(peers.ask(held, b"still here"), b"still here")
            self.pass_time(1.5)
            self.set_limit(soft)
            for connection in waiting:
                self.assertEqual(peers.receive(connection, 5), b"hello")
            self.assertGreater(self.server.metric("liftgate_accept_errors_total", errno="EMFILE"), errors)
            self.assertLess(self.server.metric("liftgate_loop_turns_total") - turns, 2000)
            self.assertEqual(self.server.metric("liftgate_accept_paused"), 0)
            for connection in [held, *waiting]:
                connection.close()
            self.until(lambda: self.server.metric("liftgate_connections_open") == 0, "the end of all connections")


if __name__ == "__main__":
    case.main()
