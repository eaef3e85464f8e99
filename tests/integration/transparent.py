#!/usr/bin/python3
"""Transparent egress and ingress in a network namespace of the test's own: the rules that liftgate
prints are loaded, an application connects to where it always did, and what may go wrong does.
"""
import ctypes
import os
import shutil
import subprocess
import unittest

import case
import leaves
import peers
from elsewhere import as_user
from process import run
from world import World, egress, ingress, peer

OWN, APP = 990, 12345  # liftgate and the application
PLACES = {"v4": ("192.0.2.1:5432", "127.0.0.1:15001"), "v6": ("[2001:db8::1]:5432", "[::1]:15001")}
CLONE_NEWNET = 0x40000000
NETWORK = """
ip link set lo up
ip link add inside type veth peer name outside
ip link set inside up
ip link set outside up
ip addr add 192.0.2.77/24 dev inside
ip -6 addr add 2001:db8::77/64 dev inside nodad
"""


def enter_namespace():
    """Why it is not possible, or None: this process and its children are in a namespace then."""
    if os.geteuid() != 0:
        return "needs root"
    if not shutil.which("nft") or not shutil.which("ip"):
        return "needs nft and ip"
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        return f"no network namespace here: {os.strerror(ctypes.get_errno())}"
    done = subprocess.run(["sh", "-e", "-c", NETWORK], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return f"no network in the namespace: {done.stderr}"
    done = subprocess.run(["nft", "add", "table", "inet", "probe"], capture_output=True, text=True, check=False)
    return f"no packet filter here: {done.stderr}" if done.returncode != 0 else None


OBSTACLE = enter_namespace()


@unittest.skipIf(OBSTACLE, OBSTACLE)
class Transparent(case.Case):
    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        self.world = World(self)
        self.world.start_ca()
        self.addCleanup(subprocess.run, ["nft", "flush", "ruleset"], check=False)
        self.app = peers.echo(self)
        self.server = self.world.sidecar("server", ingress(self.app.address, "client"), [peer("client")])

    def start_client(self, user=OWN):
        """An egress for each family that stands in for its place."""
        routes = ""
        for name, (original, listen) in PLACES.items():
            extra = f"transparent = redirect\noriginal = {original}\nallow_uid = {APP}\n"
            routes += egress(self.server.address("in"), "server", name=name, extra=extra).replace("127.0.0.1:0", listen, 1)
        self.world.machine("client")
        subprocess.run(["chmod", "-R", "a+rX", self.folder], check=True)
        return self.world.sidecar("client", routes, [peer("server")], user=user)

    def print_rules(self, client, user=OWN):
        return run("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", case.program("liftgate"), "-c", client.config, "--print-nft")

    def load_rules(self, client):
        status, rules, errors = self.print_rules(client)
        self.assertEqual(status, 0, errors)
        for _ in range(2):  # they replace themselves
            status, _, errors = run("nft", "-f", "-", stdin=rules)
            self.assertEqual(status, 0, errors)

    def test_r33_r34_connections_are_redirected_and_guarded(self):
        client = self.start_client()
        self.load_rules(client)
        for name, (original, listen) in PLACES.items():
            with self.subTest(name):
                since = client.mark()
                self.assertEqual(as_user(APP, original), "hello")
                event = client.wait_for("conn.closed", since=since, listener=name)
                self.assertEqual((event["reason"], event["rule"]), ("clean", "server"))
            with self.subTest(f"{name} direct"):
                self.assertEqual(as_user(APP, listen), "reset")
                client.wait_for("conn.closed", listener=name, reason="loop_refused")
        with self.subTest("the redirecting chain is gone"):
            self.assertEqual(run("nft", "flush", "chain", "inet", "liftgate", "intercept")[0], 0)
            for original, _ in PLACES.values():
                self.assertEqual(as_user(APP, original), "refused")
            self.load_rules(client)
        with self.subTest("liftgate is stopped"):
            client.stop()
            for original, _ in PLACES.values():
                self.assertEqual(as_user(APP, original), "refused")
        self.assertEqual(self.app.accepted, len(PLACES))

    def test_r34_a_connection_of_our_own_that_comes_back_is_refused(self):
        """As if the rules did not exempt us: a caller with liftgate's own user."""
        client = self.start_client()
        self.load_rules(client)
        status, listing, _ = run("nft", "list", "table", "inet", "liftgate")
        self.assertEqual(status, 0)
        listing = listing.replace(f"meta skuid {OWN} return", "meta skuid 1 return").replace(f"meta skuid {APP}", f"meta skuid {OWN}")
        run("nft", "flush", "ruleset")
        status, _, errors = run("nft", "-f", "-", stdin=listing)
        self.assertEqual(status, 0, errors)
        for name, (original, _) in PLACES.items():
            self.assertEqual(as_user(OWN, original), "reset")
            client.wait_for("conn.closed", listener=name, reason="loop_refused")
        self.assertEqual(self.app.accepted, 0)

    def test_r34_another_destination_and_another_user_are_refused(self):
        client = self.start_client()
        status, rules, errors = self.print_rules(client)
        self.assertEqual(status, 0, errors)
        rules = rules.replace("dport 5432", "dport 5433").replace(str(APP), f"{APP}, {APP + 1}")
        self.assertEqual(run("nft", "-f", "-", stdin=rules)[0], 0)
        self.assertEqual(as_user(APP, "192.0.2.1:5433"), "reset")
        event = client.wait_for("conn.closed", reason="loop_refused")
        self.assertIn("192.0.2.1:5433", event["detail"])
        rules = rules.replace("dport 5433", "dport 5432")
        self.assertEqual(run("nft", "-f", "-", stdin=rules)[0], 0)
        self.assertEqual(as_user(APP + 1, "192.0.2.1:5432"), "reset")
        client.wait_for("conn.closed", reason="caller_denied")
        self.assertEqual(self.app.accepted, 0)

    def test_r34_no_rules_are_printed_for_root_or_for_the_application(self):
        client = self.start_client()
        for user, why in ((0, "user of its own"), (APP, "our own user")):
            status, rules, errors = self.print_rules(client, user)
            self.assertEqual((status, rules), (2, ""))
            self.assertIn(why, errors)


WIRE = """
ip link add wire type veth peer name far netns {pid}
ip link set wire up
ip addr add 203.0.113.1/24 dev wire
ip rule add fwmark 1 lookup 100
ip route add local default dev lo table 100
nsenter -t {pid} -n ip link set far up
nsenter -t {pid} -n ip addr add 203.0.113.2/24 dev far
nsenter -t {pid} -n ip route add default via 203.0.113.1
"""

TPROXY = """
table inet incoming {{
    chain prerouting {{
        type filter hook prerouting priority -150;
        iifname "wire" ip daddr 198.51.100.5 tcp dport 443 meta mark set 1 tproxy ip to 127.0.0.1:{port} accept
    }}
}}
"""

FAR_CLIENT = """
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.load_cert_chain(*sys.argv[1:])
with context.wrap_socket(socket.create_connection(("198.51.100.5", 443), timeout=20)) as connection:
    connection.sendall(b"hello")
    print(connection.recv(5).decode())
"""


@unittest.skipIf(OBSTACLE, OBSTACLE)
class Incoming(case.Case):
    """A peer in another namespace that connects to an address which nobody has."""

    def setUp(self):
        super().setUp()
        far = subprocess.Popen(["unshare", "-n", "sleep", "600"])
        self.addCleanup(far.wait)
        self.addCleanup(far.kill)
        self.addCleanup(subprocess.run, ["ip", "rule", "del", "fwmark", "1"], check=False)
        self.addCleanup(subprocess.run, ["nft", "flush", "ruleset"], check=False)
        here = os.readlink("/proc/self/ns/net")
        self.until(lambda: os.readlink(f"/proc/{far.pid}/ns/net") != here, "another namespace")
        self.far = far.pid
        status, _, errors = run("sh", "-e", "-c", WIRE.format(pid=far.pid))
        self.assertEqual(status, 0, errors)

    def test_r34_tproxy_keeps_both_addresses(self):
        heads = []

        def serve(connection):
            heads.append(peers.receive(connection, 28))
            peers.receive(connection, int.from_bytes(heads[0][14:16], "big") - 12)
            peers.echo_to(connection)

        world = World(self)
        world.start_ca()
        route = ingress(peers.Server(self, serve).address, "client", extra="transparent = tproxy\nproxy_out = v2\n")
        server = world.sidecar("server", route, [peer("client")])
        status, _, errors = run("nft", "-f", "-", stdin=TPROXY.format(port=server.address("in")[1]))
        self.assertEqual(status, 0, errors)
        key, own, issuing = leaves.enrol(world, "client")
        files = leaves.write(self.folder, "far", key, own, issuing)
        status, said, errors = run("nsenter", "-t", self.far, "-n", "/usr/bin/python3", "-c", FAR_CLIENT, *files)
        self.assertEqual((status, said.strip()), (0, "hello"), errors)
        self.assertEqual(heads[0][16:24], bytes((203, 0, 113, 2, 198, 51, 100, 5)))
        self.assertEqual(heads[0][26:28], (443).to_bytes(2, "big"))
        self.assertTrue(server.wait_for("conn.closed")["src"].startswith("203.0.113.2:"))


if __name__ == "__main__":
    case.main()
