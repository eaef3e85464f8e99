#!/usr/bin/python3
"""The load generator against its own application, a sidecar, servers that let strangers in, and with
the load generators of others.
"""
import json
import socket
import ssl
import subprocess
import sys
import threading

from cryptography.hazmat.primitives.asymmetric import ec

import case
import leaves
import peers
from process import Process, run
from world import DOMAIN, World, ingress, peer

SHORT = "repetitions = 2\nwarm_up = 10ms\ntime = 100ms\n"
LONGER = "repetitions = 1\nwarm_up = 10ms\ntime = 300ms\n"  # for handshakes with sanitizers


class LoadCase(case.Case):
    def serve(self, *log):
        """The application: its process and its address as text."""
        process = Process(self, case.program("liftgate-bench"), "serve", "127.0.0.1:0", *log)
        return process, process.wait_line("listening on ").split()[-1]

    def measure(self, text):
        """Status, results as JSON (None: there are none), and standard error."""
        scenario, results = self.folder / "scenario.ini", self.folder / "results.json"
        scenario.write_text(text)
        results.unlink(missing_ok=True)
        status, _, errors = run(case.program("liftgate-bench"), "run", scenario, results)
        return status, json.loads(results.read_text()) if results.exists() else None, errors


class Plain(LoadCase):
    def test_every_workload_is_measured_on_the_application(self):
        process, address = self.serve()
        target = f"[target direct]\nconnect = {address}\nprocesses = app\n[process app]\npid = {process.pid}\n"
        rows = {"requests": "workload = request\nconnections = 4\n",
                "up": "workload = request\nrequest_size = 300000\nreply_size = 16\npipeline = 3\n",
                "down": "workload = request\nreply_size = 300000\npipeline = 3\n",
                "both": "workload = request\nrequest_size = 300000\nreply_size = 300000\npipeline = 3\n",
                "churn": "workload = churn\nconnections = 4\n",
                "open": "workload = request\nrate = 400\nconnections = 2\n",
                "open churn": "workload = churn\nrate = 200\nconnections = 2\n",
                "idle": "workload = request\nidle = 50\nsettle = 1ms\n",
                "http": "workload = request\nprotocol = http\nreply_size = 1000\n",
                "get": "workload = request\nprotocol = http\nrequest_size = 0\npipeline = 2\n"}
        for name, load in rows.items():
            with self.subTest(name):
                status, results, errors = self.measure(f"[load]\n{LONGER if 'churn' in name else SHORT}{load}{target}")
                self.assertEqual(status, 0, errors)
                metrics = results["targets"][0]["metrics"]
                for metric in ("p50", "p999", "operations", "throughput", "cpu.app", "switches.app", "packets", "busy"):
                    self.assertEqual(len(metrics[metric]["values"]), 1 if "churn" in name else 2, metric)
                self.assertGreater(metrics["operations"]["median"], 0)
                self.assertGreater(metrics["cpu.app"]["median"], 0)
                self.assertEqual("memory.app" in metrics, name == "idle")
                self.assertIn(results["environment"]["kind"], ("sev-snp", "tdx", "vm", "bare-metal"))

    def test_the_application_may_be_a_unix_socket(self):
        path = self.folder / "app"
        process = Process(self, case.program("liftgate-bench"), "serve", f"unix:{path}")
        process.wait_line("listening on ")
        for workload in ("request", "churn"):
            status, results, errors = self.measure(f"[load]\nworkload = {workload}\n{SHORT}[target app]\nconnect = unix:{path}\n")
            self.assertEqual(status, 0, errors)
            self.assertGreater(results["targets"][0]["metrics"]["operations"]["median"], 0)
        process.stop()
        self.assertFalse(path.exists())

    def test_a_request_is_in_the_log_before_its_reply(self):
        log = self.folder / "log"
        _, address = self.serve(log)
        host, port = address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=case.DEADLINE_S) as connection:
            for number in range(1, 4):
                request = b"POST /5 HTTP/1.1\r\nContent-Length: 4\r\n\r\nline"
                connection.sendall(request)
                self.assertTrue(peers.receive(connection, 43).endswith(b"abcde"))
                self.assertEqual(log.read_bytes(), request * number)
        status, _, errors = self.measure(f"[load]\nworkload = request\n{SHORT}[target a]\nconnect = {address}\n")
        self.assertEqual(status, 0, errors)
        self.assertGreater(log.stat().st_size, 1000)

    def test_cost_by_connections_and_sizes_is_tabled(self):
        process, address = self.serve()
        scenario, results = self.folder / "scenario.ini", self.folder / "results.json"
        scenario.write_text(f"[load]\nworkload = request\nconnections = 4\n{SHORT}[scale]\nconnections = 2 10 40\nsizes = 64 4096\n"
                            f"[target direct]\nconnect = {address}\nprocesses = app\n[process app]\npid = {process.pid}\n")
        status, said, errors = run(case.program("liftgate-bench"), "scale", scenario, results)
        self.assertEqual(status, 0, errors)
        self.assertRegex(said, r"direct +CPU per operation from 10 connections on: .* flat\n")
        steps = json.loads(results.read_text())["steps"]
        self.assertEqual([(step["axis"], step["value"]) for step in steps],
                         [("connections", 2), ("connections", 10), ("connections", 40), ("size", 64), ("size", 4096)])
        for step in steps:
            self.assertGreater(step["targets"][0]["metrics"]["cpu.app"]["median"], 0)
            self.assertEqual("memory.app" in step["targets"][0]["metrics"], step["value"] in (10, 40))

    def test_a_process_that_is_not_there_is_named(self):
        _, address = self.serve()
        child = subprocess.Popen(["true"])
        child.wait()
        status, results, errors = self.measure(f"[load]\nworkload = request\n[target a]\nconnect = {address}\n"
                                               f"processes = gone\n[process gone]\npid = {child.pid}\n")
        self.assertEqual((status, results), (1, None))
        self.assertIn(f"[process gone]: process {child.pid} is not there", errors)

    def test_redis_benchmark_is_run_and_read(self):
        port = peers.nobody(self)[1]
        redis = Process(self, "redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--dir", self.folder)
        redis.wait_line("Ready to accept connections")
        target = f"[target direct]\nconnect = 127.0.0.1:{port}\nprocesses = redis\n[process redis]\npid = {redis.pid}\n"
        command = "redis-benchmark -h {host} -p {port} -t get,set -n 500 -c 2"
        status, results, errors = self.measure(f"[load]\nworkload = command\nrepetitions = 1\ncommand = {command} --csv\n{target}")
        self.assertEqual(status, 0, errors)
        metrics = results["targets"][0]["metrics"]
        self.assertLessEqual({"operations.get", "p50.get", "p99.set", "cpu.redis"}, metrics.keys())
        status, _, errors = self.measure(f"[load]\nworkload = command\nrepetitions = 1\ncommand = {command} -q\n{target}")
        self.assertEqual(status, 1)
        self.assertIn("no figure in what it wrote", errors)


    def test_of_children_that_ended_there_is_time_but_no_switches(self):
        forking = ("import os, socket, time\n"
                   "listener = socket.create_server(('127.0.0.1', 0), backlog=64)\n"
                   "print('port', listener.getsockname()[1], flush=True)\n"
                   "while True:\n"
                   "    connection = listener.accept()[0]\n"
                   "    if os.fork() == 0:\n"
                   "        while time.process_time() < 0.03: pass\n"
                   "        connection.sendall(connection.recv(64))\n"
                   "        os._exit(0)\n"
                   "    connection.close()\n"
                   "    os.wait()\n")
        server = Process(self, sys.executable, "-c", forking)
        port = server.wait_line("port ").split()[-1]
        status, results, errors = self.measure(
            "[load]\nworkload = churn\nprotocol = echo\nrepetitions = 1\nwarm_up = 1ms\ntime = 400ms\n"
            f"[target t]\nconnect = 127.0.0.1:{port}\nprocesses = p\n[process p]\npid = {server.pid}\n")
        self.assertEqual(status, 0, errors)
        metrics = results["targets"][0]["metrics"]
        self.assertGreater(metrics["cpu.p"]["median"], 20000)
        self.assertNotIn("switches.p", metrics)
        self.assertNotIn("waits.p", metrics)


