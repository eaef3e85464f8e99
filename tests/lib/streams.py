"""Streams: a client and a server whose bytes are known beforehand, so that each side knows whether what
it got is whole, a beginning that broke off with an error, or wrong.

A connection carries a head with its number and then both streams, one after the other (the reply
follows the request's end) or both at once.
"""
import asyncio
import os
import socket
import struct

from faults import reset

HEAD = struct.Struct("!4sI")
MAGIC = b"head"
POOL_LEN = 1 << 20


class Wrong(Exception):
    """Bytes that nobody sent, or a clean end where there was none."""


class Quit(ConnectionError):
    """This side resets the connection, as was planned."""


class Plan:
    """One connection: how long both streams are, and how each side says it went.  `quits`, if given, is a
    side and after how many bytes of its own it leaves with a reset."""

    def __init__(self, number, request_len, reply_len, duplex, quits=None):
        self.number = number
        self.lens = {"request": request_len, "reply": reply_len}
        self.duplex = duplex
        self.quits = quits
        self.ends = {"client": None, "server": None}  # "whole", or the error that ended it
        self.done = {"client": False, "server": False}  # all sent and all received

    def __repr__(self):
        return f"connection {self.number} ({self.lens}, {'duplex' if self.duplex else 'in turn'}): {self.ends}"

    def failed(self):
        return any(end != "whole" for end in self.ends.values())

    def one_sided(self):
        """True if one side has an error that the other should have seen and did not.  Whoever had sent and
        received everything before cannot see it."""
        ends, broken = self.ends, [side for side, end in self.ends.items() if end not in ("whole", None)]
        if not broken or len(broken) == 2:
            return False
        other = "server" if broken[0] == "client" else "client"
        return ends[other] == "whole" and not self.done[other]


class Streams:
    """Serves on a loopback port and connects to wherever it is told."""

    def __init__(self):
        self.pool = os.urandom(POOL_LEN)
        self.plans = {}
        self.wrong = []
        self.nameless = 0  # connections that broke before they said who they are
        self.tasks = set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.listener.setblocking(False)
        self.address = self.listener.getsockname()

    def _piece(self, seed, at, length):
        """What a stream has at a place."""
        begin = (seed * 7919 + at) % POOL_LEN
        piece = self.pool[begin:begin + length]
        return piece + self.pool[:length - len(piece)]

    async def _send(self, connection, seed, length, last=None):
        at = 0
        while at < length:
            if last is not None and at >= last:
                raise Quit
            piece = self._piece(seed, at, min(length - at, 1 + (at * 31 + seed) % 40000))
            await asyncio.get_running_loop().sock_sendall(connection, piece)
            at += len(piece)
        connection.shutdown(socket.SHUT_WR)

    async def _receive(self, connection, seed, length):
        at = 0
        while True:
            data = await asyncio.get_running_loop().sock_recv(connection, 65536)
            if not data:
                break
            if at + len(data) > length or data != self._piece(seed, at, len(data)):
                raise Wrong(f"other bytes than were sent, after {at} of {length}")
            at += len(data)
        if at != length:
            raise Wrong(f"a clean end after {at} of {length} bytes")

    async def _exchange(self, connection, plan, side):
        number, out, into = plan.number, *(("request", "reply") if side == "client" else ("reply", "request"))

        async def send():
            last = plan.quits[1] if plan.quits and plan.quits[0] == side else None
            await self._send(connection, number * 2 + (out == "reply"), plan.lens[out], last)

        async def receive():
            await self._receive(connection, number * 2 + (into == "reply"), plan.lens[into])

        if plan.duplex:
            tasks = [asyncio.create_task(send()), asyncio.create_task(receive())]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:  # before the socket goes, which they wait for
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        else:
            for step in (send, receive) if side == "client" else (receive, send):
                await step()

    async def _side(self, connection, plan, side):
        """One side's part from the head on; says how it ended."""
        try:
            await self._exchange(connection, plan, side)
            plan.ends[side] = "whole"
            plan.done[side] = True
        except Wrong as error:
            self.wrong.append(f"{plan}: the {side} has {error}")
            plan.ends[side] = str(error)
        except Quit:
            plan.ends[side] = "quit"
            reset(connection)
        except OSError as error:
            plan.ends[side] = type(error).__name__
        finally:
            connection.close()

    async def ask(self, address, plan, seconds):
        """The client's part of one connection."""
        loop = asyncio.get_running_loop()
        self.plans[plan.number] = plan
        connection = socket.socket()
        connection.setblocking(False)
        try:
            await loop.sock_connect(connection, address)
            await loop.sock_sendall(connection, HEAD.pack(MAGIC, plan.number))
            await asyncio.wait_for(self._side(connection, plan, "client"), seconds)
        except asyncio.TimeoutError:
            self.wrong.append(f"{plan}: the client waits for ever")
        except OSError as error:
            plan.ends["client"] = type(error).__name__
        finally:
            connection.close()

    async def serve(self):
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self.listener)
            task = asyncio.create_task(self._serve(connection))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _serve(self, connection):
        loop = asyncio.get_running_loop()
        connection.setblocking(False)
        head = b""
        try:
            while len(head) < HEAD.size:
                data = await loop.sock_recv(connection, HEAD.size - len(head))
                if not data:
                    self.wrong.append(f"a clean end inside the head, after {len(head)} bytes")
                    connection.close()
                    return
                head += data
        except OSError:
            self.nameless += 1
            connection.close()
            return
        magic, number = HEAD.unpack(head)
        if magic != MAGIC or number not in self.plans:
            self.wrong.append(f"a head that nobody sent: {head.hex()}")
            connection.close()
            return
        await self._side(connection, self.plans[number], "server")
