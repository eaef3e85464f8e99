#!/usr/bin/python3
"""The vendor's key service: evidence without certificates is enrolled, one request serves all who wait, and
neither its failures nor its lies reach further than the enrolments that need it.
"""
import concurrent.futures
import signal

import case
import est_client as est
import key_service
from cryptography.hazmat.primitives.asymmetric import ec
from kds_case import INTERVAL_MS, UNAVAILABLE, KdsCase, bare
from key_service import Answer
from world import vendor


class Fetching(KdsCase):
    def test_the_first_enrolment_fetches_and_the_next_does_not(self):
        self.start_ca()
        self.assertEqual(self.enrol(), "enrolled")
        self.assertRegex(self.vceks()[0],
                         r"^/vcek/v1/Sim/[0-9a-f]{128}\?blSPL=\d{2,3}&teeSPL=\d{2,3}&snpSPL=\d{2,3}&ucodeSPL=\d{2,3}$")
        self.assertEqual(self.enrol(), "enrolled")
        self.ca.stop()
        self.start_ca()
        self.assertEqual(self.enrol(), "enrolled")
        self.assertEqual(len(self.vceks()), 1)
        self.assertEqual(self.common(), ["/vcek/v1/Sim/cert_chain", "/vcek/v1/Sim/crl", "/vcek/v1/Sim/crl"])
        self.assertEqual((self.kept("vcek"), self.kept("chain")), (1, 1))

    def test_a_first_enrolment_that_lacks_everything_waits_for_it_once(self):
        self.kds.lists["vcek"] = key_service.crl(vendor(), 3)
        self.start_ca(interval="12s", settled=False)
        self.assertEqual(self.enrol(), "enrolled")
        self.until(lambda: self.kept("crl") == 1, "the list")
        self.assertEqual(len(self.kds.requests), 3)

    def test_what_an_agent_ships_is_never_asked_for_again(self):
        self.start_ca()
        self.assertEqual(self.enrol(form=lambda evidence: evidence), "enrolled")
        self.assertEqual(self.enrol(), "enrolled")
        self.assertEqual(self.vceks(), [])

    def test_ten_at_the_same_time_fetch_once(self):
        self.start_ca()
        self.kds.gate.clear()
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            answers = [pool.submit(self.enrol) for _ in range(10)]
            self.until(lambda: self.ca.metric("liftgate_ca_kds_waiting") == 10, "ten that wait")
            self.kds.gate.set()
            self.assertEqual({answer.result() for answer in answers}, {"enrolled"})
        self.assertEqual(len(self.vceks()), 1)
        self.assertEqual(self.ca.metric("liftgate_ca_kds_requests_total", result="given"), 2)

    def test_a_stale_list_in_the_folder_is_replaced_by_a_fetched_one(self):
        (self.folder / "ca/collateral/old.crl").write_bytes(key_service.crl(vendor(), 3, days=-1))
        self.kds.lists["vcek"] = key_service.crl(vendor(), 4)
        self.start_ca()
        self.assertEqual(self.enrol(form=lambda evidence: evidence), "enrolled")
        self.assertEqual(self.enrol(form=lambda evidence: evidence), "enrolled")
        self.assertEqual(self.common(), ["/vcek/v1/Sim/cert_chain", "/vcek/v1/Sim/crl"])
        self.assertEqual(self.kept("crl"), 1)

    def test_http_has_to_be_asked_for_and_is_counted(self):
        self.kds.stop()
        self.kds.tls = False
        self.kds.start()
        self.ca = self.world.start_ca(kds=f"{self.kds.url}\nkds_interval = {INTERVAL_MS}ms\ninsecure_kds_http = yes")
        self.assertEqual(self.ca.wait_for("config.insecure")["key"], "insecure_kds_http")
        self.assertEqual(self.ca.metric("liftgate_ca_insecure_settings"), 1)
        self.assertEqual(self.enrol(), "enrolled")


