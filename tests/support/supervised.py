"""A real supervisor over tiny fake parts, as a process of its own.

Run as `python -m tests.support.supervised HOME KIND…`.
Each KIND is a behaviour from `_KINDS`. Every part writes a line `NAME PID` to HOME/starts when it
starts.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from agentai.part import BEAT_VARIABLE, Part
from agentai.process import Command
from agentai.supervisor import Supervisor
from agentai.up import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable


def _beat(*lines: str) -> None:
    for line in lines:
        os.write(int(os.environ[BEAT_VARIABLE]), f"{line}\n".encode())


def _good() -> None:
    _beat("alive", "say chat at http://127.0.0.1/x", "ready does its work")
    while True:
        _beat("alive")
        time.sleep(0.1)


def _mute() -> None:
    time.sleep(600)


def _dying() -> None:
    _beat("alive", "ready for a moment")
    sys.stderr.write("ERROR the end is near\n")
    sys.exit(3)


def _broken() -> None:
    _beat("alive")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _refusing() -> None:
    _beat("alive")
    sys.stderr.write("setting MODEL_BASE_URL: must be an http:// or https:// address\n")
    sys.exit(2)


def _stubborn() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _good()


def _parent() -> None:
    """Starts a grandchild that would outlive it."""
    if os.fork() == 0:
        with Path(sys.argv[2], "starts").open("a") as file:
            file.write(f"grandchild {os.getpid()}\n")
        time.sleep(600)
    _good()


_KINDS: dict[str, Callable[[], None]] = {
    "good": _good,
    "mute": _mute,
    "dying": _dying,
    "refusing": _refusing,
    "broken": _broken,
    "stubborn": _stubborn,
    "parent": _parent,
}


def _part(home: Path, kind: str, rank: int) -> Part:
    argv = (sys.executable, "-m", "tests.support.supervised", "--part", str(home), kind)
    command = Command(argv=argv, env=dict(os.environ), cwd=Path.cwd())
    beats = kind != "mute"
    return Part(name=kind, prepare=lambda: command, beats=beats, stop_rank=rank, stop_s=1)


def main(arguments: list[str]) -> int:
    """Supervises, or with `--part` is one of the parts."""
    if arguments[0] == "--part":
        with Path(arguments[1], "starts").open("a") as file:
            file.write(f"{arguments[2]} {os.getpid()}\n")
        _KINDS[arguments[2]]()
        return 0
    home = Path(arguments[0])
    parts = [_part(home, kind, rank) for rank, kind in enumerate(arguments[1:])]
    return Supervisor(parts, logs=home, listener=Terminal()).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
