#!/usr/bin/python3
"""The release build in its sandbox: enrolment, traffic, renewal, reload and drain all work there, and what
it gave up is gone.
"""
import os
import pathlib
import pwd
import signal
import tempfile
import unittest

from cryptography.hazmat.primitives import serialization

import case
import leaves
import peers
from elsewhere import as_user
from process import run
from world import DOMAIN, Sidecar, World, egress, ingress, peer

NOBODY = pwd.getpwnam("nobody")
CALLER = 12345  # a local user that may connect


def status(sidecar, key):
    with open(f"/proc/{sidecar.pid}/status", encoding="ascii") as lines:
        return next(line.split()[1:] for line in lines if line.startswith(key + ":"))


class Sandbox(case.Case):
    process = ""

    def setUp(self):
        super().setUp()
        if not case.program("liftgate").exists():
            self.skipTest("needs a build of preset release")
        if case.is_instrumented():
            self.skipTest("an instrumented build cannot run in the sandbox")
        self.world = World(self)
        self.world.start_ca()
        self.app = peers.echo(self)
        self.lists = self.folder / "lists"  # a folder that nothing else is in
        self.lists.mkdir()
        self.deny = self.lists / "deny"
        self.replace(self.deny, "# nobody\n")
        self.start_pair()

    def start_pair(self):
        self.server = self.start("server", ingress(self.app.address, "client"), peer("client"),
                                 identity=f"deny_file = {self.deny}\n")
        host, port = self.server.address("in")
        self.assertEqual(host, "127.0.0.1")
        route = egress(("localhost", port), "server")
        self.client = self.start("client", route, peer("server"))

    def start(self, name, route, rule, **more):
        return self.world.sidecar(name, route, [rule], process=self.process, **more)

    @staticmethod
    def replace(path, text):
        """In one step, as editors and configuration management do."""
        temporary = path.with_suffix(".new")
        temporary.write_text(text)
        temporary.rename(path)

    def ask(self):
        connection = peers.connect(self, self.client.address("out"))
        self.assertEqual(peers.ask(connection, b"hello"), b"hello")
        return connection

    def reload(self, old, new, event="config.reloaded"):
        """Replaces the settings; returns what was said."""
        text = self.server.config.read_text()
        self.assertIn(old, text)
        self.replace(self.server.config, text.replace(old, new))
        since = self.server.mark()
        self.server.signal(signal.SIGHUP)
        return self.server.wait_for(event, since=since)


class Root(Sandbox):
    def test_everything_a_sidecar_does_works_in_the_sandbox(self):
        held = self.ask()  # with the name of the peer looked up
        for side in (self.server, self.client):
            side.renew()
        self.reload("drain_timeout = 2s\n", "drain_timeout = 2s\n[log]\nlevel = debug\n")
        self.assertEqual(peers.ask(held, b"still here"), b"still here")
        self.assertEqual(self.server.get("/identity")[0], 200)
        for name in ("liftgate_fd_open", "process_resident_memory_bytes", "process_start_time_seconds"):
            self.assertGreater(self.server.metric(name), 0, name)
        since = self.server.mark()
        self.replace(self.deny, f"spiffe spiffe://{DOMAIN}/sim/client\n")
        self.server.wait_for("deny.loaded", since=since)
        self.assertEqual(peers.end_of(held), "reset")
        for side in (self.client, self.server):
            side.signal(signal.SIGTERM)
            self.assertEqual(side.wait(), 0)

    def test_what_was_given_up_is_gone(self):
        for key, value in {"Seccomp": ["2"], "NoNewPrivs": ["1"], "CapEff": ["0" * 16], "CapPrm": ["0" * 16]}.items():
            self.assertEqual(status(self.server, key), value, key)
        self.assertEqual(self.server.metric("liftgate_sandbox_status", part="seccomp"), 1)
        self.assertEqual(self.server.metric("liftgate_sandbox_status", part="not_root"), 0)
        with open(f"/proc/{self.server.pid}/limits", encoding="ascii") as lines:
            core = next(line for line in lines if line.startswith("Max core file size"))
        self.assertEqual(core.split()[4:6], ["0", "0"])
        self.assertEqual(self.server.find("sandbox.root")[0].level, "warn")

    def test_a_reload_that_does_not_fit_changes_nothing(self):
        with tempfile.TemporaryDirectory() as elsewhere:
            deny = pathlib.Path(elsewhere) / "deny"
            self.replace(deny, f"spiffe spiffe://{DOMAIN}/sim/client\n")
            event = self.reload(str(self.deny), str(deny), "config.refused")
        self.assertRegex(event["error"], rf"^{self.server.config}:\d+: \[identity\] deny_file: .* needs a restart$")
        for old, new, why in ((f"deny_file = {deny}", f"deny_file = {self.deny}", None),
                              ("[limits]\n", "[limits]\nmax_connections = 1000000\n", "max_connections: beyond the memory"),
                              ("[limits]\nmax_connections = 1000000\n", "[limits]\n", None),
                              ("listen = 127.0.0.1:0\nforward", f"listen = unix:{self.folder}/in.sock\nforward",
                               "Permission denied")):
            with self.subTest(new):
                event = self.reload(old, new, "config.refused" if why else "config.reloaded")
                self.assertIn(why or "", event["error"] if why else "")
        self.ask()


