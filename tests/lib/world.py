"""World: an authority, simulated machines and sidecars, as a deployment would have them, each in the
folder of the test and on a port that the kernel chose.
"""
import fcntl
import http.client
import json
import os
import signal

import est_client  # the demo's raw client (config/demo), which is the tests' as well
import handover
from case import build_folder, is_instrumented, program
from process import Process, run

DOMAIN = "test.example"
MEASUREMENTS = {name: f"{number:02x}" * 48 for number, name in enumerate(("server", "client", "intruder", "unknown"), 0xA1)}

# All sidecars of a test have one address, and often one machine.
NO_LIMITS = "[limits]\nnonce_per_second = 0\nenrol_per_second = 0\nchip_per_minute = 0\nkey_per_minute = 0\n"


def vendor():
    """The simulated vendor that all tests of a build folder share (tests/lib/vendor.c makes the same)."""
    top = build_folder() / "vendor"
    top.mkdir(exist_ok=True)
    with open(top / "lock", "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (top / "Sim").exists():
            temporary = top / f"Sim.{os.getpid()}"
            status, _, errors = run(program("liftgate-attest"), "sim", "init", "-d", temporary)
            assert status == 0, errors
            temporary.rename(top / "Sim")
    return top / "Sim"


class World:
    """Makes machines, the authority's folder and its policy; starts what a test asks for."""

    def __init__(self, case, ttl=3600, workloads=("server", "client", "intruder")):
        self.case = case
        self.folder = case.folder
        self.ca = None
        self.ttl = ttl
        self.ca_listen = "127.0.0.1:0"
        self.ca_limits = NO_LIMITS
        self.ca_command = (program("liftgate-ca"), "serve", "-c")
        self.vendor = vendor()
        status, _, errors = run(program("liftgate-ca"), "init", "-d", self.folder / "ca", "--trust-domain", DOMAIN,
                                "--name", "127.0.0.1")
        case.assertEqual(status, 0, errors)
        self.write_policy(workloads)

    def machine(self, name, measurement=None):
        """The folder of a simulated machine."""
        folder = self.folder / f"{name}.machine"
        if not folder.exists():
            status, _, errors = run(program("liftgate-attest"), "sim", "machine", "-d", self.vendor, "-o", folder,
                                    "--measurement", measurement or MEASUREMENTS[name])
            self.case.assertEqual(status, 0, errors)
        return folder

    def write_policy(self, workloads, extra=""):
        text = f"[ca]\ntrust_domain = {DOMAIN}\nepoch = 1\nttl = {self.ttl}\n"
        if self.ttl < 300:
            text += "insecure_short_ttl = yes\n"
        text += "[tcb sim]\nbootloader = 0\ntee = 0\nsnp = 0\nmicrocode = 0\n"
        for name in workloads:
            text += f"[workload {name}]\ntee = sim\nmeasurement = {MEASUREMENTS[name]}\ntcb = sim\nspiffe = sim/{name}\n"
        text += f"[platform sim]\ninsecure_root = {vendor() / 'ark.pem'}\n{extra}"
        (self.folder / "ca/policy.ini").write_text(text)

    def write_ca_settings(self, **changes):
        """Listens on ports of the kernel's choice; `changes` replaces values by key."""
        changes = {"listen": self.ca_listen, **changes}
        section, text = "", ""
        for line in (self.folder / "ca/ca.ini").read_text().splitlines():
            key = line.split("=")[0].strip()
            if line.startswith("["):
                section = line
            if section == "[metrics]" and key == "listen":
                line = "listen = 127.0.0.1:0"
            elif key in changes and not line.startswith(("[", ";")):
                line = f"{key} = {changes[key]}"
            text += line + "\n"
        text += self.ca_limits
        (self.folder / "ca.ini").write_text(text)
        return self.folder / "ca.ini"

    def start_ca(self, env=None, **changes):
        self.ca = Authority(self.case, *self.ca_command, self.write_ca_settings(**changes), env=env)
        host, port = self.ca.address("server")
        self.ca_listen = f"{host}:{port}"  # the next one takes the same place
        return self.ca

    @property
    def ca_url(self):
        return f"https://{self.ca_listen}"

    @property
    def ca_root(self):
        return self.folder / "ca/root.pem"

    def authority(self):
        """A raw connection to the CA."""
        authority = est_client.Authority(self.ca_url, self.ca_root)
        self.case.addCleanup(authority.close)
        return authority

    def collect(self, name, report_data):
        return est_client.collect(program("liftgate-attest"), self.machine(name), report_data)

    def sidecar(self, name, routes, peers=(), limits="", machine=None, ready=True, identity="", user=None,
                process="", platform=None, **manager):
        """A running sidecar with an identity (or, if not `ready`, on its way to one); `manager` is what a
        service manager gives it, as handover.py knows it, or a command `around` it."""
        platform = platform or f"platform = sim\ninsecure_sim = {machine or self.machine(name)}"
        text = (f"[identity]\nca = {self.ca_url}\nca_root = {self.ca_root}\ntrust_domain = {DOMAIN}\nservice = {name}\n"
                f"{platform}\n{identity}")
        text += routes + "".join(peers)
        workers = os.environ.get("LIFTGATE_TEST_WORKERS", "1")
        text += (f"[process]\nworkers = {workers}\n{process}[admin]\nlisten = 127.0.0.1:0\n"
                 f"[limits]\ndrain_timeout = 2s\n{limits}")
        sidecar = Sidecar(self.case, self.folder / f"{name}.ini", text, user, **manager)
        if ready:
            sidecar.wait_for("proxy.ready")
        return sidecar


def peer(name, **keys):
    """A [peer] section: who, and in what attested state."""
    keys = {"spiffe": f"spiffe://{DOMAIN}/sim/{name}", "tee": "sim", "measurement": MEASUREMENTS[name], **keys}
    return f"[peer {name}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items() if value)


def ingress(forward, *allow, name="in", extra="", listen="127.0.0.1:0"):
    return (f"[ingress {name}]\nlisten = {listen}\nforward = {text_of(forward)}\nmode = tcp\n"
            f"allow = {' '.join(allow)}\n{extra}")


def egress(connect, *expect, name="out", extra="", listen="127.0.0.1:0"):
    return (f"[egress {name}]\nlisten = {listen}\nconnect = {text_of(connect)}\nmode = tcp\n"
            f"expect = {' '.join(expect)}\n{extra}")


def runnable(text):
    """The settings `text`, without the sandbox where a sanitizer could not run in it."""
    head, line = "[process]\n", "insecure_no_sandbox = yes\n"
    if not is_instrumented():
        return text
    return text.replace(head, head + line, 1) if head in text else text + head + line


def text_of(address):
    """The address as settings have it: of IPv4, or (number, port) of vsock."""
    return f"{'vsock:' if isinstance(address[0], int) else ''}{address[0]}:{address[1]}"


class Service(Process):
    """A program with an endpoint for operators, which is a listener named `endpoint`."""

    endpoint = "admin"

    def get(self, path):
        """(status, body) from the endpoint for operators."""
        host, port = self.address(self.endpoint)
        connection = http.client.HTTPConnection(host, port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def metric(self, name, **labels):
        """The sum of a metric over all series that have these labels."""
        total, found = 0.0, False
        for line in self.get("/metrics")[1].splitlines():
            if not line.startswith("#") and line.split("{")[0].split(" ")[0] == name:
                if all(f'{key}="{value}"' in line for key, value in labels.items()):
                    total += float(line.rsplit(" ", 1)[1])
                    found = True
        if not found:
            raise AssertionError(f"no metric {name} {labels}")
        return total


class Authority(Service):
    """A running liftgate-ca."""

    endpoint = "metrics"


class Sidecar(Service):
    """A running liftgate and its configuration file."""

    def __init__(self, case, path, text, user=None, sockets=None, variables=None, around=()):
        self.config = path
        path.write_text(runnable(text))
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        command, sockets = [program("liftgate"), "-c", path], sockets or {}
        if sockets or variables:
            command = handover.command(command, sockets, variables or {})
        super().__init__(case, *around, *become, *command, pass_fds=[held.fileno() for held in sockets.values()])

    def identity(self):
        """Who it is, as /identity shows it; None before the first enrolment."""
        return json.loads(self.get("/identity")[1])["identity"]

    def renew(self):
        """Renews at once and waits for the new identity."""
        since = self.mark()
        self.signal(signal.SIGUSR1)
        return self.wait_for("identity.renewed", since=since)
