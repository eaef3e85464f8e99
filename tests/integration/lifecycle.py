#!/usr/bin/python3
"""The life of a running sidecar: renewal, reload, drain, and what its admin endpoint says meanwhile."""
import pathlib
import re
import signal
import socket

import case
import peers
from process import run
from world import DOMAIN, World, egress, ingress, peer

MANUAL = pathlib.Path(__file__).parents[2] / "proxy/liftgate.8"


class LifecycleCase(case.Case):
    """A pair with an echo server behind it."""

    def setUp(self):
        super().setUp()
        self.world = World(self)
        self.world.start_ca()
        self.app = peers.echo(self)
        self.server = self.world.sidecar("server", ingress(self.app.address, "client"), [peer("client")])
        self.client = self.world.sidecar("client", egress(self.server.address("in"), "server"), [peer("server")])
        self.address = self.client.address("out")

    def connect(self):
        connection = peers.connect(self, self.address)
        self.assertEqual(peers.ask(connection, b"hello"), b"hello")
        return connection


class Renewal(LifecycleCase):
    def test_a_held_connection_survives_renewals(self):
        held = self.connect()
        serials = {self.server.identity()["serial"]}
        before = None
        for _ in range(5):
            self.server.renew()
            self.client.renew()
            serials.add(self.server.identity()["serial"])
            self.assertEqual(peers.ask(held, b"still here"), b"still here")
            self.assertEqual(peers.ask(self.connect(), b"and new"), b"and new")
            before = before or (self.server.fds(), self.client.fds())
        self.assertEqual(len(serials), 6)
        self.assertGreaterEqual(self.server.metric("liftgate_identity_renewals_total", result="ok"), 5)

    def renew_with_a_connection(self):
        self.server.renew()
        self.until(lambda: self.server.metric("liftgate_identities_live") ==
                   len({id(held) for held in self.held}) + 1, "the new identity in use")
        self.held.append(self.connect())

    def test_r39_connections_of_many_identities_drain_from_the_oldest_on(self):
        ours_max = 8
        self.held = [self.connect()]
        for _ in range(ours_max - 1):
            self.renew_with_a_connection()
        self.assertEqual(self.server.find("identity.crowded"), [])
        self.renew_with_a_connection()
        self.server.wait_for("identity.crowded", live=ours_max + 1)
        self.assertEqual(peers.end_of(self.held[0]), "reset")
        self.server.wait_for("conn.closed", reason="drain")
        for connection in self.held[1:]:
            self.assertEqual(peers.ask(connection, b"still here"), b"still here")
        self.until(lambda: self.server.metric("liftgate_identities_live") == ours_max, "the oldest forgotten")
        self.assertEqual(self.server.metric("liftgate_shed_total", limit="identities"), 1)

    def test_r39_a_long_connection_outlives_any_number_of_identities(self):
        held = self.connect()
        for _ in range(12):
            self.server.renew()
            self.assertEqual(peers.ask(held, b"still here"), b"still here")
            self.connect().close()
        self.assertLessEqual(self.server.metric("liftgate_identities_live"), 3)
        self.assertEqual(self.server.find("identity.crowded"), [])

    def test_a_policy_that_no_longer_knows_us_changes_nothing_until_expiry(self):
        held = self.connect()
        serial = self.server.identity()["serial"]
        self.world.ca.stop()
        self.world.write_policy(["client"])
        policy = self.folder / "ca/policy.ini"
        policy.write_text(policy.read_text().replace("epoch = 1", "epoch = 2"))
        self.world.start_ca()
        since = self.server.mark()
        self.server.signal(signal.SIGUSR1)
        self.assertEqual(self.server.wait_for("identity.failed", since=since)["code"], "reference-mismatch")
        self.assertEqual(self.server.identity()["serial"], serial)
        self.assertEqual(self.server.get("/readyz")[0], 200)
        self.assertEqual(peers.ask(held, b"still here"), b"still here")


