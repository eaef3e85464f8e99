#!/usr/bin/python3
"""Renewal under load: certificates change on both sides while redis-benchmark runs, and no request is
lost.  The minute-long run, with memory, is renewal_long.py.  And what the CA asks of one: the same
instance of the guest.
"""
import datetime
import re
import secrets
import signal
import sqlite3

import case
import est_client as est
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from load import RedisPair
from world import World, ingress, peer


class Renewal(case.Case):
    def test_no_request_is_lost_while_both_sides_renew(self):
        pair = RedisPair(self)
        pair.benchmark(2)
        pair.until_idle()
        before, serials = [side.fds() for side in pair.sides()], pair.serials()
        self.assertGreaterEqual(pair.benchmark(8), 3)
        pair.until_idle()
        pair.until_descriptors(before)
        for old, new in zip(serials, pair.serials()):
            self.assertNotEqual(old, new)
        for side in pair.sides():
            self.assertEqual(side.find("identity.failed"), [])
            self.assertGreaterEqual(len(side.find("identity.renewed")), 3)


class Instance(case.Case):
    """A sidecar with an identity, and the machine it runs on."""

    def setUp(self):
        super().setUp()
        self.world = World(self)
        self.ca = self.world.start_ca()
        self.sidecar = self.world.sidecar("server", ingress(("127.0.0.1", 9), "client"), [peer("client")])
        self.machine = self.world.machine("server") / "machine.ini"

    def become_another(self):
        """As a copy of the guest on the same machine would be: all is the same but REPORT_ID."""
        text = self.machine.read_text()
        self.machine.write_text(re.sub("report_id = .*", f"report_id = {secrets.token_hex(32)}", text))
        return text

    def renew(self, outcome):
        since = self.sidecar.mark()
        self.sidecar.signal(signal.SIGUSR1)
        return self.sidecar.wait_for(outcome, since=since)

    def issued(self):
        return self.ca.metric("liftgate_ca_issued_total", workload="server")

    def test_a_renewal_is_for_the_instance_that_was_enrolled(self):
        serial = self.sidecar.identity()["serial"]
        self.renew("identity.renewed")
        self.assertNotEqual(self.sidecar.identity()["serial"], serial)
        before = self.become_another()
        since, serial = self.ca.mark(), self.sidecar.identity()["serial"]
        self.assertEqual(self.renew("identity.failed")["code"], "reference-mismatch")
        refused = self.ca.wait_for("enrol.refused", since=since)
        self.assertEqual((refused["slug"], refused["row"]), ("report-id", "91"))
        self.assertEqual((self.sidecar.identity()["serial"], self.issued()), (serial, 2))
        self.machine.write_text(before)
        self.renew("identity.renewed")

    def test_another_instance_enrols_as_the_newcomer_that_it_is(self):
        self.sidecar.stop()
        self.become_another()
        again = self.world.sidecar("server", ingress(("127.0.0.1", 9), "client"), [peer("client")])
        self.assertEqual(self.issued(), 2)
        again.renew()

    def test_a_certificate_that_the_ca_has_lost_is_not_insisted_on(self):
        store = sqlite3.connect(self.folder / "ca/ca.db")
        store.execute("DELETE FROM issued")
        store.commit()
        store.close()
        since = self.ca.mark()
        self.assertEqual(self.renew("identity.failed")["code"], "identity-not-permitted")
        self.assertEqual(self.ca.wait_for("enrol.refused", since=since)["slug"], "client-certificate-unknown")
        self.sidecar.wait_for("identity.renewed")  # soon, and by itself

    def foreign_certificate(self, key):
        """A file with a certificate that signs itself, and its key."""
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "anybody")])
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        signed = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
                  .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
                  .sign(key, hashes.SHA256()))
        path = self.folder / "foreign.pem"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
                         + signed.public_bytes(Encoding.PEM))
        return path

    def test_a_foreign_certificate_makes_a_stranger(self):
        rows = {"p256": ec.generate_private_key(ec.SECP256R1()), "rsa": rsa.generate_private_key(65537, 2048)}
        for row, foreign in rows.items():
            with self.subTest(row):
                authority, key = self.world.authority(), ec.generate_private_key(ec.SECP256R1())
                authority.context.load_cert_chain(self.foreign_certificate(foreign))
                nonce, cookie = authority.nonce()
                evidence = self.world.collect("client", est.anchor(nonce, est.spki(key)))
                request = est.csr(key, est.attestation(evidence))
                with self.assertRaises(est.Refused) as refused:
                    authority.enrol(request, cookie, "/simplereenroll")
                self.assertEqual(refused.exception.code, "identity-not-permitted")
                authority.enrol(request, cookie)


if __name__ == "__main__":
    case.main()
