#!/usr/bin/python3
"""The files that a deployment begins with (config/systemd, container, kubernetes): they are well-formed,
and what they run and set is what this build takes.
"""
import configparser
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import yaml

import case
from process import run
from world import World

CONFIG = pathlib.Path(__file__).resolve().parents[2] / "config"
CREDENTIALS = {"CREDENTIALS_DIRECTORY": "/run/credentials/liftgate.service"}
ABSENT = re.compile(r"lib(asan|tsan|ubsan|gcc_s|stdc\+\+|c|m)\.so")  # of sanitizers, and what every image has


def check(case_, folder, text):
    """Has the program check settings."""
    path = folder / "liftgate.conf"
    path.write_text(text)
    status, said, errors = run(case.program("liftgate"), "-c", path, "--check", env={**os.environ, **CREDENTIALS})
    case_.assertEqual((status, said), (0, f"{path}: ok\n"), errors)


def unit(name):
    """The sections of a unit; repeated keys are one list."""
    class Values(dict):
        def __setitem__(self, key, value):
            if key in self and isinstance(value, list):
                self[key].extend(value)
            else:
                super().__setitem__(key, value)

    parser = configparser.RawConfigParser(strict=False, dict_type=Values, delimiters="=", comment_prefixes="#")
    parser.optionxform = str
    parser.read_string((CONFIG / "systemd" / name).read_text())
    return parser