class Address(LifecycleCase):
    def test_r43_it_is_not_ready_while_another_program_listens_at_its_address(self):
        self.world.ca.signal(signal.SIGSTOP)
        server = self.world.sidecar("server", ingress(self.app.address, "client"), [peer("client")], ready=False)
        address = server.address("in")
        with socket.create_server(address):  # it has only bound so far
            self.world.ca.signal(signal.SIGCONT)
            server.wait_for("listener.failed", name="in")
            server.wait_for("identity.ready")  # a moment before the last worker has it
            said = (503, "another program listens at an address of ours\n")
            self.until(lambda: server.get("/readyz") == said, "/readyz says why")
            self.assertGreaterEqual(server.metric("liftgate_listeners_failed"), 1)
            self.assertEqual(server.find("proxy.ready"), [])
        server.wait_for("proxy.ready")
        self.assertEqual(server.get("/readyz")[0], 200)
        self.assertEqual(server.metric("liftgate_listeners_failed"), 0)
        peers.connect(self, address)


class Reload(LifecycleCase):
    def rewrite(self, old, new):
        text = self.server.config.read_text()
        self.assertIn(old, text)
        self.server.config.write_text(text.replace(old, new))
        since = self.server.mark()
        self.server.signal(signal.SIGHUP)
        return since

    def test_r15_a_peer_that_is_no_longer_allowed_is_cut(self):
        held = self.connect()
        since = self.rewrite("sim/client", "sim/somebody")
        self.server.wait_for("config.reloaded", since=since)
        self.assertEqual(peers.end_of(held), "reset")
        self.server.wait_for("conn.closed", since=since, reason="revoked")
        self.assertEqual(peers.end_of(peers.connect(self, self.address)), "reset")
        since = self.rewrite("sim/somebody", "sim/client")
        self.server.wait_for("config.reloaded", since=since)
        self.connect()

    def test_r39_a_reload_that_changes_nothing_cuts_nobody(self):
        held = self.connect()
        for _ in range(5):
            since = self.server.mark()
            self.server.signal(signal.SIGHUP)
            self.server.wait_for("config.reloaded", since=since)
        self.assertEqual(peers.ask(held, b"still here"), b"still here")

    def test_r39_a_bad_file_keeps_the_old_settings(self):
        held = self.connect()
        since = self.rewrite("mode = tcp", "mode = nosuch")
        event = self.server.wait_for("config.refused", since=since)
        self.assertEqual(event.level, "warn")
        self.assertEqual(self.server.metric("liftgate_config_last_reload_successful"), 0)
        self.assertEqual(peers.ask(held, b"still here"), b"still here")
        self.connect()


class Drain(LifecycleCase):
    def test_r40_r43_a_drain_waits_for_connections_and_ends_cleanly(self):
        held = self.connect()
        self.server.signal(signal.SIGTERM)
        self.server.wait_for("proxy.drain")
        self.assertEqual(self.server.get("/readyz")[0], 503)
        self.assertEqual(self.server.get("/healthz")[0], 503)
        self.assertEqual(self.server.get("/livez")[0], 200)
        self.assertEqual(peers.ask(held, b"still here"), b"still here")
        held.close()
        self.assertEqual(self.server.wait(), 0)

    def test_r40_a_drain_that_takes_too_long_is_cut(self):
        held = self.connect()
        self.server.signal(signal.SIGTERM)
        self.assertEqual(peers.end_of(held), "reset")
        self.assertEqual(self.server.wait(), 1)
        self.server.wait_for("conn.closed", reason="drain")

    def test_r40_a_second_signal_forces_the_end(self):
        self.connect()
        self.server.signal(signal.SIGTERM)
        self.server.wait_for("proxy.drain")
        self.server.signal(signal.SIGTERM)
        self.assertEqual(self.server.wait(), 1)

    def test_r40_a_second_signal_that_comes_too_late_changes_nothing(self):
        self.server.signal(signal.SIGTERM)
        self.server.wait_for("proxy.stop", result="drained")
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            self.server.signal(number)
        self.assertEqual(self.server.wait(), 0)

    def test_r40_an_idle_sidecar_ends_at_once(self):
        self.client.signal(signal.SIGINT)
        self.assertEqual(self.client.wait(), 0)


