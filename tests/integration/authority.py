#!/usr/bin/python3
"""The authority as a raw client sees it: who is enrolled, who is refused with which code, and what it
makes of requests that are not what the protocol says.
"""
import base64
import concurrent.futures
import json
import signal
import socket
import sqlite3
import ssl
import time

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

import case
import est_client as est
from process import run
from world import DOMAIN, MEASUREMENTS, World

SOCKET_TIMEOUT_S = 30
URI = f"spiffe://{DOMAIN}/sim/"


class AuthorityCase(case.Case):
    """One authority, and what a request is made of."""

    def setUp(self):
        super().setUp()
        self.world = World(self)
        self.ca = self.world.start_ca()
        self.authority = self.world.authority()
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.nonce, self.cookie = self.authority.nonce()

    def evidence(self, name="server", nonce=None, key=None):
        return self.world.collect(name, est.anchor(nonce or self.nonce, est.spki(key or self.key)))

    def refusal(self, request, cookie="own"):
        """(status, code) of a refusal, which the log must explain under the same id."""
        with self.assertRaises(est.Refused) as caught:
            self.authority.enrol(request, self.cookie if cookie == "own" else cookie)
        refused = caught.exception
        event = self.ca.wait_for("enrol.refused", id=refused.id)
        self.assertEqual(event["code"], refused.code)
        self.assertTrue(event["slug"])
        return refused.status, refused.code


