#!/usr/bin/python3
"""What the authority does with those who come too often, and with everybody else meanwhile."""
import base64
import select
import signal
import socket
import ssl

from cryptography.hazmat.primitives.asymmetric import ec

import case
import est_client as est
from world import World, ingress, peer

TRIES_MAX = 20  # a slow machine may earn a token meanwhile, but not each time
BURST = 3
CONNECTIONS_MAX = 256  # as in ca/server.c


def limits(**rates):
    """A section [limits] in which nothing but these has a limit."""
    rates = {"nonce_per_second": 0, "enrol_per_second": 0, "chip_per_minute": 0, "key_per_minute": 0, **rates}
    return "[limits]\n" + "".join(f"{key} = {value}\n" for key, value in rates.items())


class Limits(case.Case):
    def begin(self, **rates):
        self.world = World(self)
        self.world.ca_limits = limits(**rates)
        self.ca = self.world.start_ca()
        self.authority = self.world.authority()

    def elsewhere(self):
        """A connection from another address."""
        authority = est.Authority(self.world.ca_url, self.world.ca_root, source="127.0.0.2")
        self.addCleanup(authority.close)
        return authority

    def enrol(self, authority, name="server", key=None):
        """One enrolment; (status, headers, body)."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        nonce, cookie = authority.nonce()
        report = self.world.collect(name, est.anchor(nonce, est.spki(key)))
        return self.post(authority, est.csr(key, est.attestation(report)), cookie)

    def post(self, authority, request, cookie="", path="/simpleenroll"):
        return authority.request("POST", path, base64.b64encode(request),
                                 {"Content-Type": "application/pkcs10", "Cookie": cookie})

    def until_limited(self, attempt):
        """Answers before the first 429, and that one."""
        before = []
        for _ in range(TRIES_MAX):
            answer = attempt()
            if answer[0] == 429:
                return before, answer
            before.append(answer)
        return self.fail(f"{TRIES_MAX} attempts, and none was too many")

    def test_nonces_by_address(self):
        self.begin(nonce_per_second=1, nonce_burst=BURST)
        before, (_, headers, body) = self.until_limited(lambda: self.authority.request("GET", "/nonce"))
        self.assertGreaterEqual(len(before), BURST)
        self.assertEqual({status for status, _, _ in before}, {200})
        self.assertEqual((headers["Retry-After"], body), ("1", b""))
        self.assertEqual(self.elsewhere().request("GET", "/nonce")[0], 200)
        self.assertEqual(self.authority.request("GET", "/cacerts")[0], 200)
        with self.subTest("one_line_a_minute_and_every_refusal_counted"):
            self.until_limited(lambda: self.authority.request("POST", "/nonce"))
            self.ca.wait_for("limit.reached")
            event, = self.ca.find("limit.reached")
            self.assertEqual((event["limit"], event["num"]), ("nonce", "1"))
            self.assertTrue(event["peer"].startswith("127.0.0.1:"))
            self.assertGreaterEqual(self.ca.metric("liftgate_ca_limited_total", limit="nonce"), 2)
            self.assertEqual(self.ca.metric("liftgate_ca_limited_total", limit="enrolment"), 0)
            self.assertEqual(self.ca.metric("liftgate_ca_limits_off"), 3)

    def test_enrolments_and_renewals_by_address(self):
        self.begin(enrol_per_second=1, enrol_burst=BURST)
        before, (_, headers, body) = self.until_limited(lambda: self.post(self.authority, b"hello"))
        self.assertGreaterEqual(len(before), BURST)
        self.assertNotIn(200, {status for status, _, _ in before})
        self.assertEqual(headers["Retry-After"], "1")
        event = self.ca.wait_for("limit.reached", limit="enrolment")
        self.assertEqual(body.decode(), f"code=rate-limited id={event['id']}\n")
        self.until_limited(lambda: self.post(self.authority, b"hello", path="/simplereenroll"))
        self.assertEqual(self.enrol(self.elsewhere())[0], 200)
        self.assertGreaterEqual(self.ca.metric("liftgate_ca_refused_total", code="rate-limited"), 2)

    def test_one_limit_does_not_hide_another_in_the_log(self):
        self.begin(nonce_per_second=1, nonce_burst=BURST, enrol_per_second=1, enrol_burst=BURST)
        self.until_limited(lambda: self.authority.request("GET", "/nonce"))
        self.ca.wait_for("limit.reached", limit="nonce", num="1")
        self.until_limited(lambda: self.post(self.authority, b"hello"))
        self.ca.wait_for("limit.reached", limit="enrolment", num="1")

    def test_who_holds_all_connections_gives_way(self):
        self.begin()
        context = ssl.create_default_context(cafile=self.world.ca_root)
        host, port = self.ca.address("server")
        held = []
        for _ in range(CONNECTIONS_MAX):
            stranger = socket.create_connection((host, port))
            stranger.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            held.append(context.wrap_socket(stranger, server_hostname=host))
            self.addCleanup(held[-1].close)
            held[-1].sendall(b"G")  # and no more of it
        for _ in range(2):  # turns of the loop after which it has read all of them
            self.assertEqual(self.ca.metric("liftgate_ca_connections_open"), CONNECTIONS_MAX)
        self.assertEqual(self.nonce_in_the_end(), 200)
        with self.subTest("before_a_request_took_too_long"):
            ended = select.select(held, [], [], 0)[0]
            self.assertEqual({each.recv(1) for each in ended}, {b""})

    def nonce_in_the_end(self):
        """Asks from another address until it is let in."""
        while True:
            try:
                return self.elsewhere().request("GET", "/nonce")[0]
            except OSError:
                pass

    def test_guests_on_one_processor(self):
        self.begin(chip_per_minute=1, chip_burst=2)
        before, (_, headers, body) = self.until_limited(lambda: self.enrol(self.authority))
        self.assertGreaterEqual(len(before), 2)
        self.assertEqual({status for status, _, _ in before}, {200})
        self.assertIn(int(headers["Retry-After"]), range(1, 61))
        event = self.ca.wait_for("limit.reached", limit="chip")
        self.assertRegex(event["who"], "^[0-9a-f]{128}$")
        self.assertEqual(body.decode(), f"code=rate-limited id={event['id']}\n")
        self.assertEqual(self.enrol(self.elsewhere())[0], 429)  # wherever it asks from
        self.assertEqual(self.enrol(self.authority, "client")[0], 200)

    def test_one_key(self):
        self.begin(key_per_minute=1, key_burst=2)
        key = ec.generate_private_key(ec.SECP256R1())
        before, (_, headers, _) = self.until_limited(lambda: self.enrol(self.authority, key=key))
        self.assertEqual([status for status, _, _ in before][:2], [200, 409])
        self.assertIn(int(headers["Retry-After"]), range(1, 61))
        self.assertEqual(self.enrol(self.authority)[0], 200)

    def test_the_defaults_let_a_few_sidecars_start(self):
        self.begin()
        self.world.ca_limits = ""
        self.ca.stop()
        self.ca = self.world.start_ca()
        self.assertEqual(self.ca.find("limit.off"), [])
        authority = self.world.authority()
        for _ in range(10):
            self.assertEqual(self.enrol(authority)[0], 200)

    def test_a_sidecar_waits_as_long_as_it_is_told(self):
        self.begin(nonce_per_second=1, nonce_burst=1)
        sidecar = self.world.sidecar("server", ingress(("127.0.0.1", 9), "client"), [peer("client")], ready=False)
        while not sidecar.find("identity.failed"):
            self.authority.request("GET", "/nonce")  # there are none left for it
            if sidecar.find("proxy.ready"):  # but there was
                sidecar.signal(signal.SIGUSR1)
        failed = sidecar.wait_for("identity.failed")
        self.assertEqual(failed["code"], "rate-limited")
        self.assertIn(int(failed["retry_ms"]), range(1000, 2001))
        sidecar.wait_for("proxy.ready")


if __name__ == "__main__":
    case.main()
