"""Rows: what is measured and how, and the targets that liftgate is held to, against the best peer of the run
and against the floor.
"""
import collections

Row = collections.namedtuple("Row", "key title unit")

ROWS = (
    Row("rr32", "request/response 64 B, 32 connections", "us CPU"),
    Row("rr32-calls", "the same, system calls of a request", ""),
    Row("rr32-packets", "the same, packets of a request, on all sides", ""),
    Row("rr32-unix", "the same, unix socket to the application", "us CPU"),
    Row("rr1", "request/response 64 B, 1 connection", "us CPU"),
    Row("rr1-calls", "the same, system calls of a request", ""),
    Row("rr1-p50", "the same, p50 added to direct", "us"),
    Row("rr1-p99", "the same, p99 added to direct", "us"),
    Row("bulk", "replies of 1 MB, 4 connections", "us CPU per MB"),
    Row("known", "full handshake, peer seen before", "us CPU"),
    Row("unknown", "full handshake, peer never seen", "us CPU"),
    Row("idle", "idle connection, 1000 held", "KiB private"),
    Row("size", "stripped binary", "KiB"),
    Row("libraries", "shared libraries", ""),
    Row("foreign", "libraries that liftgate should not need", ""),
)

LIBRARIES = ("libuv", "libssl", "libcrypto", "libllhttp", "libinih", "libjansson", "libcbor", "libseccomp",
             "libc", "ld-linux-x86-64")

# Of a result: its metric ("%": the name of the relay), what it is divided by, and whether what is direct is taken off.
Figure = collections.namedtuple("Figure", "row metric divisor over_direct", defaults=(1, False))

# A scenario: keys of its [load], the application's kind of address, whether peers without tickets take part, and the
# figures in its results.
Scenario = collections.namedtuple("Scenario", "name load app plain figures")

SCENARIOS = (
    Scenario("rr32", {"workload": "request", "connections": 32}, "tcp", False,
             [Figure("rr32", "cpu.%"), Figure("rr32-calls", "syscalls.%"), Figure("rr32-packets", "packets")]),
    Scenario("rr32-unix", {"workload": "request", "connections": 32}, "unix", False, [Figure("rr32-unix", "cpu.%")]),
    Scenario("rr1", {"workload": "request", "connections": 1}, "tcp", False,
             [Figure("rr1", "cpu.%"), Figure("rr1-calls", "syscalls.%"), Figure("rr1-p50", "p50", 1, True),
              Figure("rr1-p99", "p99", 1, True)]),
    # Longer than the others: a peer that answers a few times in a second is slow, not broken.
    Scenario("bulk", {"workload": "request", "connections": 4, "reply_size": 1000000, "warm_up": "300ms", "time": "1s"},
             "tcp", False, [Figure("bulk", "cpu.%")]),
    Scenario("known", {"workload": "churn", "connections": 4}, "tcp", True, [Figure("known", "cpu.%")]),
    Scenario("unknown", {"workload": "churn", "connections": 4, "peers": "new"}, "tcp", True,
             [Figure("unknown", "cpu.%")]),
    Scenario("idle", {"workload": "request", "connections": 1, "idle": 1000, "repetitions": 1, "settle": "1s"},
             "tcp", False, [Figure("idle", "memory.%", 1024)]),
)

# How cost grows: the load, and the steps that are made of it.
GROWTH_LOAD = {"workload": "request", "connections": 10, "repetitions": 3}
GROWTH = {"connections": "1 10 100 1000 5000", "sizes": "64 1024 16384 131072 1048576"}

# `against`: "peers" as they ship (with tickets), "plain peers" (without), "floor" or "limit"; `most` is a ratio,
# or in the row's unit; `base`: the row of those who are compared with, if it is another.
Target = collections.namedtuple("Target", "row against most base", defaults=(None,))


def targets(openssl):
    """The table for a version of OpenSSL, a tuple of numbers: from 3.5 on the library itself wastes less."""
    lean = openssl >= (3, 5)
    return (
        Target("rr32", "peers", 1.00),
        Target("rr32", "floor", 1.10),
        Target("rr32-unix", "peers", 0.78),
        Target("rr32-unix", "peers", 0.78, "rr32"),
        Target("rr32-unix", "floor", 1.10),
        Target("rr1", "peers", 0.90),
        Target("rr1", "floor", 1.10),
        Target("rr1-p50", "peers", 0.90),
        Target("rr1-p99", "peers", 0.90),
        Target("bulk", "peers", 0.60),
        Target("bulk", "floor", 1.10),
        Target("known", "plain peers", 0.55),
        Target("known", "peers", 0.40),
        Target("unknown", "plain peers", 0.80 if lean else 0.65),
        Target("unknown", "peers", 0.70 if lean else 0.50),
        Target("idle", "peers", 0.55),
        Target("idle", "limit", 24),
        Target("size", "limit", 700),
        Target("foreign", "limit", 0),
    )
