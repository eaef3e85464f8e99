"""Machine: a small virtual machine that a test boots, stops and wakes, and the words that its two sides
exchange over the guest's second serial port: the guest prints a line `@VERB ARGUMENTS`, the host does
it and answers.  All other lines are the guest's output and pass through.

Emulated in software, so that it runs, and counts time, in the same way everywhere.
"""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import case
import initramfs
from case import TOP, build_folder
from world import vendor

UNPACKED = TOP / "build/deps/guest"  # by config/install
KERNEL = "boot/vmlinuz-*"
BUSYBOX = "**/bin/busybox"  # Debian 13 has it in another place
BOOT_S = 120      # until the first line, on a busy machine
SILENCE_S = 120   # between two lines
ANSWER_S = 30     # of QEMU
STOPPED_S = 3     # how long a stopped machine really stands still


def is_guest():
    return "LIFTGATE_GUEST" in os.environ


class _Lines:
    """Lines from a socket, each within a time."""

    def __init__(self, path, seconds=ANSWER_S):
        self._rest = b""
        end = time.monotonic() + seconds
        self._socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self._socket.connect(str(path))
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def send(self, text):
        self._socket.sendall(text.encode() + b"\n")

    def read(self, seconds):
        """One line without its end; None: the other side is gone."""
        self._socket.settimeout(seconds)
        while b"\n" not in self._rest:
            data = self._socket.recv(65536)
            if not data:
                return None
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")


class Machine:
    """A running QEMU."""

    def __init__(self, folder, kernel, archive):
        self.console = folder / "console.log"
        self.child = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "qemu64,+rdrand", "-smp", "1", "-m", "768", "-nic", "none",
             "-display", "none", "-nodefaults", "-no-reboot", "-kernel", kernel, "-initrd", archive,
             "-append", "console=ttyS0 quiet panic=-1 no_console_suspend", "-serial", f"file:{self.console}",
             "-serial", f"unix:{folder}/port,server=on,wait=off", "-qmp", f"unix:{folder}/monitor,server=on,wait=off"],
            stdin=subprocess.DEVNULL)
        self.port = _Lines(folder / "port")
        self._monitor = _Lines(folder / "monitor")
        self._events = []
        self._monitor.read(ANSWER_S)
        self.command("qmp_capabilities")

    def _message(self, seconds):
        line = self._monitor.read(seconds)
        if line is None:
            raise RuntimeError("QEMU has ended")
        return json.loads(line)

    def command(self, name):
        """Has the monitor do `name`."""
        self._monitor.send(json.dumps({"execute": name}))
        while True:
            message = self._message(ANSWER_S)
            if "event" in message:
                self._events.append(message["event"])
            elif "error" in message:
                raise RuntimeError(f"{name}: {message['error']}")
            else:
                return

    def wait_for(self, event):
        while event not in self._events:
            message = self._message(ANSWER_S)
            if "event" in message:
                self._events.append(message["event"])
        self._events.remove(event)

    def stop(self):
        """The host stops the machine for a while: no instruction runs and none of its clocks.  The answer
        is there when it goes on."""
        self.command("stop")
        time.sleep(STOPPED_S)
        self.port.send("went on")
        self.command("cont")

    def sleep(self, seconds):
        """The guest suspends itself; the host wakes it after that time."""
        self.wait_for("SUSPEND")
        time.sleep(seconds)
        self.command("system_wakeup")

    def end(self):
        self.child.kill()
        self.child.wait()


def _drive(machine):
    """Passes output on and does what is asked until the guest ends: its exit status."""
    seconds = BOOT_S
    while True:
        line = machine.port.read(seconds)
        seconds = SILENCE_S
        if line is None:
            raise RuntimeError("the guest ended without a word")
        word = line.split()
        if line.startswith("@exit "):
            return int(word[1])
        if line == "@stop":
            machine.stop()
        elif line.startswith("@sleep "):
            machine.sleep(float(word[1]))
        else:
            print(line, flush=True)


def missing():
    """What is not installed here, or None."""
    if not shutil.which("qemu-system-x86_64"):
        return "qemu-system-x86_64"
    return next((f"{pattern} in {UNPACKED}" for pattern in (KERNEL, BUSYBOX) if not any(UNPACKED.glob(pattern))), None)


def run(tests, words):
    """Boots a guest that runs the test program `tests` with those arguments: the exit status of that."""
    with tempfile.TemporaryDirectory(prefix="liftgate-guest-") as name:
        folder = pathlib.Path(name)
        initramfs.make(folder / "initramfs", UNPACKED, next(UNPACKED.glob(BUSYBOX)), (tests, *words), build_folder())
        machine = Machine(folder, next(UNPACKED.glob(KERNEL)), folder / "initramfs")
        try:
            return _drive(machine)
        except (RuntimeError, OSError) as error:
            print(f"{type(error).__name__}: {error}; the console said:")
            print(machine.console.read_text(errors="replace")[-4000:])
            return 1
        finally:
            machine.end()


def main(tests, needs=()):
    """Of the test program `tests`: here boots the guest, there runs the tests, which need those programs."""
    if is_guest():
        case.main()
    what = missing() or next((f"libfuse3-dev, for {name}" for name in needs if not case.program(name).exists()), None)
    if what:
        print(f"not installed: {what}")
        print(f"[  SKIPPED ] {pathlib.Path(tests).stem}")
        sys.exit(0)
    vendor()  # takes too long in there
    sys.exit(run(tests, sys.argv[1:]))


# What the guest asks for.

def stop_me():
    """Returns when the machine has been stopped and goes on."""
    print("@stop", flush=True)
    line = sys.stdin.readline().strip()
    assert line == "went on", line


def suspend_me(seconds):
    """Suspends the machine to memory for that long; returns when it has woken."""
    print(f"@sleep {seconds}", flush=True)
    pathlib.Path("/sys/power/state").write_text("mem", encoding="ascii")
