#!/usr/bin/python3
"""Sockets that are not TCP, and sockets that a service manager holds and hands over."""
import contextlib
import ctypes
import os
import pathlib
import signal
import socket
import threading

import case
import peers
from process import run
from world import World, egress, ingress, peer

CONNECTS = 10000
PINGS = 10  # that may be on their way when a worker stops


class Unix(case.Case):
    """A chain of two sidecars whose plaintext passes unix sockets on both sides."""

    def setUp(self):
        super().setUp()
        self.world = World(self)
        self.world.start_ca()
        self.paths = {name: f"{self.folder}/{name}.sock" for name in ("app", "door", "tls")}
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.paths["app"])
        listener.listen()
        self.app = peers.Server(self, peers.echo_to, listener)
        eof = "on_truncation = eof\n"
        server = (f"[ingress in]\nlisten = unix:{self.paths['tls']}\nlisten_mode = 0600\n"
                  f"forward = unix:{self.paths['app']}\nmode = tcp\nallow = client\n{eof}")
        client = (f"[egress out]\nlisten = unix:{self.paths['door']}\nconnect = unix:{self.paths['tls']}\n"
                  f"mode = tcp\nexpect = server\n{eof}")
        self.server = self.world.sidecar("server", server, [peer("client")])
        self.client = self.world.sidecar("client", client, [peer("server")])

    def connect(self):
        connection = socket.socket(socket.AF_UNIX)
        self.addCleanup(connection.close)
        connection.settimeout(20)
        connection.connect(self.paths["door"])
        return connection

    def test_a_service_and_its_client_need_no_network(self):
        self.assertEqual(self.server.wait_for("listener.ready")["addr"], f"unix:{self.paths['tls']}")
        self.assertEqual(os.stat(self.paths["tls"]).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(self.paths["door"]).st_mode & 0o777, 0o660)
        connection = self.connect()
        data = os.urandom(1 << 20)
        sender = threading.Thread(target=lambda: (connection.sendall(data), connection.shutdown(socket.SHUT_WR)))
        sender.start()
        self.assertEqual(peers.receive(connection, len(data)), data)
        sender.join()
        self.assertEqual(peers.end_of(connection), "closed")
        closed = self.server.wait_for("conn.closed")
        self.assertEqual((closed["reason"], closed["dst"]), ("clean", f"unix:{self.paths['app']}"))
        self.assertEqual(self.client.wait_for("conn.closed")["src"], "unix:")

    def test_files_are_gone_at_the_end_and_left_ones_replaced(self):
        self.client.kill()
        self.assertTrue(os.path.exists(self.paths["door"]))
        self.client = self.world.sidecar("client", "".join(self.client.config.read_text().partition("[egress")[1:])
                                         .split("[peer")[0], [peer("server")])
        self.assertEqual(peers.ask(self.connect(), b"hello"), b"hello")
        self.client.stop()
        self.server.stop()
        self.assertFalse(os.path.exists(self.paths["door"]))
        self.assertFalse(os.path.exists(self.paths["tls"]))

    def test_a_path_in_use_stops_the_start(self):
        status, _, errors = run(case.program("liftgate"), "-c", self.client.config)
        self.assertEqual(status, 1)
        self.assertIn("[egress out] listen: ", errors)
        self.assertIn("another process listens there", errors)
        self.assertEqual(peers.ask(self.connect(), b"hello"), b"hello")


class Activated(case.Case):
    """An ingress whose socket this test holds, as systemd would."""

    def setUp(self):
        super().setUp()
        self.world = World(self)
        self.world.start_ca()
        self.app = peers.echo(self)
        self.held = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.addCleanup(self.held.close)
        self.server = self.start()
        self.client = self.world.sidecar("client", egress(self.held.getsockname(), "server"), [peer("server")])

    def start(self, ready=True):
        routes = ingress(self.app.address, "client").replace("listen = 127.0.0.1:0", "listen = systemd:web")
        return self.world.sidecar("server", routes, [peer("client")], ready=ready, sockets={"web": self.held})

    def ask(self):
        with peers.connect(self, self.client.address("out")) as connection:
            return peers.ask(connection, b"hello")

    def test_r41_a_restart_refuses_nobody(self):
        """Strangers connect all the time; whoever has a request gets its answer, perhaps late."""
        address = self.held.getsockname()
        answers, failures, done = [], [], threading.Event()

        def knock():
            for _ in range(CONNECTS):
                try:
                    socket.create_connection(address, timeout=60).close()
                except OSError as error:
                    failures.append(error)
            done.set()

        def request():
            try:
                answers.append(self.ask())
            except OSError as error:
                failures.append(error)

        knocking = threading.Thread(target=knock)
        knocking.start()
        restarts = 0
        while restarts == 0 or not done.is_set():
            self.server.signal(signal.SIGTERM)
            self.server.wait_for("proxy.drain")
            requests = [threading.Thread(target=request) for _ in range(5)]
            for thread in requests:
                thread.start()
            self.assertEqual(self.server.wait(), 0)
            self.server = self.start(ready=False)
            self.server.wait_for("listener.ready")
            for thread in requests:
                thread.join()
            restarts += 1
        knocking.join()
        self.assertEqual(failures, [])
        self.assertEqual(answers, [b"hello"] * 5 * restarts)

    def test_a_socket_that_is_not_there_stops_the_start(self):
        status, _, errors = run(case.program("liftgate"), "-c", self.server.config)
        self.assertEqual(status, 2)
        self.assertIn("[ingress in] listen: systemd:web: no socket was handed over", errors)
        self.assertEqual(run(case.program("liftgate"), "-c", self.server.config, "--check")[0], 0)


