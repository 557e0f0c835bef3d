"""Foreign files are opened in a process of its own, with little memory and time: what they break, breaks there.

This module is both ends: the forum calls `run`, and the other process starts with this file, by its path, so that
nothing else of the forum is loaded. There it gives up what it does not need and becomes the program that was named.
"""

import resource
import runpy
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import BinaryIO, NamedTuple

MOST_MEMORY = 512 * 1024 * 1024


class Ended(NamedTuple):
    """What the program said on standard output, and whether it had to be ended."""

    said: bytes
    killed: bool


def run(program: Path, file: BinaryIO, *arguments: str, seconds: float, most_said: int) -> Ended:
    """Have a program read a file on standard input, without our surroundings; it has so many seconds."""
    command = [sys.executable, "-I", "-B", __file__, str(ceil(seconds)), str(program), *arguments]
    with subprocess.Popen(  # noqa: S603 - our own program, without a shell
        command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/"
    ) as child:
        alarm = threading.Timer(seconds, child.kill)
        alarm.start()
        said = child.stdout.read(most_said) if child.stdout else b""
        alarm.cancel()
        child.kill()
    return Ended(said, child.returncode == -signal.SIGKILL)


def limit(seconds: int) -> None:
    """Give up memory, time, files and further processes; where the system refuses, the clock outside remains."""
    for kind, most in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    limit(int(sys.argv[1]))
    sys.argv[:2] = []
    runpy.run_path(sys.argv[0], run_name="__main__")
