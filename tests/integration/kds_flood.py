#!/usr/bin/python3
"""Invented chips: what a flood of them costs others, in requests to the key service.
"""
import concurrent.futures
import threading

import case
import est_client as est
import key_service
from cryptography.hazmat.primitives.asymmetric import ec
from kds_case import UNAVAILABLE, KdsCase, bare

CHIP_OFFSET = 0x1A0  # in an SNP attestation report


class Flood:
    """Enrols invented chips, each once: the report of a real one with another name in it.  `sources` are the
    addresses they come from, in turns."""

    def __init__(self, case, sources, chips):
        self.case, self.sources, self.chips = case, sources, iter(range(chips))
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.evidence = bare(case.world.collect("intruder", bytes(48)))
        self.stopped, self.refused, self.lock = False, 0, threading.Lock()
        self.threads = [threading.Thread(target=self._run) for _ in range(12)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped = True
        for thread in self.threads:
            thread.join()

    def _run(self):
        while not self.stopped:
            with self.lock:
                chip = next(self.chips, None)
            if chip is None:
                return
            self._enrol(chip)

    def _enrol(self, chip):
        start = self.evidence.index(b"outblob") + len(b"outblob") + 3 + CHIP_OFFSET
        evidence = self.evidence[:start] + chip.to_bytes(64, "big") + self.evidence[start + 64:]
        world = self.case.world
        authority = est.Authority(world.ca_url, world.ca_root, self.sources[chip % len(self.sources)])
        try:
            _, cookie = authority.nonce()
            authority.enrol(est.csr(self.key, est.attestation(evidence)), cookie)
        except est.Refused as refused:
            with self.lock:
                self.refused += (refused.status, refused.code) == UNAVAILABLE
        finally:
            authority.close()


class Flooding(KdsCase):
    """Invented chips cost nothing; what they cost others is counted in requests to the key service."""

    def newcomer_behind(self, sources, chips=1000):
        """How many requests of a flood go before that of a newcomer, once he has asked."""
        self.start_ca()
        self.enrol("client", lambda evidence: evidence)
        with Flood(self, sources, chips) as flood, concurrent.futures.ThreadPoolExecutor(1) as pool:
            self.until(lambda: len(self.vceks()) >= 2 * min(len(sources), 20), "a flood")
            self.kds.gate.clear()
            before = len(self.vceks())
            newcomer = pool.submit(self.in_time, "server", source="127.200.0.1")
            for _ in range(4):  # whom the store knows waits for nobody, and in this time the newcomer has asked
                self.assertEqual(self.enrol("client"), "enrolled")
            self.kds.gate.set()
            newcomer.result()
            asked = self.vceks()
        self.assertGreater(flood.refused, 0)
        self.assertEqual(self.ca.metric("liftgate_ca_issued_total", workload="server"), 1)
        self.assertEqual(len(set(asked)), len(asked))
        chip = key_service.chip_of(self.world.machine("server"))
        return next(i for i, path in enumerate(asked) if chip in path) - before

    def test_a_flood_from_one_address_goes_before_a_newcomer_once_at_most(self):
        self.assertLessEqual(self.newcomer_behind(["127.0.0.1"]), 1)

    def test_a_flood_from_many_addresses_goes_before_a_newcomer_once_for_each_network(self):
        networks = 16
        sources = [f"127.{16 + i % networks}.{i // networks}.1" for i in range(1000)]
        self.assertLessEqual(self.newcomer_behind(sources), networks)


if __name__ == "__main__":
    case.main()
