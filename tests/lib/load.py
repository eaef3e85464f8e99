"""Load: redis-server, and redis-benchmark through a pair of sidecars that renew all the while."""
import signal
import subprocess
import time

import peers
from process import Process
from world import World, egress, ingress, peer

RENEWAL_PERIOD_S = 2


class RedisPair:
    """redis-server behind one sidecar, and a client's sidecar in front."""

    def __init__(self, case):
        self.case = case
        self.world = world = World(case)
        world.start_ca()
        port = peers.nobody(case)[1]
        redis = Process(case, "redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no",
                        "--dir", case.folder)
        redis.wait_line("Ready to accept connections")
        self.server = world.sidecar("server", ingress(("127.0.0.1", port), "client"), [peer("client")])
        self.client = world.sidecar("client", egress(self.server.address("in"), "server"), [peer("server")])
        self.port = self.client.address("out")[1]

    def sides(self):
        return self.server, self.client

    def benchmark(self, seconds, connections=20, also=()):
        """Runs redis-benchmark over and over for that long, renewing both sides every two seconds; its
        connections are opened anew with each run.  `also` are pairs of a period and what is done then.
        Returns how often both have renewed."""
        end = time.monotonic() + seconds
        renewals = 0
        due = time.monotonic()
        others = [[due + period, period, act] for period, act in also]
        while time.monotonic() < end:
            child = subprocess.Popen(["redis-benchmark", "-p", str(self.port), "-t", "get,set", "-n", "4000", "-c",
                                      str(connections), "-q"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            while child.poll() is None:
                if time.monotonic() >= due:
                    for side in self.sides():
                        side.signal(signal.SIGUSR1)
                    renewals += 1
                    due = time.monotonic() + RENEWAL_PERIOD_S
                for other in others:
                    if time.monotonic() >= other[0]:
                        other[2]()
                        other[0] = time.monotonic() + other[1]
                try:
                    child.wait(0.1)
                except subprocess.TimeoutExpired:
                    pass
            said = child.stdout.read()
            child.stdout.close()
            self.case.assertEqual(child.returncode, 0, said)
            self.case.assertNotIn("rror", said)
        return renewals

    def until_idle(self):
        """All connections closed, and every renewal that was asked for done."""
        for side in self.sides():
            self.case.until(lambda side=side: side.metric("liftgate_connections_open") == 0, "no open connection")

    def until_descriptors(self, before):
        """No side has more than it had; it may have fewer, since an enrolment may have been under way."""
        self.case.until(lambda: all(side.fds() <= most for side, most in zip(self.sides(), before)),
                        f"no more descriptors than {before}")

    def serials(self):
        return [side.identity()["serial"] for side in self.sides()]
