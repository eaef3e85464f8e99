#!/usr/bin/python3
"""50 GB of iperf3 through two sidecars of the release build: their memory stays what it was."""
import case
from bulk import MIB, transfer

MEGABYTES = 25 * 1024  # each way
MEMORY_MAX = 64 * MIB  # of a sidecar, after all of it


class BulkLong(case.Case):
    def test_r2_r48_iperf3_moves_fifty_gigabytes(self):
        bridge, rates = transfer(self, MEGABYTES)
        for side in (bridge.server, bridge.client):
            print(f"{rates[0] / 1e9:.2f} and {rates[1] / 1e9:.2f} Gbit/s, resident memory {side.rss()} bytes", flush=True)
            self.assertLess(side.rss(), MEMORY_MAX)
            self.assertEqual(side.metric("liftgate_truncated_total"), 0)


if __name__ == "__main__":
    case.main()
