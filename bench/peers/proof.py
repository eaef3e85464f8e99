"""Proof: that a relay really requires a client's certificate, verifies it, speaks TLS 1.3 alone, and
passes bytes on; and how many session tickets it sends.
"""
import socket
import ssl
import subprocess

TIMEOUT_S = 5
WORD = b"liftgate-bench\n"


def _context(folder, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the certificates hold a SPIFFE ID, no host
    context.load_verify_locations(folder / "ca.pem")
    if certificate:
        context.load_cert_chain(folder / f"{certificate}.pem", folder / f"{certificate}.key")
    return context


def _exchange(relay, context, word):
    """What came back for `word`: in TLS 1.3 a refusal shows only at the first read."""
    with socket.create_connection(relay.address, TIMEOUT_S) as plain:
        with context.wrap_socket(plain) as stream:
            stream.sendall(word)
            answer = b""
            while len(answer) < len(word):
                more = stream.recv(len(word) - len(answer))
                if not more:
                    return answer
                answer += more
            return answer


def _refuses(relay, context):
    try:
        return _exchange(relay, context, WORD) == b""
    except (ssl.SSLError, ConnectionError):
        return True


def tickets(relay, folder):
    """How many session tickets follow a handshake: all those that come before the first reply."""
    with subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{relay.port}", "-msg",
                           "-cert", folder / "client.pem", "-key", folder / "client.key", "-CAfile", folder / "ca.pem"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
        client.stdin.write(WORD)
        client.stdin.flush()
        count = 0
        for line in client.stdout:
            count += line.count(b"NewSessionTicket")
            if line == WORD:
                break
        client.stdin.close()
    return count


def check(relay, folder):
    """Raises unless the relay is what is to be measured; it must stand before an echo service."""
    answer = _exchange(relay, _context(folder, "client"), WORD)
    if answer != WORD:
        raise RuntimeError(f"{relay.name}: returned {answer!r} instead of {WORD!r}")
    for certificate, why in ((None, "no certificate"), ("stranger", "a certificate of another authority")):
        if not _refuses(relay, _context(folder, certificate)):
            raise RuntimeError(f"{relay.name}: let in a client with {why}")
    older = _context(folder, "client")
    older.minimum_version = older.maximum_version = ssl.TLSVersion.TLSv1_2
    if not _refuses(relay, older):
        raise RuntimeError(f"{relay.name}: speaks TLS 1.2")
