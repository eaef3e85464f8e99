#!/usr/bin/python3
"""The deny list: at the start, in the handshake and on live connections."""
import os
import signal

import case
import leaves
import peers
from world import DOMAIN, MEASUREMENTS, World, egress, ingress, peer


class DenyCase(case.Case):
    """An echo server behind `server`, which lets `client` in, unless its deny file says otherwise."""

    def setUp(self):
        super().setUp()
        self.world = World(self)
        self.world.start_ca()
        self.ends = []  # what the application saw
        self.app = peers.Server(self, self.serve)
        self.deny = self.folder / "deny"
        self.write("# nobody")
        self.server = self.world.sidecar("server", ingress(self.app.address, "client"), [peer("client")],
                                         identity=f"deny_file = {self.deny}\n")
        self.client = self.world.sidecar("client", egress(self.server.address("in"), "server"), [peer("server")])

    def serve(self, connection):
        data = b"hello"
        while isinstance(data, bytes):
            data = peers.end_of(connection)
            if isinstance(data, bytes):
                connection.sendall(data)
        self.ends.append(data)

    def write(self, *lines):
        """Replaces the list in one step."""
        temporary = self.folder / "deny.new"
        temporary.write_text("".join(f"{line}\n" for line in lines))
        os.replace(temporary, self.deny)

    def change(self, *lines):
        since = self.server.mark()
        self.write(*lines)
        self.server.wait_for("deny.loaded", since=since)

    def connect(self):
        connection = peers.connect(self, self.client.address("out"))
        self.assertEqual(peers.ask(connection, b"hello"), b"hello")
        return connection


class Live(DenyCase):
    def test_r15_a_denied_peers_connections_are_reset_on_both_legs(self):
        held = [self.connect() for _ in range(300)]  # more than one turn walks
        self.write(f"spiffe spiffe://{DOMAIN}/sim/client")
        for connection in held:
            self.assertEqual(peers.end_of(connection), "reset")
        self.until(lambda: self.server.metric("liftgate_closed_total", reason="revoked") == len(held), "all cut")
        self.assertEqual(self.server.metric("liftgate_deny_entries"), 1)
        self.until(lambda: self.ends == ["reset"] * len(held), "the application saw all reset")
        self.assertEqual(peers.end_of(peers.connect(self, self.client.address("out"))), "reset")
        self.change("# nobody")
        self.connect()

    def test_each_kind_cuts_whom_it_names_and_nobody_else(self):
        key, own, issuing = leaves.enrol(self.world, "client")
        context = peers.tls_context(*leaves.write(self.folder, "own", key, own, issuing))
        rows = {
            "spiffe": f"spiffe://{DOMAIN}/sim/client",
            "serial": f"{own.serial_number:032x}",
            "spki": leaves.spki_digest(key),
            "measurement": MEASUREMENTS["client"],
        }
        for kind, value in rows.items():
            with self.subTest(kind):
                self.assertEqual(peers.tls_end(self, self.server.address("in"), context), b"hello")
                held = self.connect()
                accepted = self.app.accepted
                since = self.server.mark()
                self.change(f"{kind} {value}", "serial 01")
                if kind in ("spiffe", "measurement"):
                    self.assertEqual(peers.end_of(held), "reset")
                else:  # these name one certificate or key, and the client's own sidecar has another
                    self.assertEqual(peers.ask(held, b"still here"), b"still here")
                self.assertRegex(peers.tls_end(self, self.server.address("in"), context), "CERTIFICATE_REVOKED")
                event = self.server.wait_for("conn.closed", since=since, reason="authz_denied")
                self.assertTrue(event["detail"].endswith(f": {kind}"), event)
                self.assertEqual(self.app.accepted, accepted)
                self.change("# nobody")

    def test_r15_r39_a_reload_may_bring_another_file_or_none(self):
        held = self.connect()
        other = self.folder / "other"
        other.write_text(f"spiffe spiffe://{DOMAIN}/sim/client\n")
        settings = self.server.config.read_text()
        self.reload(settings.replace(f"deny_file = {self.deny}", f"deny_file = {other}"))
        self.assertEqual(peers.end_of(held), "reset")
        self.assertEqual(peers.end_of(peers.connect(self, self.client.address("out"))), "reset")
        self.write("# the old file no longer counts")
        other.write_text("serial 01\nserial 02\n")
        self.until(lambda: self.server.metric("liftgate_deny_entries") == 2, "the new file is watched")
        other.write_text(f"spiffe spiffe://{DOMAIN}/sim/client\n")
        self.until(lambda: self.server.metric("liftgate_deny_entries") == 1, "the client is denied")
        self.reload(settings.replace(f"deny_file = {self.deny}\n", ""))
        self.connect()
        self.assertEqual(self.server.metric("liftgate_deny_entries"), 0)

    def reload(self, settings):
        self.server.config.write_text(settings)
        since = self.server.mark()
        self.server.signal(signal.SIGHUP)
        self.server.wait_for("config.reloaded", since=since)

    def test_a_bad_line_keeps_the_old_list(self):
        self.change(f"spiffe spiffe://{DOMAIN}/sim/client")
        since = self.server.mark()
        self.write("spiffe nobody")
        event = self.server.wait_for("deny.refused", since=since)
        self.assertEqual((event.level, event["error"].split(": ", 1)[1]), ("warn", "line 1: spiffe: not a SPIFFE ID with a path"))
        self.assertEqual(self.server.metric("liftgate_deny_last_reload_successful"), 0)
        self.assertGreaterEqual(self.server.metric("liftgate_deny_reloads_total", result="failed"), 1)
        self.assertEqual(peers.end_of(peers.connect(self, self.client.address("out"))), "reset")
        since = self.server.mark()
        self.server.signal(signal.SIGHUP)
        self.assertIn("[identity] deny_file", self.server.wait_for("config.refused", since=since)["error"])
        self.change("# nobody")
        self.connect()


class Start(case.Case):
    def test_a_list_that_cannot_be_read_stops_the_start(self):
        world = World(self)
        deny = self.folder / "deny"
        world.ca_listen = "127.0.0.1:1"
        for text, why in ((None, "No such file"), ("nonsense\n", "line 1: need KIND VALUE")):
            with self.subTest(why):
                if text:
                    deny.write_text(text)
                sidecar = world.sidecar("server", ingress(("127.0.0.1", 1), "client"), [peer("client")],
                                        identity=f"deny_file = {deny}\n", ready=False)
                self.assertNotEqual(sidecar.wait(), 0)
                self.assertRegex("\n".join(sidecar.lines), f"(?m)^liftgate: .*deny_file: .*{why}")


if __name__ == "__main__":
    case.main()
