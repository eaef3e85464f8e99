#!/usr/bin/python3
"""Renewal under load: certificates change on both sides while redis-benchmark runs, and no request is
lost.  The minute-long run, with memory, is renewal_long.py.
"""
import case
from load import RedisPair


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


if __name__ == "__main__":
    case.main()
