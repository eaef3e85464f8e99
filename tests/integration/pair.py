#!/usr/bin/python3
"""A service and a client, each behind its sidecar: what gets through, whole and in order, and who does
not, with the alert that the peer sees, the reason in the log, and an application that saw nothing.
"""
import os
import socket
import ssl
import threading

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

import case
import leaves
import peers
from world import DOMAIN, World, egress, ingress, peer

MIB = 1 << 20


class PairCase(case.Case):
    """An echo server behind `server`, which lets `client` in."""

    def setUp(self):
        super().setUp()
        self.world = World(self)
        self.world.start_ca()
        self.app = self.make_app()
        self.server = self.world.sidecar("server", ingress(self.app.address, "client"), [peer("client")], self.server_limits)
        self.ingress = self.server.address("in")

    server_limits = ""

    def make_app(self):
        return peers.echo(self)

    def start_client(self, name="client", connect=None, expect="server", limits=""):
        client = self.world.sidecar(name, egress(connect or self.ingress, expect), [peer(expect)], limits)
        return client, client.address("out")


class Relay(PairCase):
    def test_bytes_arrive_whole_and_in_order(self):
        _, address = self.start_client()
        data = os.urandom(8 * MIB)
        connection = peers.connect(self, address)
        sender = threading.Thread(target=connection.sendall, args=(data,))
        sender.start()
        self.assertEqual(peers.receive(connection, len(data)), data)
        sender.join()

    def test_r4_each_side_may_end_its_stream_first(self):
        _, address = self.start_client()
        connection = peers.connect(self, address)
        connection.sendall(b"last words")
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual(peers.receive(connection, 10), b"last words")
        self.assertEqual(peers.end_of(connection), "closed")
        self.assertEqual(self.server.wait_for("conn.closed")["reason"], "clean")

    def test_r44_one_line_in_the_log_says_who_and_how_much(self):
        client, address = self.start_client()
        connection = peers.connect(self, address)
        peers.ask(connection, b"x" * 1000)
        connection.close()
        event = self.server.wait_for("conn.closed")
        self.assertEqual(event["spiffe"], f"spiffe://{DOMAIN}/sim/client")
        self.assertEqual((event["bytes_in"], event["bytes_out"], event["rule"], event["listener"]), ("1000", "1000", "client", "in"))
        event = client.wait_for("conn.closed")
        self.assertEqual(event["spiffe"], f"spiffe://{DOMAIN}/sim/server")
        self.assertEqual((event["rule"], event["listener"]), ("server", "out"))

    def test_many_connections_leave_nothing_behind(self):
        client, address = self.start_client()
        peers.ask(peers.connect(self, address), b"warm")
        before = self.server.fds(), client.fds()
        for _ in range(3):
            connections = [peers.connect(self, address) for _ in range(20)]
            for connection in connections:
                self.assertEqual(peers.ask(connection, b"hello"), b"hello")
            for connection in connections:
                connection.close()
        self.until(lambda: len(self.server.find("conn.closed")) == 60 and len(client.find("conn.closed")) == 60,
                   "60 connections closed on both sides")
        self.until(lambda: self.server.fds() <= before[0] and client.fds() <= before[1], f"no more descriptors than {before}")


