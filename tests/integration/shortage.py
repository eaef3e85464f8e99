#!/usr/bin/python3
"""An enrolment at a real authority without one allocation after the other: an error each time, no crash,
no leak, and the authority is as good as before.
"""
import re

import case
from process import run
from world import DOMAIN, World


class Shortage(case.Case):
    def test_r37_an_enrolment_without_memory_is_an_error(self):
        world = World(self)
        world.start_ca()
        status, said, errors = run(case.program("enrol_sweep"), world.ca_url, world.ca_root, DOMAIN, "client",
                                   world.machine("client"))
        self.assertEqual(status, 0, said + errors)
        print("\n".join(re.findall(r"^\d+ attempts .*$", said, re.MULTILINE)), flush=True)
        for kind in ("own", "OpenSSL"):
            self.assertGreater(int(re.search(rf"^(\d+) attempts .* {kind} allocations", said, re.MULTILINE)[1]), 10, said)
        self.assertGreater(said.count("out of memory"), 5, said)
        self.assertEqual(world.ca.get("/livez")[0], 200)


if __name__ == "__main__":
    case.main()
