"""Traffic: scenarios for liftgate-bench, and the figures in its results."""
import pathlib
import subprocess


class Application:
    """What stands behind the relays: liftgate-bench serve, on a processor of its own.

    `address` is for relays.  Who comes directly does so by another address, `direct`: without a relay tens of
    thousands of connections are over within a second, and the kernel would search the ports of all of them
    in each connect() of the relay whose turn is next (five times the cost of the call).
    """

    def __init__(self, binaries, cpu, path=None):
        listen = f"unix:{path}" if path else "0.0.0.0:0"
        if path:
            path.unlink(missing_ok=True)  # the last one's
        self._child = subprocess.Popen(["taskset", "-c", str(cpu), binaries / "liftgate-bench", "serve", listen],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        said = self._child.stdout.readline()
        if not said:
            raise RuntimeError(f"no application at {listen}")
        port = said.split()[-1].rpartition(":")[2]
        self.address, self.direct = (listen, listen) if path else (f"127.0.0.1:{port}", f"127.0.0.2:{port}")

    def stop(self):
        self._child.kill()
        self._child.wait()
        self._child.stdout.close()


def section(name, settings):
    """As it stands in a scenario."""
    return "\n".join([f"[{name}]"] + [f"{key} = {value}" for key, value in settings.items()]) + "\n"


def scenario_text(load, folder, direct, relays):
    """One target for each relay, and the application itself."""
    lines = ["[client]", f"ca_certificate = {folder / 'ca.pem'}", f"ca_key = {folder / 'ca.key'}",
              "spiffe = spiffe://bench.example/client", f"trust = {folder / 'ca.pem'}",
              "[target direct]", f"connect = {direct}"]
    for each in relays:
        lines += [f"[target {each.name}]", f"connect = 127.0.0.1:{each.port}", "tls = yes", f"processes = {each.name}",
                  f"[process {each.name}]", f"pid = {each.pid}"]
    return section("load", load) + "\n".join(lines) + "\n"


def run(binaries, scenario, results, cpu, command="run"):
    """Measures; returns what the tool prints."""
    return subprocess.run(["taskset", "-c", str(cpu), binaries / "liftgate-bench", command, scenario, results],
                          check=True, stdout=subprocess.PIPE, text=True).stdout


def figures(results, figure):
    """{name of a target: its values, one for each repetition}; not of those that have no such metric."""
    metrics = {target["name"]: target["metrics"] for target in results["targets"]}
    direct = metrics.pop("direct", {})
    found = {}
    for name, each in metrics.items():
        metric = figure.metric.replace("%", name)
        if metric not in each:
            continue
        values = each[metric]["values"]
        if figure.over_direct:
            values = [value - base for value, base in zip(values, direct[figure.metric]["values"])]
        found[name] = [value / figure.divisor for value in values]
    return found
