"""ReportFolder: the kernel's configfs-tsm as a test has it: a FUSE file system, for which a simulated
machine signs (tests/emulation).  Where that cannot be, the test is skipped and says why.
"""
import os
import subprocess

from case import program
from process import Process


def why_not():
    """Why there can be no emulation here; empty if there can."""
    if not program("configfs_tsm").exists():
        return "skipped: configfs_tsm is not built, since libfuse3-dev is missing"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "skipped: /dev/fuse is missing or not ours: configfs-tsm cannot be emulated"
    return ""


class ReportFolder:
    """Mounted until the test ends.  What it shall do wrong: tests/emulation/request.h."""

    def __init__(self, case, machine, *switches, name="report"):
        if why_not():
            case.skipTest(why_not())
        self.path = case.folder / name
        self.path.mkdir()
        self._switches = case.folder / f"{name}.switches"
        self.switch(*switches)
        case.addCleanup(subprocess.run, ["umount", "-l", self.path], check=False, stderr=subprocess.DEVNULL)
        # libfuse itself leaves a node behind when mkdir() is refused.
        self.process = Process(case, program("configfs_tsm"), self.path, machine, self._switches,
                               env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
        self.process.wait_line("^ready$")

    def switch(self, *switches):
        """Instead of those in force."""
        temporary = self._switches.with_suffix(".new")
        temporary.write_text("".join(f"{switch}\n" for switch in switches))
        temporary.rename(self._switches)

    def asked(self):
        """The folders for which a report was made, or refused, in order."""
        return [name for event, name in self.events() if event == "report"]

    def events(self):
        log = self._switches.with_name(self._switches.name + ".log")
        return [tuple(line.split()) for line in log.read_text().splitlines()] if log.exists() else []

    def left(self):
        """Requests that nobody has removed."""
        return os.listdir(self.path)
