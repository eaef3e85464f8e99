#!/usr/bin/python3
"""Ten minutes in which everything happens together: load, clients that come and go without manners,
renewals, reloads and restarts of the authority.  No request is lost; memory and descriptors are flat.
"""
import os
import signal
import socket
import struct
import threading

import case
from load import RedisPair

MIB = 1 << 20
WARM_S = 120
SOAK_S = float(os.environ.get("LIFTGATE_SOAK_S", 600))
GROWTH_MAX = 4 * MIB  # 600 renewals and 400 reloads that each lose one context would be ten times that
RELOAD_PERIOD_S = 3
RESTART_PERIOD_S = 20
RUDE = b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"*1\r\n$4\r\nPING\r\n", b""


class Rude:
    """Connects to both listeners, says something or nothing, and leaves with FIN or RST."""

    def __init__(self, addresses):
        self.addresses = addresses
        self.visits = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._done.wait(0.02):
            self.visits += 1
            try:
                with socket.create_connection(self.addresses[self.visits % len(self.addresses)], timeout=5) as visit:
                    visit.sendall(RUDE[self.visits % 4])
                    if self.visits % 3 == 0:
                        visit.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                pass  # it was thrown out first

    def stop(self):
        self._done.set()
        self._thread.join()


class SoakLong(case.Case):
    def test_ten_minutes_of_everything_leave_nothing_behind(self):
        pair = RedisPair(self)
        restarts, reloads = [], []

        def reload():
            reloads.append(1)
            for side in pair.sides():
                side.signal(signal.SIGHUP)

        def restart():
            restarts.append(1)
            pair.world.ca.stop()
            pair.world.start_ca()

        also = ((RELOAD_PERIOD_S, reload), (RESTART_PERIOD_S, restart))
        rude = Rude([pair.server.address("in"), pair.client.address("out")])
        pair.benchmark(WARM_S, also=also)
        pair.until_idle()
        fds, memory = [side.fds() for side in pair.sides()], [side.rss() for side in pair.sides()]
        renewals = pair.benchmark(SOAK_S, also=also)
        rude.stop()
        pair.until_idle()
        pair.until_descriptors(fds)
        print(f"{renewals} renewals, {len(reloads)} reloads, {len(restarts)} restarts, {rude.visits} rude visits", flush=True)
        for side, first, before in zip(pair.sides(), fds, memory):
            print(f"{side.config.stem}: resident memory {before} bytes at the start and {side.rss()} at the end, descriptors "
                  f"{first} and {side.fds()}", flush=True)
            self.assertLess(side.rss(), before + GROWTH_MAX)
            self.assertEqual(side.find("config.refused"), [])
        self.assertGreater(len(restarts), SOAK_S / RESTART_PERIOD_S / 2)


if __name__ == "__main__":
    case.main()
