#!/usr/bin/python3
"""Who is no longer let in, in numbers: a thousand connections of a peer that is denied."""
import os
import time

import case
import peers
from world import DOMAIN, World, egress, ingress, peer

COUNT = 1000
SLACK = 5  # times what the specification allows


class Live(case.Case):
    def test_r15_a_thousand_connections_of_a_denied_peer_are_cut_in_time(self):
        world = World(self)
        world.start_ca()
        ends = []
        app = peers.Server(self, lambda connection: ends.append(self.serve(connection)))
        deny = self.folder / "deny"
        deny.write_text("# nobody\n")
        server = world.sidecar("server", ingress(app.address, "client"), [peer("client")], identity=f"deny_file = {deny}\n")
        client = world.sidecar("client", egress(server.address("in"), "server"), [peer("server")])
        held = []
        for _ in range(COUNT):
            held.append(peers.connect(self, client.address("out")))
            self.assertEqual(peers.ask(held[-1], b"hello"), b"hello")
        (self.folder / "deny.new").write_text(f"spiffe spiffe://{DOMAIN}/sim/client\n")
        since = time.monotonic()
        os.replace(self.folder / "deny.new", deny)
        self.assertEqual([peers.end_of(connection) for connection in held], ["reset"] * COUNT)
        self.until(lambda: len(ends) == COUNT, "the application saw all end")
        took = time.monotonic() - since
        self.assertEqual(ends, ["reset"] * COUNT)
        self.assertEqual(server.metric("liftgate_closed_total", reason="revoked"), COUNT)
        self.assertLess(took, 2 * SLACK)

    @staticmethod
    def serve(connection):
        data = peers.end_of(connection)
        while isinstance(data, bytes):
            connection.sendall(data)
            data = peers.end_of(connection)
        return data


if __name__ == "__main__":
    case.main()
