"""Ends servers that an earlier run left behind.

A server's working directory is its data folder, so whoever stands in that folder is one of them:
the server itself or one of its backends. Removing a lock file before they are gone would let two
servers write one folder.
"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_KILL_PATIENCE_S = 2.0


def processes_in(folder: Path) -> tuple[int, ...]:
    """The ids of the processes whose working directory is `folder`; only those we may look at."""
    wanted = folder.stat()
    return tuple(
        int(name)
        for name in os.listdir("/proc")  # noqa: PTH208 - thousands of entries need no Path each
        if name.isdigit() and _stands_in(name, (wanted.st_dev, wanted.st_ino))
    )


def _stands_in(pid: str, place: tuple[int, int]) -> bool:
    try:
        found = os.stat(f"/proc/{pid}/cwd")  # noqa: PTH116 - follows the kernel's link
    except OSError:  # ended meanwhile, a kernel thread, or not ours to see
        return False
    return (found.st_dev, found.st_ino) == place


def end_all(folder: Path, *, leader: int | None, patience_s: float) -> None:
    """Ends every process in `folder`.

    `leader` is asked to stop by SIGINT, if it is one of them; what is left after `patience_s` is
    killed.
    """
    found = processes_in(folder)
    if leader in found:
        _send((leader,), signal.SIGINT)
    if found and not _gone(folder, patience_s):
        _send(processes_in(folder), signal.SIGKILL)
        _gone(folder, _KILL_PATIENCE_S)


def _send(pids: tuple[int, ...], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _gone(folder: Path, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while processes_in(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