class Mutual(LoadCase):
    def setUp(self):
        super().setUp()
        self.world = World(self)
        issuing = self.folder / "ca/issuing"
        self.client = (f"[client]\nca_certificate = {issuing}.pem\nca_key = {issuing}.key\n"
                       f"spiffe = spiffe://{DOMAIN}/sim/client\ntrust = {issuing}.pem\n")

    def test_a_sidecar_is_measured_once_it_has_refused_strangers(self):
        self.world.start_ca()
        _, address = self.serve()
        host, port = address.rsplit(":", 1)
        server = self.world.sidecar("server", ingress((host, int(port)), "client"), [peer("client", tee=None, measurement=None)])
        through = "[::1]" if ":" in server.address("in")[0] else server.address("in")[0]
        targets = (f"[target direct]\nconnect = {address}\n"
                   f"[target through]\nconnect = {through}:{server.address('in')[1]}\ntls = yes\nprocesses = sidecar\n"
                   f"[process sidecar]\npid = {server.pid}\n")
        rows = {"requests": "workload = request\nconnections = 4\n",
                "large": "workload = request\nrequest_size = 100000\nreply_size = 100000\npipeline = 2\n",
                "known": "workload = churn\nconnections = 2\n",
                "new": "workload = churn\nconnections = 2\npeers = new\n"}
        for name, load in rows.items():
            with self.subTest(name):
                status, results, errors = self.measure(f"[load]\n{LONGER}{load}stall = 30s\n{self.client}{targets}")
                self.assertEqual(status, 0, errors)
                direct, proxied = results["targets"]
                self.assertEqual((direct["stranger"], proxied["stranger"]), ("not tried", "refused"))
                self.assertGreater(proxied["metrics"]["cpu.sidecar"]["median"], 0)

    def tls_server(self, check):
        """Answers each request of 64 bytes; `check` is what it wants of clients."""
        key = ec.generate_private_key(ec.SECP256R1())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*leaves.write(self.folder, "leaf", key, leaves.leaf(leaves.Issuer(self.world), key)))
        context.load_verify_locations(self.folder / "ca/issuing.pem")
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_mode = check
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def answer(connection):
            try:
                with context.wrap_socket(connection, server_side=True) as tls:
                    while tls.recv(64):
                        tls.sendall(b"abcdefghijklmnopqrstuvwxyz" * 2 + b"abcdefghijkl")
            except OSError:
                pass

        def accept():
            try:
                while True:
                    threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
            except OSError:
                pass

        threading.Thread(target=accept, daemon=True).start()
        return listener.getsockname()

    def test_a_path_that_lets_strangers_in_is_not_measured(self):
        for check, said in ((ssl.CERT_NONE, "strange: accepts a client without a certificate"),
                            (ssl.CERT_OPTIONAL, "strange: accepts a client without a certificate")):
            with self.subTest(said):
                host, port = self.tls_server(check)
                status, results, errors = self.measure(f"[load]\nworkload = request\n{SHORT}{self.client}"
                                                       f"[target strange]\nconnect = {host}:{port}\ntls = yes\n")
                self.assertEqual((status, results), (1, None))
                self.assertIn(said, errors)

    def test_a_path_that_refuses_us_as_well_is_not_taken_for_strict(self):
        host, port = self.tls_server(ssl.CERT_REQUIRED)
        other = self.folder / "other"
        other.mkdir()
        status, _, errors = run(case.program("liftgate-ca"), "init", "-d", other / "ca", "--trust-domain", DOMAIN, "--name", "127.0.0.1")
        self.assertEqual(status, 0, errors)
        client = self.client.replace(f"ca_certificate = {self.folder}", f"ca_certificate = {other}").replace(
            f"ca_key = {self.folder}", f"ca_key = {other}")
        status, results, errors = self.measure(f"[load]\nworkload = request\n{SHORT}{client}[target strict]\nconnect = {host}:{port}\ntls = yes\n")
        self.assertEqual((status, results), (1, None))
        self.assertRegex(errors, "strict: .*(TLS read|reset|ended|pipe)")


if __name__ == "__main__":
    case.main()
