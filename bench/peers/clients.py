"""Clients: connections that a relay is asked to set up, one after the other, or to hold.

What the client costs does not matter here: only what the relay used is measured.
"""
import socket
import ssl

TIMEOUT_S = 10


def context(folder, name):
    """A client's, with the certificate `name`; nothing is resumed."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False  # the certificates hold a SPIFFE ID, no host
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.load_verify_locations(folder / "ca.pem")
    made.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return made


def connect(relay, using):
    """A connection over which one byte has gone to the application and back."""
    plain = socket.create_connection(relay.address, TIMEOUT_S)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = using.wrap_socket(plain)
    stream.sendall(b"x")
    if stream.recv(1) != b"x":
        raise RuntimeError(f"{relay.name}: no answer through it")
    return stream


def handshakes(relay, contexts):
    """One connection for each context."""
    for using in contexts:
        connect(relay, using).close()


def hold(relay, using, num):
    """`num` connections that stay open until they are closed."""
    return [connect(relay, using) for _ in range(num)]
