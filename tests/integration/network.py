#!/usr/bin/python3
"""A network between two sidecars that delays, splits, stalls, cuts and alters: every stream arrives
whole, or ends in an error on both sides.  Thousands of connections are network_long.py.
"""
import case
from storm import Storm

EACH = 7  # connections for each kind of fault


class Network(case.Case):
    def test_r6_r7_r47_streams_arrive_whole_or_end_in_an_error_on_both_sides(self):
        storm = Storm(self, seed=1)
        before = storm.server.fds(), storm.client.fds()
        storm.run(EACH)
        storm.counted()
        storm.leaves_nothing(before)


if __name__ == "__main__":
    case.main()
