"""Faults: a relay that stands between two sidecars as a hostile network would.  Each connection through
it has one Fault, in one direction, from one byte on.  Of TLS it knows what an observer does: lengths.
"""
import asyncio
import contextlib
import socket
import struct

CHUNK = 16384
CLOSE_NOTIFY = b"\x17\x03\x03\x00\x13"  # its record begins like this
CLOSE_NOTIFY_LEN = 24
STALL_S = 8     # longer than any deadline of the sidecars in these tests

HARMLESS = ("none", "delay", "drip", "pause", "bursts")
ALTERING = ("corrupt", "drop", "repeat", "inject", "swap")
CUTTING = ("fin", "fin_both", "rst", "rst_one", "stall", "eat_the_end")
KINDS = HARMLESS + ALTERING + CUTTING


class Fault:
    """What happens to one connection: `kind` from byte `at` on, in the direction from `side`."""

    def __init__(self, kind, side, at):
        self.kind = kind
        self.side = side  # "client" or "server": whose bytes it meets
        self.at = at      # offset in that direction's ciphertext
        self.fired = False

    def __repr__(self):
        return f"{self.kind} from the {self.side} at {self.at}{' (fired)' if self.fired else ''}"


class OneSided(ConnectionResetError):
    """Ends in a reset at `target` and in a FIN at `source`."""

    def __init__(self, source, target):
        super().__init__()
        self.source = source
        self.target = target


def reset(connection):
    """Closes with RST."""
    if connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


class Legs:
    """Both sockets of one connection, and the tasks that copy between them."""

    def __init__(self, client, server, fault):
        self.sockets = {"client": client, "server": server}
        self.fault = fault

    async def run(self):
        """Copies until both directions have ended, or one broke, which breaks the other."""
        tasks = [asyncio.create_task(self._copy("client", "server")), asyncio.create_task(self._copy("server", "client"))]
        error = None
        try:
            await asyncio.gather(*tasks)
        except OSError as why:
            error = why
        finally:
            for task in tasks:  # before the sockets go, which they wait for
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if isinstance(error, OneSided):
            reset(self.sockets[error.target])
            with contextlib.suppress(OSError):
                self.sockets[error.source].shutdown(socket.SHUT_WR)
            await asyncio.sleep(0.2)
        for connection in self.sockets.values():
            if error:
                reset(connection)
            else:
                connection.close()

    async def _copy(self, source, target):
        loop = asyncio.get_running_loop()
        fault = self.fault if self.fault.side == source else Fault("none", source, 0)
        done = 0
        while True:
            data = await loop.sock_recv(self.sockets[source], CHUNK)
            if not data:
                break
            before = max(0, min(len(data), fault.at - done))
            done += len(data)
            await self._send(target, data[:before])
            if before < len(data):
                first, fault.fired = not fault.fired, True
                await getattr(self, "_" + fault.kind)(first, source, target, data[before:])
        self.sockets[target].shutdown(socket.SHUT_WR)

    async def _send(self, target, data):
        if data:
            await asyncio.get_running_loop().sock_sendall(self.sockets[target], data)

    # One function for each kind: sends `data`, which begins at the fault's place or behind it.

    async def _none(self, first, source, target, data):
        await self._send(target, data)

    async def _delay(self, first, source, target, data):
        await asyncio.sleep(0.002 + len(data) % 7 / 1000)
        await self._send(target, data)

    async def _drip(self, first, source, target, data):
        for i in range(min(len(data), 600)):
            await self._send(target, data[i:i + 1])
            if i % 16 == 0:
                await asyncio.sleep(0)
        await self._send(target, data[600:])

    async def _pause(self, first, source, target, data):
        if first:
            await asyncio.sleep(0.5)
        await self._send(target, data)

    async def _bursts(self, first, source, target, data):
        """Nothing, and then all of it: what comes meanwhile is one read."""
        await asyncio.sleep(0.03)
        more = b""
        try:
            more = self.sockets[source].recv(8 * CHUNK, socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass
        await self._send(target, data + more)

    async def _corrupt(self, first, source, target, data):
        await self._send(target, bytes([data[0] ^ 0x10]) + data[1:] if first else data)

    async def _drop(self, first, source, target, data):
        await self._send(target, b"" if first else data)

    async def _repeat(self, first, source, target, data):
        """A beginning, so that something follows even if this is the last there is."""
        await self._send(target, data[:max(1, len(data) // 2)] + data if first else data)

    async def _inject(self, first, source, target, data):
        await self._send(target, b"\x17\x03\x03\x00\x13" + bytes(19) + data if first else data)

    async def _swap(self, first, source, target, data):
        half = len(data) // 2
        if first and half == 0:
            raise ConnectionResetError  # nothing to swap
        await self._send(target, data[half:] + data[:half] if first else data)

    async def _eat_the_end(self, first, source, target, data):
        """All but close_notify arrives."""
        if data[-CLOSE_NOTIFY_LEN:].startswith(CLOSE_NOTIFY):
            data = data[:-CLOSE_NOTIFY_LEN]
        await self._send(target, data)

    async def _fin(self, first, source, target, data):
        """That direction ends; the other lives, until somebody has had enough of it."""
        if first:
            self.sockets[target].shutdown(socket.SHUT_WR)

    async def _fin_both(self, first, source, target, data):
        if first:
            for connection in self.sockets.values():
                connection.shutdown(socket.SHUT_WR)

    async def _rst(self, first, source, target, data):
        raise ConnectionResetError

    async def _rst_one(self, first, source, target, data):
        """The receiver sees a reset, the sender an end."""
        raise OneSided(source, target)

    async def _stall(self, first, source, target, data):
        await asyncio.sleep(STALL_S)
        raise ConnectionResetError


class Relay:
    """Listens on a loopback port; connections go on to `upstream`, each with the next of `faults`."""

    def __init__(self, upstream, faults):
        self.upstream = upstream
        self.faults = iter(faults)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.listener.setblocking(False)
        self.address = self.listener.getsockname()
        self.tasks = set()

    async def serve(self):
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(self.listener)
            task = asyncio.create_task(self._run(client, next(self.faults)))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _run(self, client, fault):
        server = socket.socket()
        for connection in (client, server):
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.get_running_loop().sock_connect(server, self.upstream)
        except OSError:
            reset(client)
            server.close()
            return
        await Legs(client, server, fault).run()
