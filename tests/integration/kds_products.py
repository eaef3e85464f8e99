#!/usr/bin/python3
"""The key service of each product as AMD's has it: paths, parameters of both TCB layouts, chain and revocation
list, asked by an authority in which only the pinned root is exchanged.
"""
import pathlib

import case
import key_service
from kds_case import KdsCase, bare
from process import run
from world import DOMAIN

HWID_DIGITS = {"Milan": 128, "Genoa": 128, "Turin": 16}
LEVELS = {"Milan": "blSPL teeSPL snpSPL ucodeSPL", "Genoa": "blSPL teeSPL snpSPL ucodeSPL",
          "Turin": "fmcSPL blSPL teeSPL snpSPL ucodeSPL"}


def bare_snp(evidence):
    return bare(evidence, b"sev_guest")


class Products(KdsCase):
    def enrol_on(self, product):
        """An enrolment of a machine of that product that brings nothing but its report."""
        helper = case.program("product_authority")
        status, vendor, errors = run(helper, product)
        self.assertEqual(status, 0, errors)
        vendor = pathlib.Path(vendor.strip())
        self.world.ca_command, self.world.vendor = (helper, product), vendor
        machine = self.world.machine(product.lower(), measurement="a1" * 48)
        (self.folder / "ca/policy.ini").write_text(
            f"[ca]\ntrust_domain = {DOMAIN}\nepoch = {self.epoch}\n[tcb {product.lower()}]\nsnp = 1\n[workload app]\n"
            f"tee = snp\nmeasurement = {'a1' * 48}\ntcb = {product.lower()}\nspiffe = snp/app\n")
        self.kds = key_service.KeyService(self, vendor, product=product)
        self.kds.machines = [machine]
        self.kds.lists["vcek"] = key_service.crl(vendor, 3)
        self.start_ca()
        self.assertEqual(self.enrol(product.lower(), bare_snp), "enrolled")
        self.assertEqual(self.enrol(product.lower(), bare_snp), "enrolled")
        self.assertEqual(self.common(), [f"/vcek/v1/{product}/cert_chain", f"/vcek/v1/{product}/crl"])
        self.assertEqual(len(self.vceks()), 1)
        levels = "&".join(rf"{name}=\d{{2,3}}" for name in LEVELS[product].split())
        self.assertRegex(self.vceks()[0], rf"^/vcek/v1/{product}/[0-9a-f]{{{HWID_DIGITS[product]}}}\?{levels}$")
        self.ca.stop()

    def test_a_machine_of_each_product_is_enrolled_by_its_report_alone(self):
        for self.epoch, product in enumerate(HWID_DIGITS, 1):
            with self.subTest(product):
                self.enrol_on(product)


if __name__ == "__main__":
    case.main()
