"""Elsewhere: a client that is another user: sends "hello" and says what comes of it."""
import subprocess

PROGRAM = """
import socket, sys
address = sys.argv[1]
try:
    if address.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(20)
        connection.connect(address[len("unix:"):])
    else:
        host, port = address.rsplit(":", 1)
        connection = socket.create_connection((host.strip("[]"), int(port)), timeout=20)
    connection.sendall(b"hello")
    print(connection.recv(5, socket.MSG_WAITALL).decode() or "closed")
except ConnectionRefusedError:
    print("refused")
except ConnectionError:
    print("reset")
"""


def as_user(uid, address):
    """What the user `uid` gets at `address`: "hello", "reset", "refused" or "closed"."""
    done = subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "/usr/bin/python3", "-c",
                           PROGRAM, address], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
