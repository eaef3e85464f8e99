#!/usr/bin/python3
"""Time: connections end at their peer's notAfter and not before, an authority that is away is survived
until the certificate expires, then nothing gets through, and everything heals by itself.
"""
import datetime
import time

import case
import peers
from world import DOMAIN, World, egress, ingress, peer


def instant(text):
    """Seconds since 1970 of a time as /identity writes it."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class ExpiryCase(case.Case):
    """A pair with short-lived certificates."""

    ttl = 10

    def setUp(self):
        super().setUp()
        self.world = World(self, ttl=self.ttl)
        self.world.start_ca()
        self.app = peers.echo(self)
        self.server = self.world.sidecar("server", ingress(self.app.address, "client"), [peer("client")])
        self.client = self.world.sidecar("client", egress(self.server.address("in"), "server"), [peer("server")], "ready_wait = 1s\n")
        self.address = self.client.address("out")

    def expiry(self):
        """When the first of the two present certificates ends."""
        return min(instant(side.identity()["not_after"]) for side in (self.server, self.client))


class Peers(ExpiryCase):
    def test_r16_a_held_connection_ends_with_its_peers_certificate(self):
        self.server.renew()
        self.client.renew()
        due = self.expiry()
        held = peers.connect(self, self.address)
        last = 0.0
        with self.assertRaises(OSError):
            while last < due + 5:
                peers.ask(held, b"tick")
                last = time.time()
        ended = time.time()
        self.assertGreaterEqual(ended, due - 0.2)
        self.assertLess(last, due + 1.5)
        self.assertLess(ended, due + 2.5)
        self.until(lambda: any(side.find("conn.closed", reason="peer_expired") for side in (self.server, self.client)),
                   "the reason in a log")
        # The identities have been renewed meanwhile, so the next connection works.
        self.assertEqual(peers.ask(peers.connect(self, self.address), b"again"), b"again")


class Kept(case.Case):
    def test_r16_an_insecure_section_keeps_peers_until_the_deny_list_names_them(self):
        world = World(self, ttl=6)
        world.start_ca()
        deny = self.folder / "deny"
        deny.write_text("# nobody\n")
        app = peers.echo(self)
        keep = "insecure_keep_expired_peers = yes\n"
        server = world.sidecar("server", ingress(app.address, "client") + keep, [peer("client")],
                               identity=f"deny_file = {deny}\n")
        client = world.sidecar("client", egress(server.address("in"), "server") + keep, [peer("server")])
        self.assertEqual(server.find("config.insecure", key="insecure_keep_expired_peers")[0]["section"], "ingress")
        held = peers.connect(self, client.address("out"))
        due = max(instant(side.identity()["not_after"]) for side in (server, client))
        while time.time() < due + 0.5:  # a tick more than it takes to cut
            self.assertEqual(peers.ask(held, b"tick"), b"tick")
        deny.write_text(f"spiffe spiffe://{DOMAIN}/sim/client\n")
        self.assertEqual(peers.end_of(held), "reset")
        self.until(lambda: server.find("conn.closed", reason="revoked"), "the reason in the log")


class AuthorityAway(ExpiryCase):
    ttl = 6

    def test_r43_an_authority_that_is_away_for_three_lifetimes(self):
        self.world.ca.kill()
        gone = time.time()
        self.server.wait_for("identity.failed")
        self.client.wait_for("identity.failed")
        due = self.expiry()
        served = 0
        while time.time() < due - 0.5:
            self.assertEqual(peers.ask(peers.connect(self, self.address), b"hello"), b"hello")
            self.assertEqual(self.server.get("/readyz")[0], 200)
            served += 1
        self.assertGreater(served, 0)

        self.assertEqual(self.server.wait_for("identity.expired").level, "error")
        self.client.wait_for("identity.expired")
        self.assertEqual(self.server.get("/readyz")[0], 503)
        self.assertEqual(self.server.get("/livez")[0], 200)
        self.assertLessEqual(self.server.metric("liftgate_identity_not_after_seconds"), time.time())
        accepted = self.app.accepted
        while time.time() < gone + 3 * self.ttl:
            self.assertEqual(peers.end_of(peers.connect(self, self.address)), "reset")
            self.assertIn(peers.tls_end(self, self.server.address("in"), peers.tls_context()),
                          ("ConnectionResetError", "TLSV1_ALERT_INTERNAL_ERROR", "UNEXPECTED_EOF_WHILE_READING"))
        self.assertEqual(self.app.accepted, accepted)
        self.assertGreater(self.server.metric("liftgate_handshake_failures_total", reason="identity_invalid"), 0)

        since = self.server.mark(), self.client.mark()
        self.world.start_ca()
        for side, mark in zip((self.server, self.client), since):
            self.until(lambda side=side, mark=mark: side.find("identity.renewed", since=mark) or side.find("identity.ready", since=mark),
                       "a new identity", seconds=60)
        self.assertEqual(self.server.get("/readyz")[0], 200)
        self.assertEqual(peers.ask(peers.connect(self, self.address), b"healed"), b"healed")


if __name__ == "__main__":
    case.main()
