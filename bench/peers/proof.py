"""Proof: that a relay really requires a client's certificate, verifies it, speaks TLS 1.3 alone and the cipher
of all others, and passes bytes on; and how many session tickets it sends.
"""
import socket
import ssl
import struct
import subprocess
import time

CIPHER = "TLS_AES_256_GCM_SHA384"  # what OpenSSL prefers; another one costs otherwise
TIMEOUT_S = 5
START_S = 10

# A frame (bench/frame.h) that asks liftgate-bench serve for as many bytes, and its answer.
ASKED = b"\xf7\0\0\0" + struct.pack("!II", 16 + 26, 26) + bytes(4) + bytes(26)
ANSWER = b"abcdefghijklmnopqrstuvwxyz"


def _context(folder, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the certificates hold a SPIFFE ID, no host
    context.load_verify_locations(folder / "ca.pem")
    if certificate:
        context.load_cert_chain(folder / f"{certificate}.pem", folder / f"{certificate}.key")
    return context


def _exchange(relay, context):
    """What came back: in TLS 1.3 a refusal shows only at the first read."""
    with socket.create_connection(relay.address, TIMEOUT_S) as plain:
        with context.wrap_socket(plain) as stream:
            if stream.version() == "TLSv1.3" and stream.cipher()[0] != CIPHER:
                raise RuntimeError(f"{relay.name}: speaks {stream.cipher()[0]}")
            stream.sendall(ASKED)
            answer = b""
            while len(answer) < len(ANSWER):
                more = stream.recv(len(ANSWER) - len(answer))
                if not more:
                    break
                answer += more
            return answer


def _first_answer(relay, context):
    """As soon as there is one: who listens may not have read its certificate yet."""
    end = time.monotonic() + START_S
    while True:
        try:
            return _exchange(relay, context)
        except ConnectionResetError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def _refuses(relay, context):
    try:
        return _exchange(relay, context) == b""
    except (ssl.SSLError, ConnectionError):
        return True


def tickets(relay, folder):
    """How many session tickets follow a handshake: all those that come before the first reply."""
    with subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{relay.port}", "-msg",
                           "-cert", folder / "client.pem", "-key", folder / "client.key", "-CAfile", folder / "ca.pem"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
        client.stdin.write(ASKED)
        client.stdin.flush()
        said = b""
        while ANSWER not in said:
            more = client.stdout.read1()
            if not more:
                break
            said += more
        client.stdin.close()
    return said.count(b"NewSessionTicket")


def check(relay, folder):
    """Raises unless the relay is what is to be measured; it must stand before liftgate-bench serve."""
    answer = _first_answer(relay, _context(folder, "client"))
    if answer != ANSWER:
        raise RuntimeError(f"{relay.name}: returned {answer!r} instead of {ANSWER!r}")
    for certificate, why in ((None, "no certificate"), ("stranger", "a certificate of another authority")):
        if not _refuses(relay, _context(folder, certificate)):
            raise RuntimeError(f"{relay.name}: let in a client with {why}")
    older = _context(folder, "client")
    older.minimum_version = older.maximum_version = ssl.TLSVersion.TLSv1_2
    if not _refuses(relay, older):
        raise RuntimeError(f"{relay.name}: speaks TLS 1.2")
