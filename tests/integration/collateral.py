#!/usr/bin/python3
"""What the vendor publishes for all chips of a product is at hand before anybody needs it, and the next list
before the last one ends.
"""
import sqlite3

import case
import key_service
from kds_case import KdsCase
from world import vendor


class Keeping(KdsCase):
    """A world with a revocation list in the operator's folder."""

    OLD = {"days": 0.0002, "age": 0.002}  # 17 s are left of three minutes

    def number(self):
        """Of the newest list that was ever accepted; None: of none."""
        store = sqlite3.connect(self.folder / "ca/ca.db")
        try:
            row = store.execute("SELECT number FROM crl_mark").fetchone()
            return row and int.from_bytes(row[0], "big")
        finally:
            store.close()

    def put_in_folder(self, crl):
        (self.folder / "ca/collateral/old.crl").write_bytes(crl)

    def test_the_next_list_is_fetched_before_the_last_one_ends(self):
        self.put_in_folder(key_service.crl(vendor(), 3, **self.OLD))
        self.kds.lists["vcek"] = key_service.crl(vendor(), 4, age=0)
        self.start_ca()
        self.until(lambda: self.number() == 4, "the next list")
        self.assertEqual(self.enrol(), "enrolled")  # which no mark of the folder's list stands in the way of
        self.assertGreater(self.ca.metric("liftgate_ca_collateral_left_seconds", product="sim", kind="crl"), 80000)
        self.assertLess(self.ca.metric("liftgate_ca_collateral_age_seconds", product="sim", kind="crl"), 3600)
        self.assertGreater(self.ca.metric("liftgate_ca_collateral_left_seconds", product="sim", kind="chain"), 80000)

    def test_a_list_that_has_time_is_left_alone(self):
        self.put_in_folder(key_service.crl(vendor(), 3, days=30, age=1))
        self.start_ca(settled=False)
        self.until(lambda: self.kept("chain") == 1, "the chain")
        self.until(lambda: 'kind="crl"' in self.ca.get("/metrics")[1], "the list")
        self.assertEqual(self.enrol(), "enrolled")
        self.assertEqual(self.common(), ["/vcek/v1/Sim/cert_chain"])

    def test_what_ends_while_the_vendor_is_away_is_said_and_serves_on(self):
        self.put_in_folder(key_service.crl(vendor(), 3, **self.OLD))
        self.start_ca()
        self.assertEqual(self.enrol(), "enrolled")
        self.assertEqual(self.ca.wait_for("collateral.ends_soon")["product"], "sim")

    def test_a_list_that_does_not_hold_is_not_kept(self):
        good = key_service.crl(vendor(), 9)
        self.put_in_folder(key_service.crl(vendor(), 3))
        rows = {
            "forged": (good[:-1] + bytes([good[-1] ^ 1]), "crl-signature"),
            "expired": (key_service.crl(vendor(), 9, days=-1), "crl-expired"),
        }
        for name, (crl, slug) in rows.items():
            with self.subTest(name):
                self.kds.lists["vcek"] = crl
                self.start_ca()
                self.assertEqual(self.ca.wait_for("collateral.refused")["slug"], slug)
                self.assertEqual((self.number(), self.kept("crl")), (None, 0))
                self.ca.stop()

    def test_a_revocation_reaches_enrolments_with_the_next_list(self):
        self.put_in_folder(key_service.crl(vendor(), 3, **self.OLD))
        self.start_ca()
        self.assertEqual(self.enrol(), "enrolled")
        self.ca.stop()
        self.kds.lists["vcek"] = key_service.crl(vendor(), 4, age=0, revoked=["ask.pem"])
        self.start_ca()
        self.until(lambda: self.number() == 4, "the next list")
        self.assertEqual(self.enrol(), (403, "revoked"))


if __name__ == "__main__":
    case.main()
