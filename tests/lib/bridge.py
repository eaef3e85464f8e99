"""Bridge: a pair of sidecars in front of a server, with the limits of a deployment: what a client of that
server connects to instead.
"""
from world import World, egress, ingress, peer


class Bridge:
    """`entry` leads through both sidecars to `address`."""

    def __init__(self, case, address):
        self.case = case
        self.world = World(case)
        self.world.start_ca()
        self.server = self.world.sidecar("server", ingress(address, "client"), [peer("client")])
        self.client = self.world.sidecar("client", egress(self.server.address("in"), "server"), [peer("server")])
        self.entry = self.client.address("out")
        self.port = self.entry[1]
        self.url = f"http://{self.entry[0]}:{self.port}"

    def clean(self, at_least=1):
        """Everything that passed was passed on as it was: connections, and each of them closed cleanly."""
        for side in (self.server, self.client):
            self.case.until(lambda side=side: side.metric("liftgate_connections_open") == 0, "no open connection")
            self.case.assertGreaterEqual(side.metric("liftgate_closed_total", reason="clean"), at_least)
            self.case.assertEqual(side.metric("liftgate_truncated_total"), 0)
            for reason in ("alert_sent", "alert_received", "limit", "write_stall_timeout"):
                self.case.assertEqual(side.metric("liftgate_closed_total", reason=reason), 0, reason)