class Failing(KdsCase):
    def test_an_outage_is_temporary_and_heals(self):
        self.kds.stop()
        self.start_ca(settled=False)
        self.assertEqual(self.enrol(), UNAVAILABLE)
        self.assertEqual(self.ca.wait_for("kds.failed")["outcome"], "down")
        self.assertEqual(self.ca.wait_for("enrol.refused")["slug"], "vendor-unavailable")
        self.kds.start()
        self.in_time()

    def test_throttling_is_obeyed_and_blocks_nobody_else(self):
        self.kds.faults = [Answer(429, Retry_After=3)]
        self.start_ca()
        self.assertEqual(self.enrol(), UNAVAILABLE)
        self.assertEqual(self.ca.wait_for("kds.failed", outcome="busy")["retry_after_ms"], "3000")
        for _ in range(3):
            self.assertEqual(self.enrol(), UNAVAILABLE)
            self.assertEqual(self.enrol("client", lambda evidence: evidence), "enrolled")
        self.assertEqual(len(self.vceks()), 1)
        self.in_time()

    def test_a_refusal_says_when_to_come_back(self):
        self.kds.faults = [Answer(429, Retry_After=100)]
        self.start_ca()
        self.assertEqual(self.enrol(), UNAVAILABLE)
        key, authority = ec.generate_private_key(ec.SECP256R1()), self.world.authority()
        nonce, cookie = authority.nonce()
        evidence = bare(self.world.collect("server", est.anchor(nonce, est.spki(key))))
        request = est.base64.b64encode(est.csr(key, est.attestation(evidence)))
        status, headers, _ = authority.request("POST", "/simpleenroll", request,
                                               {"Content-Type": "application/pkcs10", "Cookie": cookie})
        self.assertEqual(status, 503)
        self.assertIn(int(headers["Retry-After"]), range(60, 101))

    def test_a_slow_answer_holds_up_nobody_else(self):
        self.start_ca()
        self.kds.gate.clear()
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            waiting = [pool.submit(self.enrol) for _ in range(6)]  # more than the pool that signs has threads
            self.until(lambda: self.ca.metric("liftgate_ca_kds_waiting") == 6, "six that wait")
            self.assertEqual(self.enrol("client", lambda evidence: evidence), "enrolled")
            self.assertFalse(any(each.done() for each in waiting))
            self.kds.gate.set()
            self.assertEqual({each.result() for each in waiting}, {"enrolled"})

    def test_strangers_that_wait_leave_room_for_others(self):
        self.start_ca()
        self.kds.gate.clear()
        strangers = 32
        with concurrent.futures.ThreadPoolExecutor(strangers) as pool:
            waiting = [pool.submit(self.enrol) for _ in range(strangers)]
            self.until(lambda: self.ca.metric("liftgate_ca_kds_waiting") == strangers, "strangers that wait")
            self.assertEqual(self.enrol("client"), UNAVAILABLE)
            self.assertEqual(self.ca.metric("liftgate_ca_kds_waiting"), strangers)
            self.kds.gate.set()
            self.assertEqual({each.result() for each in waiting}, {"enrolled"})
        chip = key_service.chip_of(self.world.machine("client"))  # asked for all the same, for the next try
        self.until(lambda: any(chip in path for path in self.vceks()), "a request for whom there was no place")

    def test_answers_that_are_none(self):
        vcek = self.kds.vcek(self.world.machine("server"))
        rows = {
            "cut": (Answer(body=vcek, cut=10), "down"),
            "a_page": (Answer(body=vcek, kind="text/html; charset=utf-8"), "bad"),
            "pem_for_der": (Answer(body=self.kds.chain()), "bad"),
            "empty": (Answer(), "bad"),
            "something_behind": (Answer(body=vcek + b"\0"), "bad"),
            "too_long": (Answer(body=bytes(65537)), "bad"),
            "elsewhere": (Answer(302, Location=self.kds.url + "/other"), "bad"),
            "broken": (Answer(500), "bad"),
            "an_outage": (Answer(503), "down"),
        }
        self.start_ca()
        for name, (answer, outcome) in rows.items():
            with self.subTest(name):
                since, asked = self.ca.mark(), len(self.vceks())
                self.kds.faults = [answer]
                self.until(lambda: self.enrol() == UNAVAILABLE and len(self.vceks()) > asked, "the fault")
                self.assertEqual(self.ca.wait_for("kds.failed", since=since)["outcome"], outcome)
        self.assertEqual(self.kept("vcek"), 0)
        self.in_time()

    def test_a_wrong_certificate_is_refused_for_what_is_wrong_and_not_kept(self):
        other = self.kds.vcek(self.world.machine("client"))
        self.kds.faults = [Answer(body=other)]
        self.start_ca()
        self.assertEqual(self.enrol(), (403, "chain-invalid"))
        self.assertEqual(self.ca.wait_for("enrol.refused")["slug"], "vek-chip-mismatch")
        self.assertEqual(self.kept("vcek"), 0)
        self.assertGreater(self.ca.metric("liftgate_ca_kds_doubted_total"), 0)
        self.in_time()
        self.assertEqual(self.kept("vcek"), 1)

    def test_a_forged_certificate_is_refused(self):
        forged = bytearray(self.kds.vcek(self.world.machine("server")))
        forged[-1] ^= 1
        self.kds.faults = [Answer(body=bytes(forged))]
        self.start_ca()
        self.assertEqual(self.enrol(), (403, "chain-invalid"))
        self.assertEqual(self.ca.wait_for("enrol.refused")["slug"], "vek-signature")
        self.assertEqual(self.kept("vcek"), 0)

    def test_a_chip_that_the_vendor_does_not_know_is_asked_for_once(self):
        self.start_ca()
        for _ in range(3):
            self.assertEqual(self.enrol("client"), UNAVAILABLE)
        self.assertEqual(len(self.vceks()), 1)

    def test_another_server_than_the_roots_vouch_for_is_not_asked(self):
        self.start_ca(root=self.world.ca_root, settled=False)
        self.assertEqual(self.enrol(), UNAVAILABLE)
        self.assertIn("certificate", self.ca.wait_for("kds.failed")["reason"])
        self.assertEqual(self.kds.requests, [])

    def test_it_ends_though_somebody_waits(self):
        self.start_ca()
        self.kds.gate.clear()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.enrol)
            self.until(lambda: self.ca.metric("liftgate_ca_kds_waiting") == 1, "one that waits")
            self.ca.signal(signal.SIGTERM)
            self.assertEqual(waiting.result(), UNAVAILABLE)
            self.assertEqual(self.ca.wait(), 0)


class Pacing(KdsCase):
    def test_requests_keep_their_distance_and_who_cannot_wait_is_told(self):
        self.start_ca(interval="12s")
        self.assertEqual(self.enrol(), "enrolled")
        self.assertEqual(self.enrol("client"), UNAVAILABLE)  # its turn is further away than an enrolment waits
        self.assertEqual(len(self.vceks()), 1)
        self.assertEqual(self.enrol("client", lambda evidence: evidence), "enrolled")


if __name__ == "__main__":
    case.main()
