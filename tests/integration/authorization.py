#!/usr/bin/python3
"""Who is let in: by what a rule asks for, in both directions, and under which trust anchors."""
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

import case
import leaves
import peers
from world import DOMAIN, MEASUREMENTS, Sidecar, World, egress, ingress, peer


class Anchors(case.Case):
    def test_r15_peers_are_cut_when_their_issuer_is_no_longer_trusted(self):
        world = World(self)
        world.start_ca()
        key, own, issuing = leaves.enrol(world, "server")
        chain, secret = leaves.write(self.folder, "own", key, own, issuing)
        bundle, _ = leaves.write(self.folder, "bundle", key, issuing)
        app = peers.echo(self)
        server = Sidecar(self, self.folder / "server.ini",
                         f"[identity]\ntrust_domain = {DOMAIN}\ncertificate = {chain}\nprivate_key = {secret}\n"
                         f"trust_bundle = {bundle}\n{ingress(app.address, 'client')}{peer('client')}"
                         "[admin]\nlisten = 127.0.0.1:0\n")
        server.wait_for("proxy.ready")
        client = world.sidecar("client", egress(server.address("in"), "server"), [peer("server")])
        held = peers.connect(self, client.address("out"))
        self.assertEqual(peers.ask(held, b"hello"), b"hello")
        stranger = leaves.leaf(leaves.Issuer(world, own=False), key, authority=True)
        leaves.write(self.folder, "bundle", key, issuing, stranger)
        server.wait_for("identity.renewed")
        self.assertEqual(peers.ask(held, b"still here"), b"still here")
        since = server.mark()
        leaves.write(self.folder, "bundle", key, stranger)
        self.assertEqual(peers.end_of(held), "reset")
        server.wait_for("conn.closed", since=since, reason="revoked")
        self.assertEqual(peers.end_of(peers.connect(self, client.address("out"))), "reset")


class Names(case.Case):
    def test_r14_a_dns_name_is_asked_for_besides_the_id(self):
        world = World(self)
        world.start_ca()
        app = peers.echo(self)
        rule = peer("client", tee=None, measurement=None, dns="api.prod.example")
        server = world.sidecar("server", ingress(app.address, "client"), [rule])
        key, issuer = ec.generate_private_key(ec.SECP256R1()), leaves.Issuer(world)
        for names, welcome in ((["other.example", "API.prod.example"], True), (["other.example"], False), ([], False)):
            with self.subTest(names):
                since = server.mark()
                own = leaves.leaf(issuer, key, names=[leaves.uri("sim/client"), *map(x509.DNSName, names)])
                context = peers.tls_context(*leaves.write(self.folder, "own", key, own, issuer.certificate))
                end = peers.tls_end(self, server.address("in"), context)
                if welcome:
                    self.assertEqual(end, b"hello")
                else:
                    self.assertRegex(end, "BAD_CERTIFICATE")
                    event = server.wait_for("conn.closed", since=since, reason="authz_denied")
                    self.assertTrue(event["detail"].endswith(": dns"), event)


class Expected(case.Case):
    def test_r29_a_server_in_another_state_or_on_the_deny_list_hears_nothing(self):
        world = World(self)
        world.start_ca()
        app = peers.echo(self)
        server = world.sidecar("server", ingress(app.address, "client"), [peer("client")])
        rows = {  # why a rule does not hold, and the rule
            "spiffe": {"spiffe": f"spiffe://{DOMAIN}/sim/intruder"},
            "dns": {"dns": "db.prod.example"},
            "tee": {"tee": "snp"},
            "measurement": {"measurement": MEASUREMENTS["intruder"]},
            "tcb": {"tcb_snp_min": "255"},
            "epoch": {"epoch_min": "4000000000"},
        }
        rules = [peer("server", **keys).replace("[peer server]", f"[peer {name}]") for name, keys in rows.items()]
        routes = "".join(egress(server.address("in"), name, name=name) for name in rows)
        client = world.sidecar("client", routes + egress(server.address("in"), "server"), [*rules, peer("server")])
        for name in rows:
            with self.subTest(name):
                since = client.mark()
                connection = peers.connect(self, client.address(name))
                self.assertEqual(peers.end_after(connection, b"a secret that must not leave"), "reset")
                event = client.wait_for("conn.closed", since=since, reason="authz_denied")
                self.assertTrue(event["detail"].endswith(f": {name}"), event)
        self.assertEqual(app.accepted, 0)
        self.assertEqual(peers.ask(peers.connect(self, client.address("out")), b"hello"), b"hello")
        with self.subTest("deny"):
            deny = self.folder / "deny"
            deny.write_text(f"spiffe spiffe://{DOMAIN}/sim/server\n")
            client = world.sidecar("client", egress(server.address("in"), "server"), [peer("server")],
                                   identity=f"deny_file = {deny}\n")
            connection = peers.connect(self, client.address("out"))
            self.assertEqual(peers.end_after(connection, b"a secret that must not leave"), "reset")
            event = client.wait_for("conn.closed", reason="authz_denied")
            self.assertTrue(event["detail"].endswith(": spiffe"), event)
            self.assertEqual(app.accepted, 1)


if __name__ == "__main__":
    case.main()
