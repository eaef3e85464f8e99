#!/usr/bin/python3
"""The PROXY protocol with a program of others: HAProxy is told by an ingress who its peer is, and tells
an ingress where a peer comes from.
"""
import pathlib
import socket
import unittest

import case
import peers
from process import Process
from world import DOMAIN, World, egress, ingress, peer, text_of

HAPROXY = pathlib.Path("/usr/sbin/haproxy")

COMMON = """
defaults
    timeout connect 20s
    timeout client 20s
    timeout server 20s
"""

BEHIND = COMMON + """
frontend behind
    mode http
    bind {address} accept-proxy
    http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst_port] %[fc_pp_authority]"
"""

BEFORE = COMMON + """
frontend before
    mode tcp
    bind {address}
    default_backend ingress
backend ingress
    mode tcp
    server ingress {ingress} {how}
"""


@unittest.skipUnless(HAPROXY.exists(), "no HAProxy here")
class Told(case.Case):
    """A service behind `server`, and `client` in front of it."""

    def setUp(self):
        super().setUp()
        self.world = World(self)
        self.world.start_ca()

    def start_server(self, forward, extra):
        return self.world.sidecar("server", ingress(forward, "client", extra=extra), [peer("client")])

    def start_client(self, connect):
        route = egress(connect, "server", extra="sni = api.example\n")
        return self.world.sidecar("client", route, [peer("server")]).address("out")

    def start_haproxy(self, settings, **values):
        """On a port that stays ours: bound, and never listened on, by the test."""
        place = socket.socket()
        self.addCleanup(place.close)
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        place.bind(("127.0.0.1", 0))
        path = self.folder / "haproxy.conf"
        path.write_text(settings.format(address=text_of(place.getsockname()), **values))
        Process(self, HAPROXY, "-db", "-f", path)
        self.until(lambda: self.reachable(place.getsockname()), "HAProxy listens")
        return place.getsockname()

    @staticmethod
    def reachable(address):
        try:
            with socket.create_connection(address, timeout=1):
                return True
        except OSError:
            return False

    def test_r28_haproxy_understands_the_header(self):
        server = self.start_server(self.start_haproxy(BEHIND), "proxy_out = v2\n")
        place = server.address("in")
        with peers.connect(self, self.start_client(place)) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with connection.makefile() as reply:
                told = reply.read().split("\n")[-1].split()
        source = server.wait_for("conn.closed", spiffe=f"spiffe://{DOMAIN}/sim/client")["src"]
        self.assertEqual(told, [*source.split(":"), str(place[1]), "api.example"])

    def test_r28_haproxy_is_understood(self):
        app = peers.echo(self)
        server = self.start_server(app.address, "proxy_in = yes\nproxy_in_from = 127.0.0.0/8\n")
        for how in ("send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"):
            with self.subTest(how):
                since = server.mark()
                front = self.start_haproxy(BEFORE, ingress=text_of(server.address("in")), how=how)
                connection = peers.connect(self, self.start_client(front))
                self.assertEqual(peers.ask(connection, b"hello"), b"hello")
                connection.close()
                event = server.wait_for("conn.closed", since=since, spiffe=f"spiffe://{DOMAIN}/sim/client")
                self.assertEqual(event["src"].split(":")[0], "127.0.0.1")

    def test_r28_version_1_of_haproxy_is_not(self):
        app = peers.echo(self)
        server = self.start_server(app.address, "proxy_in = yes\nproxy_in_from = 127.0.0.1\n")
        front = self.start_haproxy(BEFORE, ingress=text_of(server.address("in")), how="send-proxy")
        self.assertEqual(peers.end_of(peers.connect(self, self.start_client(front))), "reset")
        server.wait_for("conn.closed", reason="proxy_header")
        self.assertGreaterEqual(server.metric("liftgate_closed_total", reason="proxy_header"), 1)
        self.assertEqual(app.accepted, 0)


if __name__ == "__main__":
    case.main()
