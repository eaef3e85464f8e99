#!/usr/bin/python3
"""New settings for a running sidecar: taken whole or not at all, while connections keep what they have."""
import json
import signal
import socket

import case
import leaves
import peers
from world import DOMAIN, Sidecar, World, egress, ingress, peer, text_of


def app(self, name):
    """An application that puts its name before what it returns."""
    def serve(connection):
        while data := connection.recv(65536):
            connection.sendall(name + data)
        connection.close()
    return peers.Server(self, serve)


class Reload(case.Case):
    def setUp(self):
        super().setUp()
        self.world = World(self)
        self.world.start_ca()
        self.first, self.second = app(self, b"1"), app(self, b"2")
        self.routes = ingress(self.first.address, "client")
        self.server = self.world.sidecar("server", self.routes, [peer("client")])
        self.client = self.world.sidecar("client", egress(self.server.address("in"), "server"), [peer("server")],
                                         process=f"socket_path = {self.folder}\n")

    def load(self, sidecar, old, new, said="config.reloaded"):
        text = sidecar.config.read_text()
        self.assertIn(old, text)
        sidecar.config.write_text(text.replace(old, new))
        since = sidecar.mark()
        sidecar.signal(signal.SIGHUP)
        return sidecar.wait_for(said, since=since)

    def ask(self, connection, expected):
        connection.sendall(b"?")
        self.assertEqual(peers.receive(connection, 2), expected + b"?")
        return connection

    def connect(self, expected, name="out"):
        return self.ask(peers.connect(self, self.client.address(name)), expected)

    def test_r39_a_route_that_changes_serves_those_who_come_later(self):
        address = self.server.address("in")
        held = self.connect(b"1")
        self.load(self.server, text_of(self.first.address), text_of(self.second.address))
        self.ask(held, b"1")
        later = self.connect(b"2")  # at the same port
        self.assertEqual(len(self.server.find("listener.ready", name="in")), 1)
        self.load(self.server, "[limits]\n", "[limits]\nmax_connections = 2000\nidle_timeout = 7min\n")
        for connection, name in ((held, b"1"), (later, b"2"), (self.connect(b"2"), b"2")):
            self.ask(connection, name)
        before = len(self.server.find("listener.ready"))
        self.load(self.server, "listen = 127.0.0.1:0\nforward", "listen = localhost:0\nforward", said="config.refused")
        self.load(self.server, "listen = localhost:0\nforward", "listen = [::1]:0\nforward")
        self.assertEqual(len(self.server.find("listener.ready")), before + 1)
        with self.assertRaises(ConnectionRefusedError):
            peers.connect(self, address)
        self.ask(held, b"1")

    def test_r39_routes_come_and_go_by_themselves(self):
        held = self.connect(b"1")
        more = ingress(self.second.address, "client", name="more")
        self.load(self.server, self.routes, more + self.routes)
        self.load(self.client, "[egress out]", egress(self.server.address("more"), "server", name="second") + "[egress out]")
        other = self.connect(b"2", "second")
        self.ask(held, b"1")
        since = self.server.mark()
        self.load(self.server, more, "")
        self.assertEqual(peers.end_of(other), "reset")  # no rule admits its peer any more
        self.server.wait_for("conn.closed", since=since, listener="more", reason="revoked")
        with self.assertRaises(ConnectionRefusedError):
            peers.connect(self, self.server.address("more"))
        self.ask(held, b"1")
        self.connect(b"1")
        names = [listener["name"] for listener in self.status()["listeners"]]
        self.assertEqual(names, ["in"])

    def status(self):
        return json.loads(self.server.get("/identity")[1])

    def test_r39_what_cannot_be_opened_changes_nothing(self):
        held = self.connect(b"1")
        before = self.server.fds()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            more = "".join(ingress(self.second.address, "client", name=name) for name in ("one", "two", "taken"))
            before_taken, last = more.rsplit("127.0.0.1:0", 1)
            more = before_taken + text_of(taken.getsockname()) + last
            text = self.server.config.read_text()
            event = self.load(self.server, self.routes, more + self.routes.replace(
                text_of(self.first.address), text_of(self.second.address)), said="config.refused")
            self.assertIn("taken", event["error"])
        self.assertEqual(self.server.metric("liftgate_config_last_reload_successful"), 0)
        self.ask(held, b"1")
        self.connect(b"1").close()
        self.assertEqual(self.server.find("listener.ready", name="one"), [])
        self.until(lambda: self.server.fds() <= before, "nothing left open")
        self.server.config.write_text(text)
        self.server.signal(signal.SIGHUP)
        self.server.wait_for("config.reloaded")
        self.assertEqual(self.server.metric("liftgate_config_last_reload_successful"), 1)

    def test_r39_another_identity_is_asked_for_at_once(self):
        held = self.connect(b"1")
        machine, other = self.world.machine("server"), self.world.machine("intruder")
        self.load(self.server, f"service = server\nplatform = sim\ninsecure_sim = {machine}",
                  f"service = intruder\nplatform = sim\ninsecure_sim = {other}")
        self.server.wait_for("identity.renewed", spiffe=f"spiffe://{DOMAIN}/sim/intruder")
        self.ask(held, b"1")
        self.assertEqual(peers.end_of(peers.connect(self, self.client.address("out"))), "reset")  # who expects the server
        self.load(self.client, f"{peer('server')}", peer("intruder").replace("peer intruder", "peer server"))
        self.connect(b"1")

    def test_r39_an_identity_that_cannot_be_had_changes_nothing(self):
        held = self.connect(b"1")
        text = self.server.config.read_text()
        missing = self.folder / "missing"
        for old, new, why in (
                (f"ca_root = {self.world.ca_root}", f"ca_root = {missing}", f"[identity] ca_root: {missing}: No such file"),
                (f"insecure_sim = {self.world.machine('server')}", f"insecure_sim = {missing}", str(missing)),
                ("workers = ", "workers = 6", "] workers: a change needs a restart")):
            with self.subTest(new):
                self.server.config.write_text(text.replace(text_of(self.first.address), text_of(self.second.address)))
                event = self.load(self.server, old, new, said="config.refused")
                self.assertIn(why, event["error"])
                self.connect(b"1")
        self.assertRegex(event["error"], rf"{self.server.config}:\d+: \[process")
        self.ask(held, b"1")
        self.server.config.write_text(text)
        self.server.renew()

    def test_r39_other_certificate_files_are_taken_with_the_rest(self):
        key, own, issuing = leaves.enrol(self.world, "server")
        names = [[leaves.write(self.folder, name, key, own, issuing), leaves.write(self.folder, name + "-anchors", key, issuing)]
                 for name in ("one", "two")]
        files = [f"certificate = {chain}\nprivate_key = {secret}\ntrust_bundle = {anchors}\n"
                 for (chain, secret), (anchors, _) in names]
        server = Sidecar(self, self.folder / "files.ini", f"[identity]\ntrust_domain = {DOMAIN}\n{files[0]}{self.routes}"
                         f"{peer('client')}[admin]\nlisten = 127.0.0.1:0\n")
        server.wait_for("proxy.ready")
        self.load(self.client, text_of(self.server.address("in")), text_of(server.address("in")))
        held = self.connect(b"1")
        leaves.write(self.folder, "two", leaves.ec.generate_private_key(leaves.ec.SECP256R1()), own, issuing)
        text = server.config.read_text()
        server.config.write_text(text.replace(text_of(self.first.address), text_of(self.second.address)))
        event = self.load(server, files[0], files[1], said="config.refused")
        self.assertIn("private key", event["error"])
        self.connect(b"1")
        other, own, issuing = leaves.enrol(self.world, "server")
        leaves.write(self.folder, "two", other, own, issuing)
        server.signal(signal.SIGHUP)
        server.wait_for("config.reloaded")
        self.assertEqual(int(server.identity()["serial"], 16), own.serial_number)
        self.ask(held, b"1")
        self.connect(b"2")
        since = server.mark()
        leaves.write(self.folder, "two", other, own, issuing, issuing)  # what is watched now
        server.wait_for("identity.files_changed", since=since)

    def test_r39_the_admin_endpoint_moves_and_goes(self):
        held = self.connect(b"1")
        before = self.server.address("admin")
        since = self.server.mark()
        self.load(self.server, "[admin]\nlisten = 127.0.0.1:0", "[admin]\nlisten = [::1]:0")
        moved = self.server.wait_for("listener.ready", since=since, name="admin")["addr"]
        peers.connect(self, ("::1", int(moved.rsplit(":", 1)[1])))
        with self.assertRaises(ConnectionRefusedError):
            peers.connect(self, before)
        self.load(self.server, "[admin]\nlisten = [::1]:0\n", "")
        with self.assertRaises(ConnectionRefusedError):
            peers.connect(self, ("::1", int(moved.rsplit(":", 1)[1])))
        self.ask(held, b"1")

    def test_r39_unix_sockets_move_and_leave_no_file(self):
        path = self.folder / "out.sock"
        route = f"[egress local]\nlisten = unix:{path}\nconnect = {text_of(self.server.address('in'))}\nmode = tcp\n" \
                "expect = server\non_truncation = eof\n"
        self.load(self.client, "[egress out]", route + "[egress out]")
        with socket.socket(socket.AF_UNIX) as held:
            held.connect(str(path))
            self.ask(held, b"1")
            self.load(self.client, "[egress local]", "[egress renamed]")  # its old name is no more
            self.assertEqual(peers.end_of(held), "closed")
        with socket.socket(socket.AF_UNIX) as held:
            held.connect(str(path))
            self.ask(held, b"1")
            self.load(self.client, route.replace("local", "renamed"), "")
            self.until(lambda: not path.exists(), "the file removed")

    def test_r39_signals_that_come_together_are_one_reload(self):
        held = self.connect(b"1")
        for number in range(20):
            text = self.server.config.read_text()
            self.server.config.write_text(text + f"# {number}\n")
            self.server.signal(signal.SIGHUP)
        self.load(self.server, text_of(self.first.address), text_of(self.second.address))
        self.until(lambda: self.ask_new() == b"2", "the last settings in force")
        self.ask(held, b"1")

    def test_r41_a_second_program_beside_the_first_takes_over(self):
        held = self.connect(b"1")
        address = text_of(self.server.address("in"))
        self.assertEqual(self.server.find("listener.shared"), [])
        routes = ingress(self.second.address, "client").replace("127.0.0.1:0", address)
        self.world.ca.signal(signal.SIGSTOP)
        beside = self.world.sidecar("server", routes, [peer("client")], ready=False)
        beside.wait_for("listener.shared", name="in", addr=address)
        self.assertEqual(beside.address("in"), self.server.address("in"))
        for _ in range(20):  # it has no certificate yet
            self.connect(b"1").close()
        self.world.ca.signal(signal.SIGCONT)
        self.until(lambda: self.ask_new() == b"2", "a connection to the new one")
        self.ask(held, b"1")
        self.server.signal(signal.SIGTERM)
        held.close()
        self.assertEqual(self.server.wait(), 0)
        for _ in range(10):
            self.connect(b"2")

    def ask_new(self):
        """Who answers a new connection; somebody always does."""
        with peers.connect(self, self.client.address("out")) as connection:
            connection.sendall(b"?")
            answer = peers.receive(connection, 2)
            self.assertIn(answer, (b"1?", b"2?"))
            return answer[:1]


if __name__ == "__main__":
    case.main()
