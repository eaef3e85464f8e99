"""Application: what stands behind the relays, a process that returns what it gets."""
import multiprocessing
import os
import selectors
import socket


def _serve(listener, cpu):
    os.sched_setaffinity(0, {cpu})
    ready = selectors.DefaultSelector()
    ready.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in ready.select():
            if key.fileobj is listener:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ready.register(connection, selectors.EVENT_READ)
                continue
            try:
                data = key.fileobj.recv(65536)
                key.fileobj.sendall(data)
            except OSError:
                data = b""
            if not data:
                ready.unregister(key.fileobj)
                key.fileobj.close()


class Echo:
    """Runs until stop()."""

    def __init__(self, cpu):
        listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.address = "{}:{}".format(*listener.getsockname())
        self._process = multiprocessing.get_context("fork").Process(target=_serve, args=(listener, cpu), daemon=True)
        self._process.start()
        listener.close()

    def stop(self):
        self._process.kill()
        self._process.join()
