"""KdsCase: an authority that asks a key service, and enrolments that need it.
"""
import sqlite3

import case
import est_client as est
from cryptography.hazmat.primitives.asymmetric import ec
from key_service import KeyService
from world import World, vendor

INTERVAL_MS = 20
UNAVAILABLE = (503, "collateral-unavailable")


def bare(evidence, provider=b"sim"):
    """The tsm-report with nothing but the report."""
    mark = b"\x67outblob\x59" + est.REPORT_LEN.to_bytes(2, "big")
    start = evidence.index(mark) + len(mark)
    return b"\xa2" + mark + evidence[start:start + est.REPORT_LEN] + b"\x68provider" + bytes([0x60 + len(provider)]) + provider


class KdsCase(case.Case):
    def setUp(self):
        super().setUp()
        self.world = World(self)
        self.kds = KeyService(self, vendor())
        self.kds.machines = [self.world.machine("server")]
        self.ca = None

    def start_ca(self, interval=f"{INTERVAL_MS}ms", root=None, settled=True):
        """Starts the authority; if `settled`, waits until it has what it fetches at the start."""
        more = f"\nkds_root = {root or self.kds.certificate}\nkds_interval = {interval}"
        before = len(self.kds.requests)
        self.ca = self.world.start_ca(kds=self.kds.url + more)
        if settled:
            self.until(lambda: self.common(before)[-1:] == [f"/vcek/v1/{self.kds.product}/crl"] and
                       self.ca.metric("liftgate_ca_kds_waiting") == 0, "chain and list")

    def enrol(self, name="server", form=bare, source=None):
        """Enrols with a key of its own: "enrolled", or (status, code) of the refusal."""
        authority = est.Authority(self.world.ca_url, self.world.ca_root, source)
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            nonce, cookie = authority.nonce()
            evidence = form(self.world.collect(name, est.anchor(nonce, est.spki(key))))
            authority.enrol(est.csr(key, est.attestation(evidence)), cookie)
            return "enrolled"
        except est.Refused as refused:
            return refused.status, refused.code
        finally:
            authority.close()

    def in_time(self, name="server", source=None):
        """Enrols until it succeeds, as an agent does."""
        self.until(lambda: self.enrol(name, source=source) == "enrolled", "an enrolment")

    def vceks(self):
        return [path for path in self.kds.requests if "?" in path]

    def common(self, since=0):
        return [path for path in self.kds.requests[since:] if "?" not in path]

    def kept(self, kind):
        store = sqlite3.connect(self.folder / "ca/ca.db")
        try:
            return store.execute("SELECT count(*) FROM vendor WHERE kind = ?", (kind,)).fetchone()[0]
        finally:
            store.close()
