#!/usr/bin/python3
"""Memory of the release build: a thousand idle connections, and a reader that takes a megabyte a second
from a source that never stops, either way.
"""
import select
import socket
import ssl
import threading
import time

import case
import peers
from bridge import Bridge

KIB, MIB = 1 << 10, 1 << 20
IDLE = 1000
WARM = 200             # connections before the first measurement, which fill what allocators keep
# For an idle connection, all in all.  Since OpenSSL 3.2 the two record layers are objects apart: what a
# connection has of libssl that nobody can give back is 7 KiB more than in 3.0 (19 and 27 KB measured).
IDLE_MAX = (24 if ssl.OPENSSL_VERSION_INFO < (3, 2) else 28) * KIB
SLOW_S = 20
SLOW_RATE = MIB        # bytes a second
FLAT_MAX = 2 * MIB


def poured(connection):
    """Sends for as long as somebody takes it."""
    data = bytes(65536)
    try:
        while True:
            connection.sendall(data)
    except OSError:
        pass


class MemoryLong(case.Case):
    def idle(self, bridge, count):
        """That many more connections, each of which has carried something.  They come one by one, so that what
        their handshakes free in between is used again, whatever the machine does meanwhile."""
        connections = []
        for _ in range(count):
            connections.append(peers.connect(self, bridge.entry))
            self.assertEqual(peers.ask(connections[-1], b"x"), b"x")
        for size in (17000, 300):
            for connection in connections:
                self.assertEqual(peers.ask(connection, b"x" * size), b"x" * size)
        return connections

    def settled(self, side):
        """Resident memory once idle connections have let go of their buffers, which they do on a tick."""
        self.until(lambda: side.metric("liftgate_buffer_bytes") == 0, "no buffer in use")
        before = -1
        while side.rss() != before:
            before = side.rss()
            time.sleep(1)
        return before

    def test_r3_an_idle_connection_costs_what_it_may(self):
        bridge = Bridge(self, peers.echo(self).address)
        held = self.idle(bridge, WARM)
        before = [self.settled(side) for side in (bridge.server, bridge.client)]
        held += self.idle(bridge, IDLE)
        for side, first in zip((bridge.server, bridge.client), before):
            each = (self.settled(side) - first) / IDLE
            print(f"{side.config.stem}: {each:.0f} bytes for an idle connection", flush=True)
            self.assertLess(each, IDLE_MAX)
        self.assertEqual(len(held), IDLE + WARM)

    def drain_slowly(self, bridge, reader):
        """Reads at SLOW_RATE for SLOW_S and returns how far each side's memory grew after a quarter."""
        first, begun, done = None, time.monotonic(), 0
        while time.monotonic() < begun + SLOW_S:
            due = int((time.monotonic() - begun) * SLOW_RATE)
            while done < due and select.select([reader], [], [], 0)[0]:
                done += len(reader.recv(min(65536, due - done)))
            if first is None and time.monotonic() > begun + SLOW_S / 4:
                first = [side.rss() for side in (bridge.server, bridge.client)]
            time.sleep(0.02)
        self.assertGreater(done, SLOW_S * SLOW_RATE // 2)
        return [side.rss() - before for side, before in zip((bridge.server, bridge.client), first)]

    def test_r2_a_slow_reader_of_an_endless_source(self):
        taken = []
        app = peers.Server(self, lambda connection: (taken.append(connection), threading.Event().wait(4 * SLOW_S)))
        bridge = Bridge(self, app.address)
        client = peers.connect(self, bridge.entry, seconds=4 * SLOW_S)
        client.sendall(b"x")
        self.until(lambda: taken, "the connection at the application")
        taken[0].recv(1)
        for name, source, reader in (("down", taken[0], client), ("up", client, taken[0])):
            with self.subTest(name):
                sender = threading.Thread(target=poured, args=(source,), daemon=True)
                sender.start()
                growth = self.drain_slowly(bridge, reader)
                print(f"{name}: memory grew by {growth} bytes", flush=True)
                for side, more in zip((bridge.server, bridge.client), growth):
                    self.assertLess(more, FLAT_MAX)
                    self.assertLessEqual(side.metric("liftgate_buffer_bytes"), 2 * 144 * KIB)
        client.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    case.main()