class Enrolment(AuthorityCase):
    def test_a_known_machine_gets_its_identity(self):
        certificates = pkcs7.load_der_pkcs7_certificates(
            self.authority.enrol(est.csr(self.key, est.attestation(self.evidence())), self.cookie))
        self.assertEqual(len(certificates), 2)
        leaf = next(each for each in certificates if est.spki(each) == est.spki(self.key))
        issuing = next(each for each in certificates if each is not leaf)
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.UniformResourceIdentifier), [URI + "server"])
        event = self.ca.wait_for("enrol.issued")
        self.assertEqual(event["spiffe"], URI + "server")
        self.assertTrue(self.ca.wait_for("enrol.simulated"))

        (self.folder / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
        (self.folder / "issuing.pem").write_bytes(issuing.public_bytes(Encoding.PEM))
        for purpose in ("sslserver", "sslclient"):
            status, said, errors = run("openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile",
                                       self.world.ca_root, "-untrusted", self.folder / "issuing.pem", self.folder / "leaf.pem")
            self.assertEqual(status, 0, said + errors)
        status, said, errors = run(case.program("liftgate-attest"), "inspect", self.folder / "leaf.pem")
        self.assertEqual(status, 0, errors)
        self.assertIn(MEASUREMENTS["server"], said)

    def test_the_same_request_again_gets_the_same_certificate(self):
        request = est.csr(self.key, est.attestation(self.evidence()))
        first = self.authority.enrol(request, self.cookie)
        self.assertEqual(self.authority.enrol(request, self.cookie), first)

    def test_the_issuing_authority_is_published(self):
        status, headers, body = self.authority.request("GET", "/cacerts")
        self.assertEqual(status, 200)
        self.assertEqual(headers["Content-Type"], "application/pkcs7-mime; smime-type=certs-only")
        self.assertEqual(len(pkcs7.load_der_pkcs7_certificates(base64.b64decode(body, validate=True))), 2)

    def test_the_root_alone_makes_the_authority_trusted(self):
        other = World(OtherFolder(self))
        with self.assertRaises(ssl.SSLError):
            est.Authority(self.world.ca_url, other.ca_root).nonce()


class OtherFolder:
    """The test that owns it, with another folder."""

    def __init__(self, owner):
        self.folder = owner.folder / "other"
        self.folder.mkdir()
        self.assertEqual = owner.assertEqual


class Refusals(AuthorityCase):
    def test_evidence_that_does_not_hold(self):
        other = ec.generate_private_key(ec.SECP256R1())
        reserved = 0x4C  # within the report, must be zero
        rows = {
            "altered_measurement": (est.alter(self.evidence(), est.MEASUREMENT_OFFSET), "signature-invalid"),
            "altered_report_data": (est.alter(self.evidence(), 0x50), "signature-invalid"),
            "altered_signature": (est.alter(self.evidence(), 0x2A0), "signature-invalid"),
            "altered_reserved_byte": (est.alter(self.evidence(), reserved), "report-invalid"),
            "unknown_measurement": (self.evidence("unknown"), "reference-mismatch"),
            "another_key": (self.evidence(key=other), "binding-mismatch"),
            "another_nonce": (self.evidence(nonce=bytes(48)), "binding-mismatch"),
        }
        for name, (evidence, code) in rows.items():
            with self.subTest(name):
                self.assertEqual(self.refusal(est.csr(self.key, est.attestation(evidence))), (403, code))

    def test_another_workloads_identity(self):
        request = est.csr(self.key, est.attestation(self.evidence()), est.san_request(URI + "client"))
        self.assertEqual(self.refusal(request), (403, "identity-not-permitted"))

    def test_nonces_that_are_not_ours_or_used(self):
        request = est.csr(self.key, est.attestation(self.evidence()))
        name, value = self.cookie.split("=", 1)
        forged = "A" if value[-8] != "A" else "B"
        rows = {
            "none": None,
            "empty": f"{name}=",
            "forged": f"{name}={value[:-8]}{forged}{value[-7:]}",
            "cut": f"{name}={value[:-4]}",
            "other_name": f"estn={value}",
            "twice": f"{self.cookie}; {self.cookie}",
            "padding": f"{self.cookie}==",
        }
        for row, cookie in rows.items():
            with self.subTest(row):
                self.assertEqual(self.refusal(request, cookie), (403, "nonce-invalid"))
        self.authority.enrol(request, self.cookie)
        other = ec.generate_private_key(ec.SECP256R1())
        with self.subTest("used"):
            again = est.csr(other, est.attestation(self.evidence(key=other)))
            self.assertEqual(self.refusal(again), (409, "nonce-replayed"))
        with self.subTest("same_key"):
            self.nonce, self.cookie = self.authority.nonce()
            again = est.csr(self.key, est.attestation(self.evidence()))
            self.assertEqual(self.refusal(again), (409, "key-reused"))

    def test_requests_and_envelopes_that_are_not_strict(self):
        report = self.evidence()
        good = est.attestation(report)
        record = est.cmw(report)
        statement = est.sequence(est.OID_CMW, est.der(0x04, record))
        challenge = est.sequence(bytes.fromhex("06092a864886f70d010907"), est.der(0x31, est.der(0x0C, b"x")))
        unknown = est.sequence(bytes.fromhex("06032a0304"), est.der(0x31, est.der(0x0C, b"x")))

        def attribute(*values):
            return est.sequence(est.OID_ATTESTATION, est.der(0x31, *values))

        def bundle(*fields):
            return attribute(est.sequence(*fields))

        def tsm(text):
            return est.attestation(text)

        rows = {
            "no_evidence": ([], "csr-invalid"),
            "two_attributes": ([good, good], "envelope-invalid"),
            "two_values": ([attribute(est.sequence(est.sequence(statement)), est.sequence(est.sequence(statement)))],
                           "envelope-invalid"),
            "no_statement": ([bundle(est.sequence())], "envelope-invalid"),
            "two_statements": ([bundle(est.sequence(statement, statement))], "envelope-invalid"),
            "three_fields": ([bundle(est.sequence(est.sequence(est.OID_CMW, est.der(0x04, record), est.der(0x05))))],
                             "envelope-invalid"),
            "json_arm": ([bundle(est.sequence(est.sequence(est.OID_CMW, est.der(0x0C, b"[]"))))], "envelope-invalid"),
            "tagged_certificate": ([bundle(est.sequence(statement), est.sequence(est.der(0xA0, b"")))], "envelope-invalid"),
            "other_record": ([attribute(est.sequence(est.sequence(est.sequence(
                est.OID_CMW, est.der(0x04, est.cmw(report, b"application/eat-ucs+cbor"))))))], "platform-unsupported"),
            "record_with_a_tail": ([bundle(est.sequence(est.sequence(est.OID_CMW, est.der(0x04, record + b"\0"))))],
                                   "envelope-invalid"),
            "map_with_a_tail": ([tsm(report + b"\0")], "envelope-invalid"),
            "map_of_unknown_length": ([tsm(b"\xbf" + report[1:] + b"\xff")], "envelope-invalid"),
            "huge_array": ([tsm(b"\x9a\x10\x00\x00\x00")], "envelope-invalid"),
            "no_map": ([tsm(b"\x00")], "envelope-invalid"),
            "unknown_attribute": ([good, unknown], "csr-invalid"),
        }
        for name, (attributes, code) in rows.items():
            with self.subTest(name):
                status = 403 if code == "platform-unsupported" else 400
                self.assertEqual(self.refusal(est.csr(self.key, *attributes)), (status, code))
        request = est.csr(self.key, good)
        rows = {
            "version_1": est.csr(self.key, good, version=1),
            "a_tail": request + b"\0",
            "cut": request[:-1],
            "indefinite_length": b"\x30\x80" + request[4:] + b"\0\0",
            "wrong_signature": request[:-1] + bytes([request[-1] ^ 1]),
            "nothing": b"",
            "not_der": b"hello",
        }
        for name, bad in rows.items():
            with self.subTest(name):
                self.assertEqual(self.refusal(bad), (400, "csr-invalid"))
        with self.subTest("challenge_password_is_ignored"):
            self.authority.enrol(est.csr(self.key, good, challenge), self.cookie)

    def test_keys_of_other_kinds(self):
        rows = {
            "rsa": rsa.generate_private_key(65537, 2048),
            "p521": ec.generate_private_key(ec.SECP521R1()),
            "k1": ec.generate_private_key(ec.SECP256K1()),
            "ed25519": ed25519.Ed25519PrivateKey.generate(),
        }
        for name, key in rows.items():
            with self.subTest(name):
                # The key is judged before the signature, which is therefore none.
                request = est.sequence(est.request_info(est.spki(key), est.attestation(self.evidence(key=key))),
                                       est.sequence(est.OID_ECDSA_SHA256), est.der(0x03, b"\0\x30\x06\x02\x01\x01\x02\x01\x01"))
                self.assertEqual(self.refusal(request), (403, "key-not-allowed"))

    def test_a_store_that_cannot_be_written(self):
        request = est.csr(self.key, est.attestation(self.evidence()))
        other = sqlite3.connect(self.folder / "ca/ca.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        self.assertEqual(self.refusal(request), (503, "unavailable"))
        other.execute("ROLLBACK")
        other.close()
        self.authority.enrol(request, self.cookie)


class Http(AuthorityCase):
    """Raw bytes over TLS, as no HTTP library would send them."""

    def exchange(self, data, more=b""):
        """Status line and body of the answer; b"" if there is none."""
        context = ssl.create_default_context(cafile=self.world.ca_root)
        host, port = self.world.ca_listen.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=SOCKET_TIMEOUT_S) as plain:
            with context.wrap_socket(plain, server_hostname=host) as connection:
                connection.sendall(data)
                answer = b""
                try:
                    if more:
                        connection.sendall(more)
                    while b"\r\n\r\n" not in answer or len(answer.split(b"\r\n\r\n", 1)[1]) < length_of(answer):
                        chunk = connection.recv(65536)
                        if not chunk:
                            break
                        answer += chunk
                except OSError:
                    pass
                return answer

    def post(self, body, *fields, path="/simpleenroll", length=True, method="POST", kind="application/pkcs10"):
        lines = [f"{method} {est.EST}{path} HTTP/1.1", "Host: ca", f"Cookie: {self.cookie}", *fields]
        if kind:
            lines.append(f"Content-Type: {kind}")
        if length:
            lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    def test_requests_outside_the_limits(self):
        text = base64.b64encode(est.csr(self.key, est.attestation(self.evidence())))
        get = f"GET {est.EST}/nonce HTTP/1.1\r\n".encode()
        rows = {
            "body_too_long": (self.post(b"A" * 65537), 413),
            "body_said_too_long": (self.post(b"", "Content-Length: 999999999999", length=False), 413),
            "length_overflows": (self.post(b"", "Content-Length: 99999999999999999999999", length=False), 400),
            "length_negative": (self.post(b"", "Content-Length: -1", length=False), 400),
            "two_lengths": (self.post(text, "Content-Length: 1"), 400),
            "length_and_chunked": (self.post(b"0\r\n\r\n", "Transfer-Encoding: chunked"), 400),
            "other_encoding": (self.post(b"", "Transfer-Encoding: gzip", length=False), 400),
            "connect": (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405),
            "unknown_method": (b"BREW / HTTP/1.1\r\nHost: ca\r\n\r\n", 501),
            "head_too_long": (get + b"Host: ca\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431),
            "line_too_long": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: ca\r\n\r\n", 414),
            "no_host": (get + b"\r\n", 400),
            "two_hosts": (get + b"Host: a\r\nHost: b\r\n\r\n", 400),
            "folded_field": (get + b"Host: ca\r\nX: a\r\n b\r\n\r\n", 400),
            "space_before_colon": (get + b"Host : ca\r\n\r\n", 400),
            "bare_lf": (b"GET " + est.EST.encode() + b"/nonce HTTP/1.1\nHost: ca\n\n", 400),
            "http_2": (b"GET / HTTP/2.0\r\nHost: ca\r\n\r\n", 505),
            "not_http": (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
            "wrong_type": (self.post(text, kind="text/plain"), 415),
            "no_type": (self.post(text, kind=None), 415),
            "wrong_method": (self.post(b"", method="GET", kind=None), 405),
            "delete": (self.post(b"", method="DELETE", path="/nonce", kind=None), 405),
            "unknown_path": (self.post(text, path="/fullcmc"), 404),
            "renewal_by_a_stranger": (self.post(text, path="/simplereenroll"), 403),
            "path_with_a_tail": (self.post(text, path="/simpleenroll/"), 404),
            "bad_base64": (self.post(b"*" + text), 400),
            "base64_with_nul": (self.post(text[:40] + b"\0" + text[40:]), 400),
        }
        for name, (data, status) in rows.items():
            with self.subTest(name):
                answer = self.exchange(data)
                self.assertEqual(status_of(answer), status, answer[:400])

    def test_base64_in_every_form_that_clients_send(self):
        rows = {
            "unwrapped": lambda text: text,
            "wrapped": lambda text: b"\n".join(text[at:at + 64] for at in range(0, len(text), 64)) + b"\n",
            "crlf": lambda text: b"\r\n".join(text[at:at + 76] for at in range(0, len(text), 76)) + b"\r\n",
            "unpadded": lambda text: text.rstrip(b"="),
            "blanks": lambda text: b" \t" + text + b" ",
        }
        for name, form in rows.items():
            with self.subTest(name):
                self.nonce, self.cookie = self.authority.nonce()
                self.key = ec.generate_private_key(ec.SECP256R1())
                text = base64.b64encode(est.csr(self.key, est.attestation(self.evidence())))
                answer = self.exchange(self.post(form(text), "Content-Transfer-Encoding: base64"))
                self.assertEqual(status_of(answer), 200, answer[:400])
                self.assertNotIn(b"\n", answer.split(b"\r\n\r\n", 1)[1])
        with self.subTest("chunked"):
            self.nonce, self.cookie = self.authority.nonce()
            self.key = ec.generate_private_key(ec.SECP256R1())
            text = base64.b64encode(est.csr(self.key, est.attestation(self.evidence())))
            chunks = b"".join(b"%x\r\n%s\r\n" % (len(text[at:at + 500]), text[at:at + 500]) for at in range(0, len(text), 500))
            answer = self.exchange(self.post(chunks + b"0\r\n\r\n", "Transfer-Encoding: chunked", length=False))
            self.assertEqual(status_of(answer), 200, answer[:400])
        with self.subTest("for_libest_wrapped"):
            self.nonce, self.cookie = self.authority.nonce()
            self.key = ec.generate_private_key(ec.SECP256R1())
            text = base64.b64encode(est.csr(self.key, est.attestation(self.evidence())))
            answer = self.exchange(self.post(text, "User-Agent: libest 1.0"))
            body = answer.split(b"\r\n\r\n", 1)[1]
            self.assertEqual(max(len(line) for line in body.splitlines()), 64)

    def test_the_answers_head_is_short_enough_for_small_clients(self):
        answer = self.exchange(f"GET {est.EST}/nonce HTTP/1.1\r\nHost: ca\r\n\r\n".encode())
        head = answer.split(b"\r\n\r\n", 1)[0]
        self.assertLessEqual(len(head) + 4, 900)
        self.assertIn(b"Content-Length: ", head)
        self.assertIn(b"Date: ", head)
        self.assertNotIn(b"chunked", head.lower())

    def test_nonces_of_each_length(self):
        kind = "application/est-attestation-freshness+json"
        rows = {"32": 200, "48": 200, "64": 200, "8": 503, "33": 503, "7": 400, "65": 400, "-1": 400, '"48"': 400, "48.5": 400}
        for length, status in rows.items():
            with self.subTest(length):
                answer = self.exchange(self.post(b'{"len": %s}' % length.encode(), path="/nonce", kind=kind))
                self.assertEqual(status_of(answer), status)
                body = answer.split(b"\r\n\r\n", 1)[1]
                if status == 200:
                    self.assertEqual(len(est.unpadded(json.loads(body)["nonce"])), int(length))
                else:
                    self.assertEqual(body, b"")
        for name, body in {"no_json": b"len=48", "an_array": b"[48]", "twice": b'{"len": 32, "len": 64}'}.items():
            with self.subTest(name):
                self.assertEqual(status_of(self.exchange(self.post(body, path="/nonce", kind=kind))), 400)

    def test_a_slow_sender_is_refused(self):
        rows = {
            "head": f"GET {est.EST}/nonce HTTP/1.1\r\nHo".encode(),
            "body": self.post(b"AAAA", "Content-Length: 100", length=False),
        }
        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            answers = dict(zip(rows, pool.map(self.exchange, rows.values())))
        took = time.monotonic() - begun
        for name, answer in answers.items():
            with self.subTest(name):
                self.assertEqual(status_of(answer), 408)
                self.assertGreater(took, 9)
                self.assertLess(took, SOCKET_TIMEOUT_S - 1)

    def test_an_older_tls_is_refused(self):
        context = ssl.create_default_context(cafile=self.world.ca_root)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        host, port = self.world.ca_listen.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=SOCKET_TIMEOUT_S) as plain:
            with self.assertRaises(ssl.SSLError):
                context.wrap_socket(plain, server_hostname=host)


class Operation(AuthorityCase):
    """What an operator sees of it, and what survives its end."""

    def test_health_and_counters(self):
        for path, status in {"/livez": 200, "/readyz": 200, "/nosuch": 404, "/livez/": 404}.items():
            with self.subTest(path):
                self.assertEqual(self.ca.get(path)[0], status)
        self.assertEqual(self.ca.metric("liftgate_ca_sim_enabled"), 1)
        self.authority.enrol(est.csr(self.key, est.attestation(self.evidence())), self.cookie)
        self.refusal(b"hello")
        self.assertEqual(self.ca.metric("liftgate_ca_issued_total", workload="server"), 1)
        self.assertEqual(self.ca.metric("liftgate_ca_refused_total", code="csr-invalid"), 1)
        self.assertEqual(self.ca.metric("liftgate_ca_nonces_total", result="issued"), 1)

    def test_the_simulated_platform_is_announced_loudly(self):
        event = self.ca.wait_for("policy.simulated_platform_trusted")
        self.assertEqual(event.level, "warn")
        self.assertRegex(event["sha256"], "^[0-9a-f]{64}$")

    def test_what_was_issued_is_remembered_over_a_crash(self):
        request = est.csr(self.key, est.attestation(self.evidence()))
        first = self.authority.enrol(request, self.cookie)
        self.ca.kill()
        self.ca = self.world.start_ca()
        self.authority = self.world.authority()
        self.assertEqual(self.authority.enrol(request, self.cookie), first)
        other = ec.generate_private_key(ec.SECP256R1())
        again = est.csr(other, est.attestation(self.evidence(key=other)))
        self.assertEqual(self.refusal(again), (409, "nonce-replayed"))

    def test_a_clock_behind_what_was_issued_stops_it(self):
        self.authority.enrol(est.csr(self.key, est.attestation(self.evidence())), self.cookie)
        self.ca.stop()
        store = sqlite3.connect(self.folder / "ca/ca.db")
        store.execute("UPDATE issued SET issued_ms = issued_ms + 3600000")
        store.commit()
        store.close()
        status, _, errors = run(case.program("liftgate-ca"), "serve", "-c", self.world.write_ca_settings())
        self.assertNotEqual(status, 0)
        self.assertIn("clock", errors)

    def test_who_wants_a_reload_is_told_of_a_restart(self):
        self.ca.signal(signal.SIGHUP)
        self.assertEqual(self.ca.wait_for("server.not_reloaded")["instead"], "restart")
        self.assertEqual(self.ca.get("/readyz")[0], 200)

    def test_it_ends_when_told_to(self):
        self.ca.signal(signal.SIGTERM)
        self.assertEqual(self.ca.wait(), 0)


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None


def length_of(answer):
    for line in answer.split(b"\r\n\r\n", 1)[0].split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


if __name__ == "__main__":
    case.main()