class Admin(LifecycleCase):
    def test_the_identity_is_public_and_complete(self):
        identity = self.server.identity()
        self.assertEqual(identity["spiffe"], f"spiffe://{DOMAIN}/sim/server")
        self.assertIn("BEGIN CERTIFICATE", identity["chain"])
        self.assertNotIn("PRIVATE", self.server.get("/identity")[1])
        chain = self.folder / "chain.pem"
        chain.write_text(identity["chain"])
        status, said, _ = run("openssl", "x509", "-in", chain, "-noout", "-serial")
        self.assertEqual(status, 0)
        self.assertEqual(said.strip().lower(), f"serial={identity['serial'].lower()}")

    def series(self):
        """{series with its labels: value} of the server."""
        status, text = self.server.get("/metrics")
        self.assertEqual(status, 200)
        return {name: float(value) for name, value in
                (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}

    def test_r45_metrics_have_the_names_that_dashboards_use(self):
        names = {name.split("{")[0] for name in self.series()}
        ours = ("connections_open connections_total handshake_seconds_bucket handshake_seconds_sum handshake_seconds_count "
                "handshake_failures_total authz_denied_total bytes_total upstream_connect_seconds_bucket "
                "upstream_connect_seconds_sum upstream_connect_seconds_count truncated_total resets_total closed_total "
                "backpressure_pauses_total buffer_bytes accept_paused listeners_failed accept_errors_total shed_total fd_open fd_max "
                "loop_idle_ratio loop_lag_seconds peer_cache_total peers_by_tee keyupdates_total identity_not_after_seconds "
                "identity_renewals_total clock_offset_seconds identity_last_success_timestamp config_last_reload_successful "
                "config_last_reload_timestamp generations_live time_jumps_total insecure_settings log_lines_lost_total build_info")
        process = "cpu_seconds_total resident_memory_bytes virtual_memory_bytes open_fds max_fds start_time_seconds"
        wanted = {f"liftgate_{name}" for name in ours.split()} | {f"process_{name}" for name in process.split()}
        self.assertEqual(wanted - names, set())
        manual = re.findall(r"(?m)^\.B ((?:liftgate|process)_\w+)$", MANUAL.read_text())
        shown = re.findall(r"(?m)^# TYPE (\S+)", self.server.get("/metrics")[1])
        self.assertEqual(set(manual), {*shown, "liftgate_last_refusal"})  # which only a refusal brings
        self.assertGreater(self.server.metric("liftgate_insecure_settings"), 0)

    def test_r45_they_move_and_no_peer_adds_one(self):
        before = self.series()
        intruder = self.world.sidecar("intruder", egress(self.server.address("in"), "server"), [peer("server")])
        held = [self.connect() for _ in range(3)]
        for number in range(20):
            stranger = peers.connect(self, self.server.address("in"))
            stranger.sendall(bytes([number]) * 64)
            peers.end_of(stranger)
            peers.end_of(peers.connect(self, intruder.address("out")))
        self.until(lambda: self.series()['liftgate_authz_denied_total{rule="spiffe"}'] == 20, "all of them refused")
        now = self.series()
        self.assertEqual(set(now), set(before))
        for name in ('connections_open{direction="ingress"}', 'connections_total{direction="ingress",result="accepted"}',
                     'connections_total{direction="ingress",result="authorized"}', "handshake_seconds_count",
                     'handshake_failures_total{reason="alert_sent"}', 'handshake_failures_total{reason="authz_denied"}',
                     'bytes_total{direction="in"}', 'bytes_total{direction="out"}', "upstream_connect_seconds_count",
                     'closed_total{reason="alert_sent"}', 'closed_total{reason="authz_denied"}', "fd_open",
                     'peer_cache_total{result="miss"}', 'peer_cache_total{result="hit"}', 'peers_by_tee{tee="sim"}',
                     "loop_turns_total"):
            with self.subTest(name):  # some are noted on a tick only
                self.until(lambda name=f"liftgate_{name}": self.series()[name] > before[name], "more of them")
        for connection in held:
            connection.close()
        self.until(lambda: self.series()['liftgate_peers_by_tee{tee="sim"}'] == 0, "no peer left")
    def test_r43_other_paths_and_methods_are_refused(self):
        for path, status in {"/livez": 200, "/readyz": 200, "/healthz": 200, "/": 404, "/metrics/": 404, "/livezz": 404}.items():
            with self.subTest(path):
                self.assertEqual(self.server.get(path)[0], status)


if __name__ == "__main__":
    case.main()
