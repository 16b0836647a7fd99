"""Processes, ports and waiting, as the sandbox needs them."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request


# What is asked here is on this machine, whatever proxy the environment names.
urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))


class Failed(Exception):
    """Something that the person at the terminal must know, in one line."""


def say(text):
    print(f"sandbox: {text}", file=sys.stderr, flush=True)


def install_packages(*names):
    """Installs what is missing, where that is possible; otherwise says what to install."""
    if not shutil.which("apt-get") or os.geteuid() != 0:
        raise Failed(f"something is missing; on Debian: apt-get install {' '.join(names)}")
    say(f"installing {', '.join(names)}")
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
    subprocess.run(["apt-get", "update", "-qq"], **quiet)
    subprocess.run(["apt-get", "install", "-qq", "-y", *names], **quiet)


@contextlib.contextmanager
def lock(path: pathlib.Path):
    """Held by one process at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def start(stem: pathlib.Path, command, environment, cwd):
    """Starts a process that outlives this one. Its pid goes to STEM.pid and what it prints to STEM.log."""
    with open(stem.with_suffix(".log"), "wb") as log:
        process = subprocess.Popen(
            [str(part) for part in command],
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # The time of its start tells it from a later process of the same number.
    stem.with_suffix(".pid").write_text(f"{process.pid} {_started(process.pid)}")


def stop(path: pathlib.Path):
    """Ends the process of a pid file, politely for ten seconds, and what is left of its children."""
    if lives(path):
        pid = int(path.read_text().split()[0])
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGTERM)
            for _ in range(100):
                if not lives(path):
                    break
                time.sleep(0.1)
            os.killpg(pid, signal.SIGKILL)
    path.unlink()


def lives(path: pathlib.Path) -> bool:
    """Whether the process of a pid file still runs. One that has ended and that nobody has waited for does not."""
    pid, _, started = path.read_text().partition(" ")
    return bool(pid and started) and _started(pid) == started


def _started(pid) -> str:
    """When a process started, in the kernel's ticks; nothing where it has ended."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def free_port(candidates=(0,)) -> int:
    """The first of `candidates` that is free on loopback; 0 stands for any."""
    for port in candidates:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise Failed("no port is free")


def wait_for(ready, seconds, stems):
    """Waits until `ready()`, as long as the processes of `stems` live."""
    end = time.monotonic() + seconds
    while not ready():
        for stem in stems:
            if not lives(stem.with_suffix(".pid")):
                tail = stem.with_suffix(".log").read_text(errors="replace").splitlines()[-5:]
                raise Failed("\n  ".join([f"{stem.name} has died, see {stem.with_suffix('.log')}", *tail]))
        if time.monotonic() > end:
            raise Failed(f"{stems[0].name} is not up after {seconds} seconds, see {stems[0].with_suffix('.log')}")
        time.sleep(0.1)
