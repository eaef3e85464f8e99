#!/usr/bin/python3
"""HTTP/1 and HTTP/2 through two sidecars that know nothing of it: curl, h2load, wrk, varnishtest and
slowhttptest against nginx and nghttpd.
"""
import hashlib
import pathlib
import re
import subprocess

import case
import leaves
import peers
import programs
from bridge import Bridge

VTC = pathlib.Path(__file__).parent / "vtc"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Nginx(case.Case):
    def setUp(self):
        super().setUp()
        address, self.files = programs.nginx(self)
        self.bridge = Bridge(self, address)

    def curl(self, *options):
        return programs.client(self, "curl", "-sS", "--max-time", 60, *options)

    def test_r48_curl(self):
        url, large, got = self.bridge.url, self.files / "large", self.folder / "got"
        with self.subTest("download"):
            self.curl("-f", "-o", got, f"{url}/large")
            self.assertEqual(digest(got), digest(large))
        with self.subTest("upload"):  # more than a megabyte: curl asks with Expect: 100-continue
            self.curl("-f", "-T", large, f"{url}/uploaded")
            self.assertEqual(digest(self.files / "uploaded"), digest(large))
        with self.subTest("expect"):
            said = self.curl("-v", "-f", "-H", "Expect: 100-continue", "--expect100-timeout", 30, "-T", large, f"{url}/again")
            self.assertIn("HTTP/1.1 100 Continue", said)
        with self.subTest("head"):
            self.assertIn(f"Content-Length: {programs.BODY_LEN}", self.curl("-I", f"{url}/large"))
        with self.subTest("range"):
            self.curl("-f", "-r", "1000-1999,5000000-", "-o", got, f"{url}/large")
            self.assertIn(large.read_bytes()[5000000:], got.read_bytes())
        with self.subTest("keep_alive"):
            said = self.curl("-v", "-f", *[word for _ in range(20) for word in ("-o", got, f"{url}/small")])
            self.assertEqual(len(re.findall(r"Re-using existing (?:http: )?connection", said)), 19)
        self.bridge.clean()

    def test_r48_curl_with_a_certificate_straight_at_the_ingress(self):
        key, own, issuing = leaves.enrol(self.bridge.world, "client")
        chain, secret = leaves.write(self.folder, "genuine", key, own, issuing)
        host, port = self.bridge.server.address("in")
        self.curl("-f", "-k", "--cert", chain, "--key", secret, "-o", self.folder / "got", f"https://{host}:{port}/large")
        self.assertEqual(digest(self.folder / "got"), digest(self.files / "large"))

    def test_r48_wrk(self):
        said = programs.client(self, "wrk", "-t", 1, "-c", 32, "-d", "3s", "--latency", f"{self.bridge.url}/small")
        print(said)
        self.assertNotIn("Socket errors", said)
        self.assertNotIn("Non-2xx", said)
        self.assertRegex(said, r"[1-9][0-9]* requests in ")

    def test_r48_slowhttptest(self):
        """Slow heads, bodies and readers, and strangers at the TLS port: others are served meanwhile."""
        host, port = self.bridge.server.address("in")
        slow = ["slowhttptest", "-c", "60", "-r", "60", "-i", "1", "-l", "5", "-u"]
        attacks = [slow + [f"{self.bridge.url}/large", kind] for kind in ("-H", "-B", "-X", "-R")]
        attacks += [slow + [f"https://{host}:{port}/", "-H"], slow + [f"http://{host}:{port}/", "-B"]]
        children = [subprocess.Popen(attack, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder)
                    for attack in attacks]
        served = 0
        while any(child.poll() is None for child in children):
            self.curl("-f", "-o", self.folder / "got", f"{self.bridge.url}/small")
            served += 1
        self.assertGreaterEqual(served, 1)  # each of them within curl's time; how many is a matter of load
        self.assertGreater(self.bridge.server.metric("liftgate_connections_total"), 4 * 60)
        self.assertGreater(self.bridge.server.metric("liftgate_handshake_failures_total"), 60)
        self.until(lambda: self.bridge.server.metric("liftgate_connections_open") == 0, "no open connection")


class Http2(case.Case):
    def test_r48_h2load_and_curl_with_prior_knowledge(self):
        address, files = programs.nghttpd(self)
        bridge = Bridge(self, address)
        with self.subTest("h2load"):
            said = programs.client(self, "h2load", "-n", 3000, "-c", 8, "-m", 16, "-p", "h2c", f"{bridge.url}/small")
            self.assertRegex(said, r"3000 succeeded, 0 failed, 0 errored, 0 timeout")
        with self.subTest("large"):
            said = programs.client(self, "h2load", "-n", 8, "-c", 2, "-m", 4, "-p", "h2c", f"{bridge.url}/large")
            self.assertRegex(said, r"8 succeeded, 0 failed, 0 errored, 0 timeout")
        with self.subTest("curl"):
            got = self.folder / "got"
            programs.client(self, "curl", "-sS", "-f", "--http2-prior-knowledge", "-o", got, f"{bridge.url}/large")
            self.assertEqual(digest(got), digest(files / "large"))
        bridge.clean(at_least=11)


class Varnishtest(case.Case):
    def test_r48_varnishtest(self):
        """Closes and races of HTTP that a relay must not change; each script is client and server."""
        address = peers.nobody(self)
        bridge = Bridge(self, address)
        for script in sorted(VTC.glob("*.vtc")):
            with self.subTest(script.stem):
                programs.client(self, "varnishtest", "-b", "8M", "-t", 30, "-D", f"app={address[0]}:{address[1]}", "-D",
                                f"entry={bridge.entry[0]}:{bridge.port}", script, env={"TMPDIR": str(self.folder)})
        self.until(lambda: bridge.server.metric("liftgate_connections_open") == 0, "no open connection")


if __name__ == "__main__":
    case.main()
