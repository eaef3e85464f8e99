"""Rows: what is measured, and the targets that liftgate is held to, against the best peer of the run and
against the floor.
"""
import collections

Row = collections.namedtuple("Row", "key title unit")

# `against`: "peers" as they ship (with tickets), "plain peers" (without), "floor" or "limit"; `most` is a ratio,
# or in the row's unit.
Target = collections.namedtuple("Target", "row against most")

ROWS = (
    Row("known", "full handshake, peer seen before", "us CPU"),
    Row("unknown", "full handshake, peer never seen", "us CPU"),
    Row("idle", "idle connection, 1000 held", "KiB private"),
    Row("size", "stripped binary", "KiB"),
    Row("libraries", "shared libraries", ""),
    Row("foreign", "libraries that liftgate should not need", ""),
)

LIBRARIES = ("libuv", "libssl", "libcrypto", "libllhttp", "libinih", "libjansson", "libcbor", "libseccomp", "libc", "ld-linux-x86-64")


def targets(openssl):
    """The table for a version of OpenSSL, a tuple of numbers: from 3.5 on the library itself wastes less."""
    lean = openssl >= (3, 5)
    return (
        Target("known", "plain peers", 0.55),
        Target("known", "peers", 0.40),
        Target("unknown", "plain peers", 0.80 if lean else 0.65),
        Target("unknown", "peers", 0.70 if lean else 0.50),
        Target("idle", "peers", 0.55),
        Target("idle", "limit", 24),
        Target("size", "limit", 700),
        Target("foreign", "limit", 0),
    )
