#!/usr/bin/python3
"""The bench's own judgement: which relays it refuses to measure, and when it says that a target is met."""
import ssl
import sys
import unittest.mock

import case
import peers

sys.path.insert(0, str(case.TOP / "bench/peers"))
# pylint: disable=wrong-import-position
import certificates
import proof
import relay
import rows
import traffic
import verdict

PEERS = ("haproxy", "nginx")


def answer_to(connection):
    """What liftgate-bench serve does with one request."""
    asked = b""
    while len(asked) < len(proof.ASKED):
        more = connection.recv(len(proof.ASKED) - len(asked))
        if not more:
            return
        asked += more
    connection.sendall(proof.ANSWER)
    connection.recv(1)


class Loose:
    """A relay and application in one, as lax as its context."""

    name = "loose"

    def __init__(self, test, folder, require, authority, newest=ssl.TLSVersion.TLSv1_3):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        context.verify_mode = require
        for name in authority:
            context.load_verify_locations(folder / name)
        context.minimum_version = newest

        def serve(connection):
            try:
                with context.wrap_socket(connection, server_side=True) as stream:
                    answer_to(stream)
            except ssl.SSLError:
                pass  # it was refused

        self.address = peers.Server(test, serve).address
        self.port = self.address[1]


class Proof(case.Case):
    def setUp(self):
        super().setUp()
        certificates.write(self.folder)

    def test_a_relay_that_lets_strangers_in_is_not_measured(self):
        strict, old = ssl.CERT_REQUIRED, ssl.TLSVersion.TLSv1_2
        for name, settings, said in (
                ("none_required", (ssl.CERT_NONE, ["ca.pem"]), "a client with no certificate"),
                ("optional", (ssl.CERT_OPTIONAL, ["ca.pem"]), "a client with no certificate"),
                ("another_authority", (strict, ["ca.pem", "impostor.pem"]), "a certificate of another authority"),
                ("old_protocol", (strict, ["ca.pem"], old), "speaks TLS 1.2")):
            with self.subTest(name), self.assertRaisesRegex(RuntimeError, said):
                proof.check(Loose(self, self.folder, *settings), self.folder)

    def test_a_relay_that_prefers_another_cipher_is_not_measured(self):
        with unittest.mock.patch.object(proof, "CIPHER", "TLS_AES_128_GCM_SHA256"):
            with self.assertRaisesRegex(RuntimeError, "speaks TLS_AES_256_GCM_SHA384"):
                proof.check(Loose(self, self.folder, ssl.CERT_REQUIRED, ["ca.pem"]), self.folder)

    def test_tickets_are_counted(self):
        self.assertEqual(proof.tickets(Loose(self, self.folder, ssl.CERT_REQUIRED, ["ca.pem"]), self.folder), 2)

    def test_the_floor_is_sound(self):
        app = peers.Server(self, answer_to)
        floor = relay.Relay("floor", self.folder, "{}:{}".format(*app.address), case.build_folder() / "bin")
        self.addCleanup(floor.stop)
        floor.await_listener()
        proof.check(floor, self.folder)
        self.assertEqual(proof.tickets(floor, self.folder), 0)

    def test_each_template_has_all_its_places_filled(self):
        for kind in relay.KINDS:
            for app in ("127.0.0.1:7000", "unix:/run/app.sock"):
                with self.subTest(f"{kind}_{app}"):
                    config, command = relay.write_config(kind, kind, self.folder, app, "bin", 7001)
                    self.assertNotIn("$", config + " ".join(command))


class Verdict(case.Case):
    def judge(self, against, most, **values):
        samples = verdict.Samples()
        for name, numbers in values.items():
            for number in numbers:
                samples.add("row", name.replace("_", "-"), number)
        return verdict.judge(rows.Target("row", against, most), samples, PEERS)

    def test_a_target_is_met_against_the_best_peer_only(self):
        for name, against, most, values, expected in (
                ("met", "peers", 0.5, {"liftgate": [5], "haproxy": [20], "nginx": [10]}, verdict.PASS),
                ("short_of_the_best", "peers", 0.5, {"liftgate": [6], "haproxy": [20], "nginx": [10]}, verdict.SHORT),
                ("tickets_are_apart", "peers", 0.5, {"liftgate": [6], "haproxy": [12], "haproxy_no_tickets": [7]}, verdict.PASS),
                ("plain_is_apart", "plain peers", 0.5, {"liftgate": [6], "haproxy": [12], "haproxy_no_tickets": [7]}, verdict.SHORT),
                ("medians", "peers", 0.5, {"liftgate": [5, 5, 99], "nginx": [10, 10, 1]}, verdict.PASS),
                ("floor", "floor", 1.1, {"liftgate": [12], "floor": [10], "nginx": [99]}, verdict.SHORT),
                ("limit", "limit", 700, {"liftgate": [700]}, verdict.PASS),
                ("over_the_limit", "limit", 700, {"liftgate": [701]}, verdict.SHORT),
                ("nobody_to_compare_with", "peers", 0.5, {"liftgate": [5]}, verdict.MISSING),
                ("not_measured", "peers", 0.5, {"nginx": [5]}, verdict.MISSING)):
            with self.subTest(name):
                self.assertEqual(self.judge(against, most, **values)[0], expected)

    def test_what_was_not_counted_is_left_out(self):
        metrics = {"cpu.nginx": {"values": [4, 6]}, "packets": {"values": [3, 3]}}
        results = {"targets": [{"name": "direct", "metrics": {"packets": {"values": [2, 2]}}},
                               {"name": "nginx", "metrics": metrics}]}
        for figure, expected in ((rows.Figure("row", "cpu.%"), {"nginx": [4, 6]}),
                                 (rows.Figure("row", "syscalls.%"), {}),
                                 (rows.Figure("row", "packets", 1, True), {"nginx": [1, 1]})):
            with self.subTest(figure.metric):
                self.assertEqual(traffic.figures(results, figure), expected)

    def test_a_row_may_be_compared_with_another(self):
        samples = verdict.Samples()
        for row, name, value in (("unix", "liftgate", 7), ("unix", "nginx", 8), ("tcp", "nginx", 10)):
            samples.add(row, name, value)
        self.assertEqual(verdict.judge(rows.Target("unix", "peers", 0.78, "tcp"), samples, PEERS)[0], verdict.PASS)
        self.assertEqual(verdict.judge(rows.Target("unix", "peers", 0.78), samples, PEERS)[0], verdict.SHORT)

    def test_the_spread_is_that_of_repetitions_side_by_side(self):
        self.assertEqual(self.judge("peers", 1.0, liftgate=[5, 20], nginx=[10, 20])[1],
                         "0.83 (0.50-1.00) of nginx, at most 1.00")


if __name__ == "__main__":
    case.main()
