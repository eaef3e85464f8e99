#!/usr/bin/python3
"""A thousand reloads under held connections: everybody is served on, memory and descriptors stay."""
import os
import signal

import case
import peers
from world import World, egress, ingress, peer, text_of

HELD = 100
RELOADS = 1000
WARM = HELD
MIB = 1 << 20
GROWTH_MAX = 8 * MIB  # a context lost in each reload would be fifty
FREE = "quarantine_size_mb=1:thread_local_quarantine_size_kb=64"  # else a sanitizer keeps what was freed


class ReloadLong(case.Case):
    def test_r39_a_thousand_reloads_leave_nothing_behind(self):
        os.environ["ASAN_OPTIONS"] = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), FREE)))
        world = World(self)
        world.start_ca()
        apps = [peers.echo(self) for _ in range(2)]
        server = world.sidecar("server", ingress(apps[0].address, "client"), [peer("client")])
        client = world.sidecar("client", egress(server.address("in"), "server"), [peer("server")])
        held = []
        start = server.rss()
        texts = [server.config.read_text().replace(text_of(apps[0].address), text_of(app.address)) for app in apps]
        more = ingress(apps[1].address, "client", name="more")
        figures = []
        for number in range(RELOADS):
            kind = number % 4  # unchanged from held, another target, a route more, a broken file
            text = texts[kind == 1]
            text = more + text if kind == 2 else text + "[nosuch]\n" if kind == 3 else text
            server.config.write_text(text)
            since = server.mark()
            server.signal(signal.SIGHUP)
            server.wait_for("config.refused" if kind == 3 else "config.reloaded", since=since)
            if number < HELD:  # each under settings of its own
                held.append(peers.connect(self, client.address("out")))
                self.assertEqual(peers.ask(held[-1], b"hello"), b"hello")
            if number % 50 == 0:
                self.assertEqual(peers.ask(held[number % len(held)], b"still here"), b"still here")
                with peers.connect(self, client.address("out")) as visit:
                    self.assertEqual(peers.ask(visit, b"and new"), b"and new")
            if number in (WARM, RELOADS - 1):
                server.config.write_text(texts[0])
                server.signal(signal.SIGHUP)
                self.until(lambda: server.metric("liftgate_connections_open") == HELD, "only those that are held")
                figures.append((server.rss(), server.fds()))
        for connection in held:
            self.assertEqual(peers.ask(connection, b"still here"), b"still here")
        self.assertLessEqual(server.metric("liftgate_generations_live"), 2)  # the newest, one on its way
        self.assertEqual(server.metric("liftgate_identities_live"), 1)
        (warm_rss, warm_fds), (rss, fds) = figures
        print(f"{RELOADS} reloads: memory {start} -> {warm_rss} -> {rss}, descriptors {warm_fds} -> {fds}")
        self.assertLessEqual(fds, warm_fds + 2)
        self.assertLess(rss, warm_rss + GROWTH_MAX)


if __name__ == "__main__":
    case.main()
