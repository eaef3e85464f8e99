"""Initramfs: the whole file system of the guest: busybox and our init, the programs of the build under
test, the tests and the Python that runs them, with the libraries of each.  Every file has the place
that it has here, so paths mean the same on both sides.
"""
import gzip
import lzma
import os
import pathlib
import re
import stat
import subprocess
import sys
import sysconfig

PROGRAMS = ("liftgate", "liftgate-ca", "liftgate-attest")
EMULATION = "guest_device"  # where there is libfuse
MODULES = ("vsock", "vmw_vsock_virtio_transport_common", "vsock_loopback", "fuse", "cuse")
# Parts of Python's library that nothing here imports.
LEFT_OUT = {"test", "tests", "idlelib", "lib2to3", "tkinter", "turtledemo", "ensurepip", "pydoc_data", "dist-packages",
            "site-packages"}


class Archive:
    """A cpio archive in the format that the kernel reads (newc, Documentation/driver-api/early-userspace)."""

    def __init__(self, file):
        self._file = file
        self._number = 0
        self._places = set()

    def _entry(self, place, mode, content=b"", seconds=0, device=(0, 0)):
        self._number += 1
        name = place.encode() + b"\0"
        fields = (self._number, mode, 0, 0, 1, int(seconds), len(content), 0, 0, *device, len(name), 0)
        head = b"070701" + b"".join(b"%08x" % field for field in fields)
        for part in (head + name, content):
            self._file.write(part + b"\0" * (-len(part) % 4))

    def folder(self, place):
        """`place` and all folders above it, once."""
        place = place.strip("/")
        if place and place not in self._places:
            self.folder(os.path.dirname(place))
            self._places.add(place)
            self._entry(place, stat.S_IFDIR | 0o755)

    def device(self, place, major, minor):
        self._entry(place.strip("/"), stat.S_IFCHR | 0o600, device=(major, minor))

    def bytes(self, place, content, mode=0o644, seconds=0):
        place = str(place).strip("/")
        if place not in self._places:
            self.folder(os.path.dirname(place))
            self._places.add(place)
            self._entry(place, stat.S_IFREG | mode, content, seconds)

    def file(self, path, place=None):
        """One file, with its age, by which Python knows that what it has compiled is still right."""
        path = pathlib.Path(path)
        status = path.stat()
        self.bytes(place or path, path.read_bytes(), stat.S_IMODE(status.st_mode), status.st_mtime)

    def tree(self, top, left_out=()):
        for path, folders, names in os.walk(top):
            folders[:] = [folder for folder in folders if folder not in left_out and not folder.startswith("config-")]
            for name in names:
                if os.path.isfile(os.path.join(path, name)):
                    self.file(os.path.join(path, name))

    def program(self, path):
        """A program or a library, with the libraries that it is linked with."""
        self.file(path)
        said = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
        for library in re.findall(r"(/\S+) \(0x", said):
            self.file(library)

    def end(self):
        self._entry("TRAILER!!!", 0)


def _module(modules, name):
    """The bytes of a kernel module, which Debian 12 does not compress and later ones do."""
    path = next(modules.rglob(f"{name}.ko*"))
    content = path.read_bytes()
    return {".xz": lzma.decompress, ".gz": gzip.decompress}.get(path.suffix, lambda same: same)(content)


def _python(archive):
    """The interpreter that runs this, its library, and the packages that have been imported so far."""
    archive.program(sys.executable)
    archive.tree(sysconfig.get_path("stdlib"), LEFT_OUT)
    packages = {pathlib.Path(sysconfig.get_path("purelib")), pathlib.Path("/usr/lib/python3/dist-packages")}
    for module in list(sys.modules.values()):
        path = pathlib.Path(getattr(module, "__file__", None) or "/")
        top = next((folder for folder in packages if folder in path.parents), None)
        if top is not None:
            name = path.relative_to(top).parts[0]
            (archive.file if (top / name).is_file() else archive.tree)(top / name)
        if path.suffix == ".so":
            archive.program(path)
    for library in pathlib.Path(sysconfig.get_path("stdlib"), "lib-dynload").glob("*.so"):
        archive.program(library)


def make(path, kernel, busybox, tests, build):
    """Writes the archive to `path`.  `kernel`: the folder of an unpacked kernel package; `tests`: the test
    program that the guest runs, with its arguments; `build`: the folder of the programs under test."""
    top = pathlib.Path(tests[0]).resolve().parents[2]
    variables = {"LIFTGATE_GUEST": "1", "LIFTGATE_BUILD": build, "PYTHONPATH": os.pathsep.join(sys.path[1:]),
                 "PATH": "/bin", "HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1",
                 "CRYPTOGRAPHY_OPENSSL_NO_LEGACY": "1",  # a provider that is not in the archive
                 "GUEST_MODULES": " ".join(MODULES), "GUEST_PYTHON": sys.executable, "GUEST_TESTS": " ".join(tests)}
    with open(path, "wb") as file:
        archive = Archive(file)
        for place in ("proc", "sys", "dev", "tmp"):
            archive.folder(place)
        archive.device("dev/console", 5, 1)
        archive.file(top / "tests/guest/init", "init")
        archive.bytes("etc/passwd", b"root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
        archive.bytes("etc/group", b"root:x:0:\nnogroup:x:65534:\n")
        archive.file(busybox, "bin/busybox")
        archive.bytes("environment", "".join(f"export {key}='{value}'\n" for key, value in variables.items()).encode())
        for name in MODULES:
            archive.bytes(f"modules/{name}.ko", _module(kernel, name))
        for name in PROGRAMS + (EMULATION,) * (build / "bin" / EMULATION).exists():
            archive.program(build / "bin" / name)
        archive.file(build / "CMakeCache.txt")
        archive.program(build / "tests/libtrue_clock.so")
        archive.tree(build / "vendor")
        for folder in ("tests/lib", "tests/guest", "tests/integration", "config/demo"):
            archive.tree(top / folder, {"__pycache__"})
        _python(archive)
        archive.end()
