"""Process: a program under test.  Reads its log as it comes, waits for events in it, and looks for a
sanitizer's report when it has ended.
"""
import os
import re
import shlex
import signal
import subprocess
import threading
import time

from case import DEADLINE_S

EVENT = re.compile(r"^\S+Z (?P<level>error|warn|info|debug) (?P<event>[\w.]+)(?P<rest> .*)?$")
SANITIZER = re.compile(r"ERROR: (Address|Leak|Thread)Sanitizer|WARNING: ThreadSanitizer|runtime error:")


class Ended(AssertionError):
    """The program ended, or said nothing, while something was awaited."""


class Event(dict):
    """One log line: its level and event, and its keys as a mapping."""

    def __init__(self, level, name, line):
        super().__init__(field.split("=", 1) for field in shlex.split(line) if "=" in field)
        self.level = level
        self.name = name

    def matches(self, name, keys):
        return self.name == name and all(self.get(key) == str(value) for key, value in keys.items())


class Process:
    """Starts at once; stop() is due at the end of the test that made it."""

    def __init__(self, case, *command, env=None, pass_fds=()):
        self.name = os.path.basename(str(command[0]))
        self.lines = []
        self.events = []
        self._news = threading.Condition()
        self._stopped = False
        self._child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True, errors="replace", env=env,
                                       pass_fds=pass_fds)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        case.addCleanup(self.stop)

    def _read(self):
        for line in self._child.stdout:
            line = line.rstrip("\n")
            found = EVENT.match(line)
            with self._news:
                self.lines.append(line)
                if found:
                    self.events.append(Event(found["level"], found["event"], found["rest"] or ""))
                self._news.notify_all()
        self._child.stdout.close()
        with self._news:
            self._news.notify_all()

    @property
    def pid(self):
        return self._child.pid

    def mark(self):
        """What wait_for() may start from, to see only what comes after now."""
        with self._news:
            return len(self.events)

    def find(self, name, /, since=0, **keys):
        """All events of that name, with those values, so far."""
        with self._news:
            return [event for event in self.events[since:] if event.matches(name, keys)]

    def wait_for(self, name, /, since=0, seconds=DEADLINE_S, **keys):
        """The first such event, which may have been there already."""
        end = time.monotonic() + seconds
        with self._news:
            while True:
                for event in self.events[since:]:
                    if event.matches(name, keys):
                        return event
                if not self._reader.is_alive() or not self._news.wait(end - time.monotonic()) and time.monotonic() >= end:
                    raise Ended(f"{self.name} did not say {name} {keys or ''}; it said:\n" + "\n".join(self.lines[-40:]))

    def wait_line(self, pattern, seconds=DEADLINE_S):
        """The first line in which `pattern` occurs."""
        end = time.monotonic() + seconds
        with self._news:
            while True:
                for line in self.lines:
                    if re.search(pattern, line):
                        return line
                if not self._reader.is_alive() or not self._news.wait(end - time.monotonic()) and time.monotonic() >= end:
                    raise Ended(f"{self.name} did not say {pattern!r}; it said:\n" + "\n".join(self.lines[-40:]))

    def address(self, listener):
        """(host, port) where a listener really listens."""
        host, port = self.wait_for("listener.ready", name=listener)["addr"].rsplit(":", 1)
        return host.strip("[]"), int(port)

    def signal(self, number):
        self._child.send_signal(number)

    def wait(self, seconds=DEADLINE_S):
        """Waits for the end; returns the exit status (negative: the signal that ended it)."""
        try:
            status = self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Ended(f"{self.name} did not end; it said:\n" + "\n".join(self.lines[-40:])) from None
        self._reader.join(DEADLINE_S)
        self.examine()
        return status

    def kill(self):
        """Ends it as a crash would; what it said is still examined."""
        self._stopped = True
        self._child.kill()
        self._child.wait()
        self._reader.join(DEADLINE_S)
        self.examine()

    def stop(self, expected=0):
        """Ends it with SIGTERM and again if it lingers; anything but a clean end is a failure."""
        if self._stopped:
            return
        self._stopped = True
        ended_before = self._child.poll() is not None
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if self._child.poll() is None:
                self._child.send_signal(number)
                try:
                    self._child.wait(10)
                except subprocess.TimeoutExpired:
                    pass
        status = self.wait()
        if not ended_before and status not in (expected, 1, -signal.SIGTERM):
            raise AssertionError(f"{self.name} ended with {status}; it said:\n" + "\n".join(self.lines[-40:]))

    def examine(self):
        for number, line in enumerate(self.lines):
            if SANITIZER.search(line):
                raise AssertionError(f"{self.name}: a sanitizer's report:\n" + "\n".join(self.lines[number:number + 60]))
            if "Assertion" in line and "failed" in line:
                raise AssertionError(f"{self.name}: {line}")

    def fds(self):
        """Number of open descriptors."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def rss(self):
        """Resident memory in bytes."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")


def run(*command, stdin=None, env=None, seconds=120):
    """Runs a program to its end: (exit status, standard output, standard error)."""
    done = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, text=True, errors="replace",
                          timeout=seconds, check=False, env=env)
    if SANITIZER.search(done.stderr):
        raise AssertionError(f"{command[0]}: a sanitizer's report:\n{done.stderr}")
    return done.returncode, done.stdout, done.stderr
