"""Attempts to use more than the container's limits. The hard ones stop a little above them."""

from __future__ import annotations

import errno
import os
import resource
import signal
from pathlib import Path

from executors.worker.probe_base import MB, Question, Saw, libc, named, refused


def group_value(*paths: str) -> int:
    """The first of these files of the control group (v2, then v1) that there is; -1 for none."""
    for path in paths:
        if (file := Path("/sys/fs/cgroup", path)).exists():
            word = file.read_text(encoding="ascii").split()[0]
            return int(word) if word.lstrip("-").isdigit() else -1
    return -1


def bounded(value: int, most: int) -> Saw:
    """Held when there is a limit and it is at most `most`."""
    return 0 < value <= most, f"{value}, at most {most}" if value > 0 else "no limit"


def file_size(q: Question) -> Saw:
    """A file beyond the limit is refused; nothing is written for that."""
    path = Path(f"/work/.probe-{os.getpid()}")
    try:
        return refused({"file": lambda: _sized(path, q.disk + 1)}, {errno.EFBIG})
    finally:
        path.unlink(missing_ok=True)


def _sized(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def no_core(_: Question) -> Saw:
    """A crash writes nothing."""
    limit = resource.getrlimit(resource.RLIMIT_CORE)
    return limit == (0, 0), f"limit {limit[0]}"


def files_open(_: Question) -> Saw:
    """The limit of open files that the launcher sets."""
    return bounded(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 4096)


def tmp_size(_: Question) -> Saw:
    """`/tmp` lives in memory, so it must have an end."""
    of = os.statvfs("/tmp")  # noqa: S108 - the container's own
    held, saw = bounded(of.f_blocks * of.f_frsize, 256 * MB)
    return held and bool(of.f_flag & os.ST_NOSUID), saw


def _sleep_child() -> int:
    if pid := os.fork():
        return pid
    try:
        libc().prctl(1, signal.SIGKILL)  # ends with its parent
        while True:
            signal.pause()
    finally:
        os._exit(0)


def fork_bomb(q: Question) -> Saw:
    """Starts processes that sleep until the kernel refuses one, and kills them all."""
    pids: list[int] = []
    try:
        while len(pids) < q.processes + 64:
            pids.append(_sleep_child())
    except OSError as error:
        return error.errno == errno.EAGAIN and len(pids) < q.processes, f"stopped at {len(pids)}"
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for pid in pids:
            os.waitpid(pid, 0)
    return False, f"{len(pids)} processes were let"


def disk_fill(q: Question) -> Saw:
    """Writes a file until the kernel refuses to."""
    path, piece = Path(f"/work/.probe-{os.getpid()}"), b"x" * MB
    try:
        with path.open("wb", buffering=0) as file:
            while (at := file.tell()) <= q.disk:
                file.write(piece)
    except OSError as error:
        return error.errno == errno.EFBIG, f"{named(error.errno or 0)} after {at // MB} MB"
    finally:
        path.unlink(missing_ok=True)
    return False, f"{q.disk // MB + 1} MB were let"


def memory_fill(q: Question) -> Saw:
    """A child takes memory until the kernel kills it."""
    pid = os.fork()
    if not pid:
        try:
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
            held = [b"x" * MB for _ in range(q.memory // MB + 64)]
            os._exit(bool(held))
        finally:
            os._exit(2)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code == -signal.SIGKILL, f"ended with {code}"
