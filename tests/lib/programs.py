"""Programs: servers of others, as Debian ships them, each on a loopback port and in a folder of its own;
and their clients, run to their end.
"""
import os
import pathlib
import pwd
import shutil
import socket
import tempfile

import peers
from process import Process, run

BODY_LEN = 8 << 20


def _until_it_accepts(case, address):
    """For a server that does not say when it is ready."""
    def accepts():
        with socket.socket() as attempt:
            return attempt.connect_ex(address) == 0
    case.until(accepts, f"a server at {address}")


def redis(case):
    """A redis-server that keeps nothing: its address."""
    address = peers.nobody(case)
    server = Process(case, "redis-server", "--bind", address[0], "--port", address[1], "--save", "", "--appendonly", "no",
                     "--dir", case.folder)
    server.wait_line("Ready to accept connections")
    return address


def _as_postgres(*command):
    """PostgreSQL refuses to run as root."""
    return ("setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", *command) if os.geteuid() == 0 else command


def postgres(case):
    """A PostgreSQL that trusts its callers and syncs nothing: its address."""
    programs = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="liftgate-postgres-"))
    case.addCleanup(shutil.rmtree, folder, ignore_errors=True)
    if os.geteuid() == 0:
        shutil.chown(folder, pwd.getpwnam("postgres").pw_uid)
    status, _, errors = run(*_as_postgres(programs / "initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres", "-N",
                                          "--no-locale", "-E", "UTF8"))
    case.assertEqual(status, 0, errors)
    address = peers.nobody(case)
    server = Process(case, *_as_postgres(programs / "postgres", "-D", folder / "data", "-h", address[0], "-p", address[1],
                                         "-k", folder, "-F", "-c", "max_connections=50", "-c", "shared_buffers=32MB"))
    server.wait_line("ready to accept connections")
    return address


def _body(folder):
    """A folder with a large file and a small one."""
    folder.mkdir()
    (folder / "large").write_bytes(os.urandom(BODY_LEN))
    (folder / "small").write_bytes(b"x" * 1000)
    return folder


def nginx(case):
    """nginx with files that it also lets be written: (address, folder)."""
    address, folder = peers.nobody(case), case.folder / "nginx"
    files = _body(case.folder / "files")
    folder.mkdir()
    temporary = "".join(f"    {kind}_temp_path {folder / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    settings = folder / "nginx.conf"
    settings.write_text(f"daemon off;\nmaster_process off;\npid {folder / 'pid'};\nerror_log stderr notice;\n"
                        "events {\n    worker_connections 1024;\n}\n"
                        f"http {{\n    access_log off;\n{temporary}    keepalive_requests 1000000;\n"
                        "    client_max_body_size 64m;\n"
                        f"    server {{\n        listen {address[0]}:{address[1]};\n        root {files};\n"
                        "        location / {\n            dav_methods PUT;\n        }\n    }\n}\n")
    server = Process(case, "nginx", "-c", settings, "-p", folder, "-e", "stderr")
    server.wait_line("start worker|using the \"epoll\"")
    return address, files


def nghttpd(case):
    """nghttpd, HTTP/2 without TLS: (address, folder)."""
    address = peers.nobody(case)
    files = _body(case.folder / "files")
    Process(case, "nghttpd", "--no-tls", "-a", address[0], "-d", files, address[1])
    _until_it_accepts(case, address)
    return address, files


def client(case, *command, env=None, seconds=120):
    """Runs a client to its end, which must be a good one: what it printed."""
    status, said, errors = run(*command, env={**os.environ, **(env or {})}, seconds=seconds)
    case.assertEqual(status, 0, f"{command}: {said}{errors}")
    return said + errors
