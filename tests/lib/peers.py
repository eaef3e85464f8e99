"""Peers: the other ends of a sidecar's connections: an echo server, one that never reads, and raw TLS
clients with whatever certificate a test gives them.
"""
import socket
import ssl
import threading


class Server:
    """Accepts on a loopback port and hands each connection to `serve` on a thread of its own."""

    def __init__(self, case, serve, listener=None):
        self.listener = listener or socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.accepted = 0
        self.connections = []
        self._serve = serve
        threading.Thread(target=self._accept, daemon=True).start()
        case.addCleanup(self.close)

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            self.connections.append(connection)
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        try:
            self._serve(connection)
        except OSError:
            pass  # the other side is gone, which is what some tests are about

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for connection in self.connections:
            connection.close()


def echo_to(connection):
    while True:
        data = connection.recv(65536)
        if not data:
            connection.close()
            return
        connection.sendall(data)


def echo(case):
    """A server that returns what it gets."""
    return Server(case, echo_to)


def silent(case):
    """A server that accepts and never reads."""
    return Server(case, lambda connection: None)


def firehose(case):
    """A server that sends and never stops."""
    def pour(connection):
        while True:
            connection.sendall(bytes(65536))
    return Server(case, pour)


def nobody(case):
    """An address on which nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()


def connect(case, address, seconds=20):
    # Python waits by poll() where there is a time-out, and would take a reset that follows at once for
    # a failure to connect.
    if isinstance(address[0], int):
        connection = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
        connection.connect(address)
    else:
        connection = socket.create_connection(address)
    connection.settimeout(seconds)
    case.addCleanup(connection.close)
    return connection


def receive(connection, length):
    """Exactly `length` bytes."""
    data = b""
    while len(data) < length:
        chunk = connection.recv(length - len(data))
        if not chunk:
            raise ConnectionError(f"ended after {len(data)} of {length} bytes")
        data += chunk
    return data


def ask(connection, data):
    """Sends, and returns as many bytes as were sent."""
    connection.sendall(data)
    return receive(connection, len(data))


def end_after(connection, data):
    """As end_of(), of a connection that may be reset before the data have left."""
    try:
        connection.sendall(data)
    except ConnectionResetError:
        return "reset"
    return end_of(connection)


def end_of(connection):
    """How the other side ends the connection: "reset", "closed", or the data it sent instead."""
    try:
        data = connection.recv(65536)
    except ConnectionError:
        return "reset"
    return data or "closed"


def end_of_connecting(case, address):
    """As end_of(), where the reset may come before the connection is seen as made."""
    try:
        return end_of(connect(case, address))
    except ConnectionResetError:
        return "reset"


def tls_context(certificate=None, key=None, anchors=None):
    """A client's context: TLS 1.3, its certificate if given, the server's chain checked if anchors are."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if anchors else ssl.CERT_NONE
    if anchors:
        context.load_verify_locations(anchors)
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


def tls_end(case, address, context, data=b"hello"):
    """What a TLS client sees: the reply, or the reason that OpenSSL gives for the end."""
    with connect(case, address) as plain:
        try:
            with context.wrap_socket(plain) as connection:
                connection.sendall(data)
                return connection.recv(65536) or b"closed"
        except ssl.SSLError as error:
            return (error.reason or str(error)).upper().replace(" ", "_")
        except OSError as error:
            return type(error).__name__
