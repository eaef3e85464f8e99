#!/usr/bin/python3
"""The network of network.py over thousands of connections, differently each time; the seed that it
prints repeats a run.
"""
import os
import random

import case
from storm import Storm

EACH = 200  # connections for each kind of fault


class NetworkLong(case.Case):
    def test_r6_r7_r47_thousands_of_streams_arrive_whole_or_end_in_an_error(self):
        seed = int(os.environ.get("LIFTGATE_SEED", random.randrange(1 << 32)))
        print(f"LIFTGATE_SEED={seed}", flush=True)
        storm = Storm(self, seed)
        before = storm.server.fds(), storm.client.fds()
        storm.run(EACH)
        storm.counted()
        storm.leaves_nothing(before)


if __name__ == "__main__":
    case.main()