class Refused(PairCase):
    """Whoever may not reach the application does not: it sees no connection and no byte."""

    def assert_untouched(self):
        """The application saw nothing, and the sidecar still serves those who may."""
        self.assertEqual(self.app.accepted, 0)
        _, address = self.start_client()
        self.assertEqual(peers.ask(peers.connect(self, address), b"hello"), b"hello")

    def test_r10_r12_a_genuine_identity_of_another_workload(self):
        _, address = self.start_client("intruder")
        connection = peers.connect(self, address)
        connection.sendall(b"secret")
        self.assertEqual(peers.end_of(connection), "reset")
        event = self.server.wait_for("conn.closed", reason="authz_denied")
        self.assertIn(f"spiffe://{DOMAIN}/sim/intruder", event["detail"])
        self.assertGreaterEqual(self.server.metric("liftgate_handshake_failures_total", reason="authz_denied"), 1)
        self.assert_untouched()

    def test_r10_r12_certificates_that_are_wrong_in_one_way(self):
        issuer = leaves.Issuer(self.world)
        impostor = leaves.Issuer(self.world, own=False)
        key = ec.generate_private_key(ec.SECP256R1())
        self_signed = leaves.Issuer(self.world, own=False)
        self_signed.key = key
        client = [leaves.uri("sim/client")]
        rows = {
            "expired": (leaves.leaf(issuer, key, begins=-2, ends=-1), "CERTIFICATE_EXPIRED"),
            "not_yet_valid": (leaves.leaf(issuer, key, begins=1, ends=2), "BAD_CERTIFICATE"),
            "of_an_impostor": (leaves.leaf(impostor, key), "DECRYPT_ERROR|UNKNOWN_CA"),
            "self_signed": (leaves.leaf(self_signed, key), "DECRYPT_ERROR|UNKNOWN_CA"),
            "of_an_authority": (leaves.leaf(issuer, key, authority=True), "CERTIFICATE|UNKNOWN_CA"),
            "for_servers_only": (leaves.leaf(issuer, key, usages=[ExtendedKeyUsageOID.SERVER_AUTH]), "CERTIFICATE"),
            "for_nothing": (leaves.leaf(issuer, key, usages=None), "CERTIFICATE"),
            "without_names": (leaves.leaf(issuer, key, names=[], subject=leaves.common_name("client")), "CERTIFICATE"),
            "two_identities": (leaves.leaf(issuer, key, names=client + [leaves.uri("sim/server")]), "CERTIFICATE"),
            "other_trust_domain": (leaves.leaf(issuer, key, names=[leaves.uri("sim/client", "evil.example")]), "CERTIFICATE"),
            "identity_with_a_query": (leaves.leaf(issuer, key, names=[leaves.uri("sim/client?x")]), "CERTIFICATE"),
            "no_claims": (leaves.leaf(issuer, key), "HANDSHAKE_FAILURE|CERTIFICATE|ACCESS"),
        }
        for name, (bad, alert) in rows.items():
            with self.subTest(name):
                files = leaves.write(self.folder, name, key, bad, issuer.certificate)
                self.assertRegex(peers.tls_end(self, self.ingress, peers.tls_context(*files)), alert)
        with self.subTest("none"):
            self.assertRegex(peers.tls_end(self, self.ingress, peers.tls_context()), "CERTIFICATE_REQUIRED")
        self.assertEqual(len(self.server.find("conn.closed", reason="clean")), 0)
        self.assert_untouched()

    def test_a_genuine_certificate_of_a_raw_client_is_let_in(self):
        """The rows above are refused for what is wrong with them, not because a raw client is."""
        key, own, issuing = leaves.enrol(self.world, "client")
        files = leaves.write(self.folder, "genuine", key, own, issuing)
        context = peers.tls_context(*files, anchors=self.world.ca_root)
        self.assertEqual(peers.tls_end(self, self.ingress, context), b"hello")

    def test_r12_what_is_not_tls_or_too_old(self):
        hello = bytes.fromhex("16030100c8010000c40303") + bytes(100)
        rows = {
            "http": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "redis": b"*1\r\n$4\r\nPING\r\n",
            "zeros": bytes(1000),
            "noise": b"\x8b\x1f\x00" + bytes(range(256)) * 8,
            "huge_record": b"\x16\x03\x01\xff\xff" + bytes(2000),
            "alert": b"\x15\x03\x03\x00\x02\x02\x28",
            "application_data": b"\x17\x03\x03\x00\x10" + bytes(16),
            "ssl_2": b"\x80\x2e\x01\x00\x02" + bytes(64),
            "half_a_hello": hello,
            "nothing": b"",
        }
        for name, data in rows.items():
            with self.subTest(name):
                since = self.server.mark()
                with peers.connect(self, self.ingress) as connection:
                    try:
                        connection.sendall(data)
                        connection.shutdown(socket.SHUT_WR)
                        while isinstance(peers.end_of(connection), bytes):
                            pass
                    except OSError:
                        pass  # it was quicker to reset
                self.assertNotEqual(self.server.wait_for("conn.closed", since=since)["reason"], "clean")
        with self.subTest("tls_1_2"):
            context = peers.tls_context()
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            self.assertRegex(peers.tls_end(self, self.ingress, context), "PROTOCOL_VERSION")
        self.assert_untouched()

    def test_r29_r30_a_client_that_finds_somebody_else_says_nothing(self):
        heard = []
        rows = {
            "plaintext": lambda connection: heard.append(connection.recv(65536)) or connection.sendall(b"welcome"),
            "hangs_up": lambda connection: connection.close(),
        }
        for name, serve in rows.items():
            with self.subTest(name):
                heard.clear()
                other = peers.Server(self, serve)
                client = self.world.sidecar("client", egress(other.address, "server"), [peer("server")])
                connection = peers.connect(self, client.address("out"))
                self.assertEqual(peers.end_after(connection, b"a secret that must not leave"), "reset")
                self.assertNotIn(b"secret", b"".join(heard))
                client.stop()
        with self.subTest("another_identity"):
            client = self.world.sidecar("client", egress(self.ingress, "intruder"), [peer("intruder")])
            connection = peers.connect(self, client.address("out"))
            self.assertEqual(peers.end_after(connection, b"a secret that must not leave"), "reset")
            client.wait_for("conn.closed", reason="authz_denied")
            client.stop()
        self.assertEqual(self.app.accepted, 0)


