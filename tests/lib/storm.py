"""Storm: many connections between two sidecars over a network with faults, or with ends that leave in the
middle, and what must hold for each: every stream arrives whole, or ends in an error on both sides.
"""
import asyncio
import random

from faults import ALTERING, HARMLESS, KINDS, Fault, Relay
from streams import Plan, Streams
from world import World, egress, ingress, peer

AT_ONCE = 24  # connections
HANDSHAKE_LEN = 3500  # bytes of either side, at most
LIMITS = ("handshake_timeout = 3s\nidle_timeout = 4s\nhalf_close_timeout = 4s\nwrite_stall_timeout = 4s\n"
          "linger_timeout = 1s\nconnect_timeout = 4s\n")
FOR_EVER_S = 60  # after which a connection that has not ended is a failure


class Storm:
    """A pair of sidecars with a Relay between them and Streams at both ends."""

    def __init__(self, case, seed):
        self.case = case
        self.random = random.Random(seed)
        self.number = 0
        self.streams = Streams()
        world = World(case)
        world.start_ca()
        self.server = world.sidecar("server", ingress(self.streams.address, "client"), [peer("client")], LIMITS)
        self.relay = Relay(self.server.address("in"), ())
        self.client = world.sidecar("client", egress(self.relay.address, "server"), [peer("server")], LIMITS)
        self.entry = self.client.address("out")

    def _plan(self, kind):
        self.number += 1
        lens = [int(2 ** self.random.uniform(6, 18)) for _ in range(2)]
        quits = None
        if kind == "quit":
            side = self.random.randrange(2)
            quits = ("client", "server")[side], self.random.randrange(lens[side])
        return Plan(self.number, *lens, duplex=self.random.random() < 0.5, quits=quits)

    def _fault(self, kind):
        """In the handshake as often as behind it."""
        early = self.random.random() < 0.4
        at = self.random.randrange(HANDSHAKE_LEN) if early else HANDSHAKE_LEN + int(2 ** self.random.uniform(0, 14))
        return Fault("none" if kind == "quit" else kind, self.random.choice(("client", "server")), at)

    def run(self, each):
        """`each` connections for every kind of fault."""
        return asyncio.run(self._run(each))

    async def _run(self, each):
        servers = [asyncio.create_task(self.streams.serve()), asyncio.create_task(self.relay.serve())]
        for kind in (*KINDS, "quit"):
            for begin in range(0, each, AT_ONCE):
                await self._batch(kind, min(AT_ONCE, each - begin))
        for task in servers:
            task.cancel()

    async def _batch(self, kind, count):
        plans, faults = [self._plan(kind) for _ in range(count)], [self._fault(kind) for _ in range(count)]
        self.relay.faults = iter(faults)
        await asyncio.gather(*(self.streams.ask(self.entry, plan, FOR_EVER_S) for plan in plans))
        both = self.streams.tasks | self.relay.tasks
        if both:
            _, late = await asyncio.wait(both, timeout=FOR_EVER_S)
            self.case.assertEqual(len(late), 0, f"{kind}: connections that do not end")
        self._judge(kind, plans, faults)

    def _judge(self, kind, plans, faults):
        case, said = self.case, f"{kind}: {faults}"
        case.assertEqual(self.streams.wrong, [], said)
        case.assertEqual([plan for plan in plans if plan.one_sided()], [], said)
        failed = [plan for plan in plans if plan.failed()]
        if kind in HARMLESS:
            case.assertEqual(failed, [], said)
        elif kind == "quit":
            quitters = [plan for plan in plans if "quit" in plan.ends.values()]
            case.assertEqual([plan for plan in quitters if "whole" in plan.ends.values()], [])
            case.assertEqual(failed, quitters, "only those in which somebody left")
        elif kind in ALTERING:
            behind = sum(1 for fault in faults if fault.fired and fault.at >= HANDSHAKE_LEN)
            case.assertGreaterEqual(len(failed), behind, f"{said}: an altered stream went unnoticed: {plans}")
        print(f"{kind}: {len(plans)} connections, {sum(fault.fired for fault in faults)} met it, {len(failed)} ended in an error",
              flush=True)

    def leaves_nothing(self, before):
        """No connection, no buffer, no descriptor more than `before`."""
        for side, most in zip((self.server, self.client), before):
            self.case.until(lambda side=side: side.metric("liftgate_connections_open") == 0, "no open connection")
            self.case.until(lambda side=side: side.metric("liftgate_buffer_bytes") == 0, "all buffers given back")
            self.case.until(lambda side=side, most=most: side.fds() <= most, f"no more than {most} descriptors")

    def counted(self):
        """Cuts are counted by those who noticed."""
        for side in (self.server, self.client):
            self.case.assertGreater(side.metric("liftgate_truncated_total"), 0)
            self.case.assertGreater(side.metric("liftgate_resets_total"), 0)