class Managed(case.Case):
    """A sidecar whose NOTIFY_SOCKET is this test's."""

    def setUp(self):
        super().setUp()
        self.world = World(self)
        self.world.start_ca()
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind(f"{self.folder}/notify")
        self.manager.settimeout(20)

    def start(self, **variables):
        return self.world.sidecar("server", ingress(("127.0.0.1", 9), "client"), [peer("client")], ready=False,
                                  variables={"NOTIFY_SOCKET": f"{self.folder}/notify", **variables})

    def hear(self, wanted):
        """Datagrams up to the first with this line, as lists of lines."""
        heard = []
        while not heard or wanted not in heard[-1]:
            heard.append(self.manager.recv(4096).decode().split("\n"))
        return heard

    def test_r42_the_manager_hears_start_reload_and_stop_in_order(self):
        server = self.start()
        first = self.hear("READY=1")
        self.assertEqual(first[0], ["STATUS=waiting for the first identity", "EXTEND_TIMEOUT_USEC=30000000"])
        self.assertRegex(first[-1][1], r"^STATUS=identity until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        server.wait_for("proxy.ready")
        for good in (True, False):
            if not good:
                server.config.write_text(server.config.read_text().replace("mode = tcp", "mode = nosuch"))
            server.signal(signal.SIGHUP)
            reload = self.hear("READY=1")
            self.assertEqual([lines[0] for lines in reload], ["RELOADING=1", "READY=1"])
            self.assertRegex(reload[0][1], r"^MONOTONIC_USEC=\d+$")
        server.signal(signal.SIGTERM)
        self.assertEqual(self.hear("STOPPING=1")[-1][1], "STATUS=draining")
        self.assertEqual(server.wait(), 0)

    def test_r42_a_hung_worker_stops_the_watchdog(self):
        server = self.start(WATCHDOG_USEC="400000")
        self.hear("READY=1")
        self.hear("WATCHDOG=1")
        with Stopped(self.worker_of(server)):
            self.manager.settimeout(2)  # several times the bound: silence is what must follow
            with self.assertRaises(TimeoutError):
                for _ in range(PINGS):
                    self.assertEqual(self.manager.recv(4096), b"WATCHDOG=1")
            self.manager.settimeout(20)
        self.hear("WATCHDOG=1")

    def test_r40_a_drain_ends_though_a_worker_hangs(self):
        # The thread is left behind on purpose, which the thread sanitizer would report.
        server = self.start(TSAN_OPTIONS=os.environ.get("TSAN_OPTIONS", "") + ":report_thread_leaks=0")
        self.hear("READY=1")
        with Stopped(self.worker_of(server)):
            server.signal(signal.SIGTERM)
            server.wait_for("proxy.stop", seconds=60, result="cut short")
        self.assertEqual(server.wait(), 1)
        self.assertEqual(len(server.find("proxy.hung")), 1)

    def test_r42_a_watchdog_that_is_shorter_than_a_tick_is_fed(self):
        server = self.start(WATCHDOG_USEC="1000")
        self.assertEqual(server.wait_for("watchdog.short", interval_us=1000).level, "warn")
        self.hear("READY=1")
        for _ in range(3):
            self.hear("WATCHDOG=1")

    @staticmethod
    def worker_of(server):
        """The thread of the first worker; a sanitizer may have one of its own, before it."""
        for task in pathlib.Path(f"/proc/{server.pid}/task").iterdir():
            if (task / "comm").read_text() == "worker-0\n":
                return int(task.name)
        raise AssertionError("no worker")


class Stopped:
    """Holds one thread of a process in a ptrace stop."""

    SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
    WAIT_ALL = 0x40000000  # __WALL: threads that are no children, too

    def __init__(self, thread):
        self.thread = thread
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self.libc.ptrace.restype = ctypes.c_long

    def ptrace(self, request):
        if self.libc.ptrace(request, self.thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def __enter__(self):
        self.ptrace(self.SEIZE)
        self.ptrace(self.INTERRUPT)
        os.waitpid(self.thread, self.WAIT_ALL)

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):  # the process may have ended
            self.ptrace(self.DETACH)
            return
        os.waitpid(self.thread, self.WAIT_ALL)


if __name__ == "__main__":
    case.main()