class Unreachable(PairCase):
    def test_an_application_that_is_not_there(self):
        nowhere = peers.nobody(self)
        server = self.world.sidecar("server", ingress(nowhere, "client"), [peer("client")])
        _, address = self.start_client(connect=server.address("in"))
        for _ in range(3):
            self.assertEqual(peers.end_of(peers.connect(self, address)), "reset")
        self.until(lambda: len(server.find("conn.closed", reason="connect_refused")) == 3, "three refused connections")

    def test_a_peer_that_is_not_there(self):
        client, address = self.start_client(connect=peers.nobody(self))
        self.assertEqual(peers.end_of_connecting(self, address), "reset")
        client.wait_for("conn.closed", reason="connect_refused")

    def test_r32_r43_an_identity_that_does_not_come(self):
        machine = self.world.machine("unknown")
        client = self.world.sidecar("client", egress(self.ingress, "server"), [peer("server")], "ready_wait = 1s\n",
                                    machine=machine, ready=False)
        client.wait_for("identity.failed", code="reference-mismatch")
        self.assertEqual(client.get("/readyz")[0], 503)
        self.assertEqual(client.get("/livez")[0], 200)
        self.assertEqual(peers.end_of(peers.connect(self, client.address("out"))), "reset")
        client.wait_for("conn.closed", reason="ready_timeout")


class Stalled(PairCase):
    """Whoever stops reading holds back the other side, not the memory, and not for ever."""

    server_limits = "write_stall_timeout = 2s\nbuffer_memory = 1MiB\n"

    def make_app(self):
        return peers.silent(self)

    def test_r2_an_application_that_stops_reading(self):
        client, address = self.start_client()
        connection = peers.connect(self, address, seconds=60)
        sent = 0
        with self.assertRaises(OSError):
            while True:
                sent += connection.send(bytes(65536))
        self.server.wait_for("conn.closed", reason="write_stall_timeout")
        self.assertLess(sent, 64 * MIB)
        self.assertGreaterEqual(self.server.metric("liftgate_backpressure_pauses_total"), 1)
        self.until(lambda: self.server.metric("liftgate_buffer_bytes") == 0, "all buffers given back")
        self.assertEqual(client.get("/livez")[0], 200)


class Crowded(PairCase):
    """Strangers who begin handshakes at the ingress and never end them."""

    def test_r35_strangers_do_not_stop_the_service_from_going_out(self):
        routes = ingress(self.app.address, "server") + egress(self.ingress, "server")
        both = self.world.sidecar("client", routes, [peer("server")], "max_handshakes = 2\nhandshake_timeout = 60s\n")
        for _ in range(32):  # with several workers the kernel deals them out as it likes
            peers.connect(self, both.address("in")).sendall(b"\x16\x03\x01\x02\x00\x01")
        self.until(lambda: both.metric("liftgate_accept_paused") >= 1, "the ingress full of handshakes")
        self.assertEqual(peers.ask(peers.connect(self, both.address("out")), b"hello"), b"hello")


class Flooded(PairCase):
    """The same from the other side: a peer that asks for everything and reads nothing."""

    server_limits = "write_stall_timeout = 2s\nbuffer_memory = 1MiB\n"

    def make_app(self):
        return peers.firehose(self)

    def test_r2_a_peer_that_stops_reading(self):
        key, own, issuing = leaves.enrol(self.world, "client")
        context = peers.tls_context(*leaves.write(self.folder, "genuine", key, own, issuing))
        with context.wrap_socket(peers.connect(self, self.ingress)) as connection:
            connection.sendall(b"everything")
            self.server.wait_for("conn.closed", reason="write_stall_timeout")
        self.assertLessEqual(self.server.metric("liftgate_buffer_bytes"), MIB)
        self.assertGreaterEqual(self.server.metric("liftgate_backpressure_pauses_total"), 1)
        self.until(lambda: self.server.metric("liftgate_buffer_bytes") == 0, "all buffers given back")
        self.until(lambda: self.server.metric("liftgate_connections_open") == 0, "no connection left")


if __name__ == "__main__":
    case.main()
