"""Relay: a process that ends mutual TLS and relays to an application; how each is configured, started on
its processor, and asked what it used.
"""
import os
import pathlib
import socket
import string
import subprocess
import time

FOLDER = pathlib.Path(__file__).resolve().parent
START_S = 10

# What is run, with the file made of the template in FOLDER or without one.
KINDS = {
    "haproxy": ("haproxy.cfg", ("haproxy", "-db", "-f", "${file}")),
    "nginx": ("nginx.conf", ("nginx", "-c", "${file}", "-p", "${folder}")),
    "hitch": ("hitch.conf", ("hitch", "--config=${file}")),
    "stunnel": ("stunnel.conf", ("stunnel4", "${file}")),
    "floor": (None, ("${bin}/floor", "${listen}", "${app}", "${folder}/server.pem", "${folder}/server.key",
                     "${folder}/ca.pem")),
    "liftgate": ("liftgate.ini", ("${bin}/liftgate", "-c", "${file}")),
}
PEERS = ("haproxy", "nginx", "hitch", "stunnel")
PROGRAMS = {"stunnel": "stunnel4"}

# Neither HAProxy 2.6 nor hitch has a setting that stops the tickets of TLS 1.3; libssl's own file has.
NO_TICKETS = """openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = default
[default]
NumTickets = 0
"""


def free_port():
    """A port on which nothing listens now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def listens(port):
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def app_spellings(app):
    """An application's address, HOST:PORT or unix:PATH, as each program writes it."""
    if app.startswith("unix:"):
        path = app.removeprefix("unix:")
        return {"app": app, "app_haproxy": f"unix@{path}", "app_nginx": app, "app_hitch": path, "app_stunnel": path,
                "ingress": "on_truncation = eof\n"}
    host, port = app.rsplit(":", 1)
    return {"app": app, "app_haproxy": app, "app_nginx": app, "app_hitch": f"[{host}]:{port}", "app_stunnel": app,
            "ingress": ""}


def write_config(kind, name, folder, app, binaries, port, workers=1):
    """Fills the template of a kind and writes it to NAME.conf: (its text, the words of the command)."""
    template, command = KINDS[kind]
    values = {"folder": folder, "bin": binaries, "host": "127.0.0.1", "port": port, "listen": f"127.0.0.1:{port}",
              "file": folder / f"{name}.conf", "user": "root", "workers": workers, **app_spellings(app)}
    config = ""
    if template:
        config = string.Template((FOLDER / template).read_text()).substitute(values)
        values["file"].write_text(config)
    return config, [string.Template(word).substitute(values) for word in command]


class Relay:
    """One running relay.  `name` tells apart what was set up differently, such as without tickets."""

    def __init__(self, kind, folder, app, binaries, *, cpu=None, tickets=True, workers=1, name=None):
        self.kind = kind
        self.name = name or kind
        self.port = free_port()
        self.log = folder / f"{self.name}.log"
        self.config, self.command = write_config(kind, self.name, folder, app, binaries, self.port, workers)
        environment = dict(os.environ)
        if not tickets and kind in PEERS:
            (folder / "no-tickets.cnf").write_text(NO_TICKETS)
            environment["OPENSSL_CONF"] = str(folder / "no-tickets.cnf")
        pinned = ["taskset", "-c", str(cpu)] if cpu is not None else []
        with open(self.log, "wb") as log:
            self._child = subprocess.Popen(pinned + self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           env=environment)

    @property
    def pid(self):
        """Of the process that was started, which may be a master of workers."""
        return self._child.pid

    @property
    def address(self):
        return "127.0.0.1", self.port

    def await_listener(self):
        """Returns once it accepts connections; raises what it said if it ends or never does."""
        end = time.monotonic() + START_S
        while time.monotonic() < end and self._child.poll() is None:
            if listens(self.port):
                return
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} did not start: {' '.join(self.command)}\n{self.log.read_text(errors='replace')}")

    def pids(self):
        """Its process and all below it: masters and workers."""
        found, todo = [], [self.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                todo += [int(child) for child in task.read_text().split()]
        return found

    def worker(self):
        """The process that does the work: the last child, or itself."""
        return self.pids()[-1]

    def libraries(self):
        """The shared libraries that are mapped."""
        maps = pathlib.Path(f"/proc/{self.worker()}/maps").read_text().splitlines()
        return sorted({line.split()[-1] for line in maps if ".so" in line.split()[-1]})

    def stop(self):
        """Ends it and whatever it started."""
        pids = self.pids() if self._child.poll() is None else []
        self._child.terminate()
        try:
            self._child.wait(5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        for pid in pids[1:]:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