class Files(Sandbox):
    """An identity from files, in a folder that nothing else is in."""

    def start_pair(self):
        self.certificates = self.folder / "certificates"
        self.certificates.mkdir()
        self.write_identity()
        text = (f"[identity]\ntrust_domain = {DOMAIN}\ncertificate = {self.certificates}/own.pem\n"
                f"private_key = {self.certificates}/own.key\ntrust_bundle = {self.certificates}/bundle.pem\n"
                + ingress(self.app.address, "client") + peer("client")
                + "[process]\n[admin]\nlisten = 127.0.0.1:0\n")
        self.server = Sidecar(self, self.folder / "server.ini", text)
        self.server.wait_for("proxy.ready")
        self.client = self.start("client", egress(self.server.address("in"), "server"), peer("server"))

    def write_identity(self):
        """Names the certificate last, as whoever replaces several files does."""
        key, own, issuing = leaves.enrol(self.world, "server")
        fresh = self.folder / "fresh"
        fresh.mkdir(exist_ok=True)
        leaves.write(fresh, "own", key, own, issuing)
        (fresh / "bundle.pem").write_bytes(issuing.public_bytes(serialization.Encoding.PEM))
        for name in ("bundle.pem", "own.key", "own.pem"):
            os.replace(fresh / name, self.certificates / name)

    def test_certificates_that_are_replaced_are_taken(self):
        held = self.ask()
        since = self.server.mark()
        self.write_identity()
        self.server.wait_for("identity.renewed", since=since)
        self.assertEqual(peers.ask(held, b"still here"), b"still here")
        self.ask()


@unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
class Nobody(Sandbox):
    process = "user = nobody\n"

    def start_pair(self):
        self.folder.chmod(0o755)
        self.sockets = self.folder / "sockets"
        self.sockets.mkdir()
        for name in ("server", "client"):
            self.world.machine(name)
        eof = "on_truncation = eof\n"
        self.door, tls = f"unix:{self.sockets}/door", f"unix:{self.sockets}/tls"
        self.server = self.start("server", ingress(self.app.address, "client", extra=eof).replace("127.0.0.1:0", tls, 1),
                                 peer("client"))
        route = (f"[egress out]\nlisten = {self.door}\nconnect = {tls}\nmode = tcp\nexpect = server\n"
                 f"listen_mode = 0666\nallow_uid = {CALLER}\n{eof}")
        local = egress(peers.nobody(self), "server", name="local", extra=f"allow_uid = {CALLER}\n")
        self.client = self.start("client", route + local, peer("server"))

    def start(self, name, route, rule, **more):
        for folder, _, names in os.walk(self.folder):
            for each in (folder, *(os.path.join(folder, name) for name in names)):
                os.chown(each, NOBODY.pw_uid, -1)
        return super().start(name, route, rule, **more)

    def test_another_user_is_become_and_nobody_looks_into_it(self):
        self.assertEqual(as_user(CALLER, self.door), "hello")
        self.assertEqual(status(self.server, "Uid"), [str(NOBODY.pw_uid)] * 4)
        self.assertEqual(status(self.server, "Gid"), [str(NOBODY.pw_gid)] * 4)
        self.assertEqual(status(self.server, "CapEff"), ["0" * 16])
        self.assertEqual(self.server.metric("liftgate_sandbox_status", part="not_root"), 1)
        self.assertGreater(self.server.metric("liftgate_fd_open"), 0)
        self.server.renew()
        # The memory of a process that may not be dumped is root's, even for its own user.
        self.assertEqual(os.stat(f"/proc/{self.server.pid}/mem").st_uid, 0)
        found, _, errors = run("setpriv", "--reuid", NOBODY.pw_uid, "--clear-groups", "head", "-c", "1",
                               f"/proc/{self.server.pid}/maps")
        self.assertNotEqual(found, 0)
        self.assertIn("Permission denied", errors)

    def test_callers_are_told_apart_by_the_kernel(self):
        local = self.client.wait_for("listener.ready", name="local")["addr"]
        self.assertEqual(as_user(CALLER, local), "reset")
        self.client.wait_for("conn.closed", listener="local", reason="connect_refused")
        self.assertEqual(as_user(CALLER + 1, local), "reset")
        self.client.wait_for("conn.closed", listener="local", reason="caller_denied")

    def test_sockets_are_the_users_and_gone_at_the_end(self):
        files = [self.sockets / name for name in ("door", "tls")]
        self.assertEqual([path.stat().st_uid for path in files], [NOBODY.pw_uid] * 2)
        for side in (self.client, self.server):
            side.stop()
        self.assertEqual([path for path in files if path.exists()], [])

    def test_the_packet_filter_exempts_the_user_that_it_will_be(self):
        text = self.client.config.read_text().replace("[egress local]\nlisten = 127.0.0.1:0",
                                                      "[egress local]\nlisten = 127.0.0.1:15001\ntransparent = redirect\n"
                                                      "original = 192.0.2.1:5432")
        path = self.folder / "transparent.ini"
        path.write_text(text)
        found, rules, errors = run(case.program("liftgate"), "-c", path, "--print-nft")
        self.assertEqual(found, 0, errors)
        self.assertIn(f"meta skuid {NOBODY.pw_uid} return", rules)


@unittest.skipIf(run("unshare", "--net", "true")[0], "no network namespace here")
class Port(Sandbox):
    """A port that only root may listen on, in a network of its own."""

    process = "user = nobody\n"

    def start_pair(self):
        pass

    def start(self, name, route, rule, **more):
        for path in self.folder.rglob("*"):
            os.chown(path, NOBODY.pw_uid, -1)
        self.folder.chmod(0o755)
        return super().start(name, route, rule, ready=False, around=("unshare", "--net"), **more)

    def test_what_a_low_port_needs_is_kept_and_nothing_else(self):
        route = ingress(self.app.address, "client").replace("127.0.0.1:0", "0.0.0.0:443", 1)
        self.world.machine("server")
        server = self.start("server", route, peer("client"))
        self.assertEqual(server.wait_for("listener.ready", name="in")["addr"], "0.0.0.0:443")
        self.assertEqual(status(server, "CapEff"), [f"{1 << 10:016x}"])


if __name__ == "__main__":
    case.main()
