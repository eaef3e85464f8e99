#!/usr/bin/python3
"""A minute of renewal under load on the release build: no request lost, no descriptor and no memory left
behind.
"""
import case
from load import RedisPair

MIB = 1 << 20
GROWTH_MAX = 2 * MIB  # what an allocator may keep; a lost certificate and context each time is 3 MiB and more


class RenewalLong(case.Case):
    def test_a_minute_of_renewals_leaves_nothing_behind(self):
        pair = RedisPair(self)
        pair.benchmark(15)
        pair.until_idle()
        fds, memory = [side.fds() for side in pair.sides()], [side.rss() for side in pair.sides()]
        self.assertGreaterEqual(pair.benchmark(60), 25)
        pair.until_idle()
        pair.until_descriptors(fds)
        for side, before in zip(pair.sides(), memory):
            print(f"resident memory: {before} bytes before, {side.rss()} after")
            self.assertLess(side.rss(), before + GROWTH_MAX)
            self.assertEqual(side.find("identity.failed"), [])


if __name__ == "__main__":
    case.main()
