#!/usr/bin/python3
"""Which local users an egress serves: asked of the kernel, over IPv4, IPv6 and a unix socket.  Needs
root, to be somebody else.
"""
import os
import socket
import unittest

import case
import peers
from elsewhere import as_user
from world import World, egress, ingress, peer, text_of

APP, FOREIGN = 12345, 12346


@unittest.skipUnless(os.geteuid() == 0, "only root can be several users")
class Callers(case.Case):
    def setUp(self):
        super().setUp()
        self.folder.chmod(0o755)
        self.world = World(self)
        self.world.start_ca()
        self.server = self.world.sidecar("server", ingress(peers.echo(self).address, "client"), [peer("client")])

    def start_client(self, listen, extra):
        route = egress(self.server.address("in"), "server", extra=extra).replace("127.0.0.1:0", listen, 1)
        return self.world.sidecar("client", route, [peer("server")])

    def test_r33_a_listed_user_is_served_and_no_other(self):
        unix = f"unix:{self.folder}/out.sock"
        rows = {"v4": ("127.0.0.1:0", ""), "v6": ("[::1]:0", ""),
                "unix": (unix, "listen_mode = 0666\non_truncation = eof\n")}
        for name, (listen, extra) in rows.items():
            with self.subTest(name):
                client = self.start_client(listen, f"{extra}allow_uid = {APP}\n")
                where = client.wait_for("listener.ready", name="out")["addr"]
                self.assertEqual(as_user(APP, where), "hello")
                self.assertIn(as_user(FOREIGN, where), ("reset", "closed") if name == "unix" else ("reset",))
                self.assertIn(as_user(os.geteuid(), where), ("reset", "closed") if name == "unix" else ("reset",))
                self.until(lambda: client.metric("liftgate_closed_total", reason="caller_denied") == 2, "two refused callers")
                client.wait_for("conn.closed", reason="caller_denied", caller_uid=str(FOREIGN))
                client.wait_for("conn.closed", reason="clean", caller_uid=str(APP))
                self.assertEqual(client.find("egress.unrestricted"), [])
                client.stop()

    def test_a_route_without_users_is_told_of(self):
        client = self.start_client("127.0.0.1:0", "")
        client.wait_for("egress.unrestricted", name="out")
        self.assertEqual(client.metric("liftgate_egress_unrestricted"), 1)

    def test_a_connection_that_leads_back_to_its_listener_is_reset(self):
        """As a false DNS answer could have it: one connection would become as many as there may be."""
        with socket.socket() as place:
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            place.bind(("127.0.0.1", 0))  # never listened on: it keeps the port for us
            listen = text_of(place.getsockname())
            route = egress(("localhost", place.getsockname()[1]), "server").replace("127.0.0.1:0", listen, 1)
            client = self.world.sidecar("client", route, [peer("server")])
            self.assertEqual(peers.end_of(peers.connect(self, place.getsockname())), "reset")
            client.wait_for("conn.closed", reason="loop_refused")
            self.assertEqual(client.metric("liftgate_connections_total"), 1)


if __name__ == "__main__":
    case.main()