class Systemd(case.Case):
    def test_the_units_verify(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("no systemd-analyze")
        copies = []
        for path in sorted((CONFIG / "systemd").glob("liftgate*.s*")):
            copy = self.folder / path.name.replace("@.", "@api.")
            copy.write_text(path.read_text().replace("/usr/bin/liftgate", str(case.program("liftgate"))))
            copies.append(copy)
        self.assertEqual(len(copies), 4)
        for name in ("liftgate.service.d", "liftgate@.service.d"):  # are looked for beside the unit
            (self.folder / name).mkdir()
            for drop_in in ("evidence.conf", "evidence-device.conf"):
                shutil.copy(CONFIG / "systemd" / drop_in, self.folder / name)
        status, said, errors = run("systemd-analyze", "verify", "--man=no", *copies)
        complaints = [line for line in (said + errors).splitlines() if str(self.folder) in line or "liftgate" in line]
        self.assertEqual((status, complaints), (0, []), said + errors)

    def test_the_units_run_what_there_is(self):
        for name in ("liftgate.service", "liftgate@.service"):
            service = unit(name)["Service"]
            words = shlex.split(service["ExecStart"])
            self.assertEqual(words[:2], ["/usr/bin/liftgate", "-c"])
            self.assertEqual(len(words), 3)
            self.assertEqual(service["Type"], "notify")
            self.assertEqual(shlex.split(service["ExecReload"])[1:], ["-HUP", "$MAINPID"])

    def test_both_services_are_confined_alike(self):
        one, many = unit("liftgate.service")["Service"], unit("liftgate@.service")["Service"]
        differing = {key for key in {*one, *many} if one.get(key) != many.get(key)}
        self.assertEqual(differing, {"ExecStart", "LoadCredential"})

    def test_a_sidecar_with_evidence_is_root_without_capabilities_and_has_its_folder(self):
        service, more = unit("liftgate.service")["Service"], unit("evidence.conf")["Service"]
        self.assertEqual((more["User"], more["DynamicUser"], more["LoadCredential"]), ("root", "no", ""))
        self.assertNotIn("CapabilityBoundingSet", more)
        self.assertEqual(service["CapabilityBoundingSet"], "")
        page = (CONFIG / "liftgate.conf.5").read_text()
        self.assertIn(f"Default: {more['ReadWritePaths'].removeprefix('-')}.", page)

    def test_a_sidecar_that_asks_the_device_is_not_root(self):
        service, more = unit("liftgate.service")["Service"], unit("evidence-device.conf")["Service"]
        self.assertEqual(more, {"LoadCredential": "", "SupplementaryGroups": "sev-guest"})
        self.assertEqual(service["DynamicUser"], "yes")
        self.assertIn("/dev/sev-guest rw", service["DeviceAllow"])

    def test_the_example_loads_with_the_credentials_and_the_socket_of_the_units(self):
        text = (CONFIG / "systemd/liftgate.conf").read_text()
        check(self, self.folder, text)
        loaded = re.findall(r"^LoadCredential=([^:]+):", (CONFIG / "systemd/liftgate.service").read_text(), re.M)
        self.assertEqual(sorted(re.findall(r"\$\{CREDENTIALS_DIRECTORY\}/(\S+)", text)), sorted(loaded))
        self.assertIn(f"systemd:{unit('liftgate.socket')['Socket']['FileDescriptorName']}", text)
        out = unit("liftgate@.socket")["Socket"]["FileDescriptorName"]
        check(self, self.folder, text + f"[egress db]\nlisten = systemd:{out}\nconnect = db.prod.example:5432\nmode = tcp\n"
              "expect = checkout\non_truncation = eof\n")


class Container(case.Case):
    def setUp(self):
        super().setUp()
        text = (CONFIG / "container/Containerfile").read_text().replace("\\\n", " ")
        self.steps = [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]

    def step(self, name):
        return [words for keyword, words in self.steps if keyword == name]

    def test_the_image_has_the_libraries_that_the_program_needs(self):
        release = re.search(r"debian:(\d+)-slim", " ".join(self.step("FROM"))).group(1)
        if f'VERSION_ID="{release}"' not in pathlib.Path("/etc/os-release").read_text():
            self.skipTest("the image is of another release than this machine")
        installed = re.search(r"apt-get install \S+ \S+ ([^&]*)", " ".join(self.step("RUN"))).group(1).split()
        _, said, _ = run("ldd", case.program("liftgate"))
        names = [line.split()[0] for line in said.splitlines() if "=>" in line]
        needed = {name for name in names if not ABSENT.match(name) and not name.startswith("linux-vdso")}
        for package in installed:
            files = run("dpkg", "-L", package)[1].split()
            needed -= {os.path.basename(path) for path in files}
        self.assertEqual(needed, set())

    def test_it_runs_the_program_as_somebody_without_privileges(self):
        entry = yaml.safe_load(self.step("ENTRYPOINT")[0])
        self.assertEqual(entry[:2], ["/usr/bin/liftgate", "-c"])
        self.assertRegex(self.step("USER")[0], r"^[1-9][0-9]*:[1-9][0-9]*$")
        self.assertIn("--from=build /source/build/release/bin/liftgate /usr/bin/liftgate", self.step("COPY"))
        root = CONFIG.parent
        presets = yaml.safe_load((root / "CMakePresets.json").read_text())
        self.assertIn("release", [preset["name"] for preset in presets["configurePresets"]])
        self.assertIn("config/install build", self.step("RUN"))
        self.assertTrue(os.access(root / "config/install", os.X_OK))


class Kubernetes(case.Case):
    def setUp(self):
        super().setUp()
        documents = list(yaml.safe_load_all((CONFIG / "kubernetes/pod.yaml").read_text()))
        self.settings = next(document for document in documents if document["kind"] == "ConfigMap")["data"]
        self.pod = next(document for document in documents if document["kind"] == "Pod")["spec"]
        self.sidecar = self.pod["initContainers"][0]

    def test_the_settings_load_and_fit_the_pod(self):
        text = self.settings["liftgate.conf"]
        check(self, self.folder, text)
        self.assertIn(f"listen  = 0.0.0.0:{self.sidecar['ports'][0]['containerPort']}", text)
        mounts = {mount["mountPath"]: mount["name"] for mount in self.sidecar["volumeMounts"]}
        volumes = {volume["name"] for volume in self.pod["volumes"]}
        self.assertEqual(set(mounts.values()), volumes)
        for path in re.findall(r"= (/\S+)", text):
            self.assertIn(os.path.dirname(path), mounts)
        seconds = [int(number) for number in re.findall(r"drain_\w+ += (\d+)s", text)]
        self.assertGreater(self.pod["terminationGracePeriodSeconds"], sum(seconds))

    def test_it_is_a_native_sidecar_without_privileges(self):
        self.assertEqual(self.sidecar["restartPolicy"], "Always")
        self.assertTrue(self.pod["securityContext"]["runAsNonRoot"])
        context = self.sidecar["securityContext"]
        self.assertTrue(context["readOnlyRootFilesystem"])
        self.assertFalse(context["allowPrivilegeEscalation"])
        self.assertEqual(context["capabilities"], {"drop": ["ALL"]})

    def test_the_probes_say_what_the_sidecar_is(self):
        world = World(self)
        world.start_ca()
        route = "[egress out]\nlisten = 127.0.0.1:0\nconnect = 127.0.0.1:9\nmode = tcp\nexpect = server\n"
        peer = "[peer server]\nspiffe = spiffe://test.example/sim/server\n"
        ready = world.sidecar("client", route, [peer])
        world.ca.stop()
        waiting = world.sidecar("server", route, [peer], ready=False)
        for sidecar, probe, good in ((ready, "startupProbe", True), (ready, "readinessProbe", True),
                                     (ready, "livenessProbe", True), (waiting, "startupProbe", False),
                                     (waiting, "livenessProbe", True)):
            command = self.sidecar[probe]["exec"]["command"]
            port = str(sidecar.address("admin")[1])
            command = [port if word == "9901" else word for word in command]
            done = subprocess.run(command, capture_output=True, timeout=60, check=False)
            self.assertEqual(done.returncode == 0, good, (probe, done.stderr))


if __name__ == "__main__":
    case.main()
