#!/usr/bin/python3
"""Usage: handover.py NAME=FD... VARIABLE=VALUE... -- COMMAND...

Runs COMMAND as a service manager does: with listening sockets from descriptor 3 on, their names in the
environment, and the variables that are given.  Names of sockets are in small letters, variables are not.
"""
import os
import sys

FIRST = 3


def command(words, sockets, variables):
    """The command line that runs `words` with these sockets (name: socket) and variables."""
    return [sys.executable, __file__, *(f"{name}={held.fileno()}" for name, held in sockets.items()),
            *(f"{name}={value}" for name, value in variables.items()), "--", *words]


def main():
    end = sys.argv.index("--")
    pairs = [word.split("=", 1) for word in sys.argv[1:end]]
    sockets = [(name, int(value)) for name, value in pairs if name.islower()]
    # first out of the way of the numbers that they are to get
    aside = [os.dup2(fd, 100 + i) for i, (_, fd) in enumerate(sockets)]
    for i, fd in enumerate(aside):
        os.dup2(fd, FIRST + i)
        os.close(fd)
    os.closerange(FIRST + len(sockets), 100)
    environment = dict(os.environ)
    environment.update((name, value) for name, value in pairs if not name.islower())
    if sockets:
        environment.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(sockets)),
                           LISTEN_FDNAMES=":".join(name for name, _ in sockets))
    os.execve(sys.argv[end + 1], sys.argv[end + 1:], environment)


if __name__ == "__main__":
    main()
