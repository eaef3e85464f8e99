#!/usr/bin/python3
"""What a machine may do to a sidecar: stop it for a while, have no descriptors for it, or let everything
else that it asks stand still."""
import os
import resource
import signal
import socket
import subprocess
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


class Standstill(HardshipCase):
    def silent_resolver(self):
        """A command that gives a program name look-ups without an answer; `questions` gets them."""
        self.questions = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.questions.settimeout(20)
        self.addCleanup(self.questions.close)
        address = f"127.77.{os.getpid() % 256}.{1 + os.getpid() // 256 % 254}"  # beside those of other runs
        try:
            self.questions.bind((address, 53))
        except OSError as error:
            self.skipTest(f"no name server can be played: {error}")
        settings = self.folder / "resolv.conf"
        settings.write_text(f"nameserver {address}\noptions timeout:30 attempts:5\n")
        around = ["unshare", "-m", "sh", "-c", f'mount --bind {settings} /etc/resolv.conf && exec "$@"', "sh"]
        if subprocess.run([*around, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no mount namespace can be made")
        return around

    def test_r38_nothing_that_stands_still_stops_the_loops(self):
        routes = egress(self.server.address("in"), "server") + "".join(
            egress(("stalled.test", 443 + number), "server", name=f"stalled{number}") for number in range(10))
        busy = self.world.sidecar("client", routes, [peer("server")], around=self.silent_resolver())
        for number in range(10):  # more than are looked up at one time
            peers.connect(self, busy.address(f"stalled{number}")).sendall(b"hello")
        admin = [peers.connect(self, busy.address("admin")) for _ in range(3)]  # and they say nothing
        held = peers.connect(self, busy.address("out"))
        self.assertEqual(peers.ask(held, b"held"), b"held")
        busy.renew()  # look-ups leave room for an enrolment
        self.world.ca.signal(signal.SIGSTOP)
        self.addCleanup(self.world.ca.signal, signal.SIGCONT)
        busy.signal(signal.SIGUSR1)  # which gets no answer
        turns = busy.metric("liftgate_loop_turns_total")
        for _ in range(20):
            self.assertEqual(peers.ask(held, b"still here"), b"still here")
            self.assertEqual(peers.ask(peers.connect(self, busy.address("out")), b"and new"), b"and new")
        self.assertGreater(busy.metric("liftgate_loop_turns_total"), turns)
        self.assertLess(busy.metric("liftgate_loop_lag_seconds"), 5)  # no standstill, on a busy machine
        for connection in admin:
            connection.close()

    def test_r40_a_drain_ends_at_its_deadline_whatever_a_look_up_does(self):
        path = self.folder / "out.sock"
        routes = egress(("stalled.test", 443), "server", extra="on_truncation = eof\n").replace("127.0.0.1:0", f"unix:{path}")
        client = self.world.sidecar("client", routes, [peer("server")], around=self.silent_resolver())
        self.call(path)
        self.questions.recv(512)  # the look-up is under way
        client.signal(signal.SIGTERM)
        self.assertEqual(client.wait(), 1)
        self.assertEqual(len(client.find("conn.closed", reason="drain")), 1)
        self.assert_left_behind(client)
        self.assertFalse(path.exists())

    def test_r40_a_second_signal_ends_whatever_a_look_up_does(self):
        limits = "drain_timeout = 600s\nconnect_timeout = 60s\n"  # however slow this machine is
        client = self.world.sidecar("client", egress(("stalled.test", 443), "server"), [peer("server")],
                                    around=self.silent_resolver())
        client.config.write_text(client.config.read_text().replace("drain_timeout = 2s\n", limits))
        client.signal(signal.SIGHUP)
        client.wait_for("config.reloaded")
        held = peers.connect(self, client.address("out"))
        self.questions.recv(512)
        client.signal(signal.SIGTERM)
        client.wait_for("proxy.drain")
        client.signal(signal.SIGTERM)
        self.assertEqual(client.wait(), 1)
        self.assertEqual(peers.end_of(held), "reset")
        self.assert_left_behind(client)

    def test_r40_an_enrolment_that_looks_for_its_authority_delays_no_end(self):
        self.world.ca_listen = "stalled.test:443"
        client = self.world.sidecar("client", egress(self.server.address("in"), "server"), [peer("server")], ready=False,
                                    around=self.silent_resolver())
        self.questions.recv(512)
        client.signal(signal.SIGTERM)
        self.assertEqual(client.wait(), 0)
        self.assert_left_behind(client)

    def test_r39_another_authority_is_asked_while_a_look_up_of_the_first_hangs(self):
        real = self.world.ca_url
        self.world.ca_listen = "stalled.test:443"
        client = self.world.sidecar("client", egress(self.server.address("in"), "server"), [peer("server")], ready=False,
                                    around=self.silent_resolver())
        self.questions.recv(512)
        client.config.write_text(client.config.read_text().replace("https://stalled.test:443", real))
        client.signal(signal.SIGHUP)
        client.wait_for("proxy.ready")
        self.assertEqual(peers.ask(peers.connect(self, client.address("out")), b"hello"), b"hello")
        client.signal(signal.SIGTERM)
        self.assertIn(client.wait(), (0, 1))
        self.assert_left_behind(client)

    def test_r38_authorities_that_cannot_be_found_hold_up_nothing_however_many(self):
        client = self.world.sidecar("client", egress(self.server.address("in"), "server"), [peer("server")],
                                    around=self.silent_resolver())
        before, since = self.world.ca_url, client.mark()
        unreachable = "{}:{}".format(*peers.nobody(self))
        for after in (unreachable, *(f"stalled{number}.test:443" for number in range(6))):
            client.config.write_text(client.config.read_text().replace(before, f"https://{after}"))
            client.signal(signal.SIGHUP)
            client.wait_for("config.reloaded", since=since)
            before, since = f"https://{after}", client.mark()
            if after == unreachable:
                client.wait_for("identity.failed")
        self.pass_time(1.5)  # until it is tried again
        self.assertEqual(client.get("/livez")[0], 200)
        client.signal(signal.SIGTERM)
        self.assertEqual(client.wait(), 0)
        self.assert_left_behind(client)

    def call(self, path):
        """A connection to a unix socket, which is the test's to the end."""
        connection = socket.socket(socket.AF_UNIX)
        self.addCleanup(connection.close)
        connection.connect(str(path))

    def assert_left_behind(self, sidecar):
        self.assertEqual(len(sidecar.find("proxy.left_behind")), 1)
        self.assertEqual(len(sidecar.find("proxy.stop")), 1)


if __name__ == "__main__":
    case.main()
