#!/usr/bin/python3
"""iperf3 through two sidecars, both ways: nothing is lost but what is on its way at the end.  50 GB are
bulk_long.py.
"""
import json

import case
import peers
import programs
from bridge import Bridge
from process import Process

MIB = 1 << 20
MEGABYTES = 128  # each way


SLOWEST = 20  # megabytes a second, with sanitizers on a busy machine
ON_ITS_WAY_MAX = 32 * MIB  # what the kernel holds for three connections, and the sidecars


def transfer(test, megabytes):
    """Sends so much each way; returns the rate of each in bits per second."""
    address = peers.nobody(test)
    server = Process(test, "iperf3", "-s", "-B", address[0], "-p", address[1], "--forceflush")
    server.wait_line("Server listening")
    bridge, rates = Bridge(test, address), []
    for name, options in {"up": [], "down": ["-R"]}.items():
        with test.subTest(name):
            said = json.loads(programs.client(test, "iperf3", "-c", bridge.entry[0], "-p", bridge.port, "-n", f"{megabytes}M", "-J",
                                              *options, seconds=60 + megabytes / SLOWEST))
            sent, received = said["end"]["sum_sent"], said["end"]["sum_received"]
            test.assertGreaterEqual(sent["bytes"], megabytes * MIB)
            # iperf3 ends a test on its other connection and does not wait for what is on its way.
            test.assertGreater(received["bytes"], sent["bytes"] - ON_ITS_WAY_MAX)
            rates.append(received["bits_per_second"])
    return bridge, rates


class Bulk(case.Case):
    def test_r48_iperf3(self):
        transfer(self, MEGABYTES)


if __name__ == "__main__":
    case.main()
