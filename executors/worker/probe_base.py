"""What all attempts of the probe are made of. Untrusted, as all of the worker is."""

from __future__ import annotations

import ctypes
import errno
import json
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Saw = tuple[bool, str]  # whether it held, and what was seen
MB = 1024 * 1024
NO_CALL = {errno.EPERM, errno.ENOSYS}
CALLS = {  # numbers on x86_64 and aarch64; from 424 on they are the same everywhere
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "kexec_load": (246, 104),
    "io_uring_setup": (425, 425), "init_module": (175, 105), "finit_module": (313, 273),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "setns": (308, 268),
    "unshare": (272, 97), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "open_by_handle_at": (304, 265), "fsopen": (430, 430), "open_tree": (428, 428),
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """What the host wants tried: its own addresses and socket paths, and the limits it set."""

    addresses: tuple[str, ...]
    memory: int
    disk: int
    processes: int
    is_hard: bool

    @classmethod
    def of(cls, task: dict[str, Any]) -> Question:
        """Out of the task line."""
        asked, limits = json.loads(task["instructions"]), task["limits"]
        return cls(
            addresses=tuple(asked["addresses"]), is_hard=asked["hard"],
            memory=limits["memory_mb"] * MB, disk=limits["disk_mb"] * MB,
            processes=limits["processes"],
        )  # fmt: skip


@cache
def libc() -> ctypes.CDLL:
    """The C library, opened once."""
    return ctypes.CDLL(None, use_errno=True)


def call(name: str, *values: int | bytes) -> int:
    """Calls the kernel; returns the error number, 0 when it was let."""
    number = CALLS[name][platform.machine() == "aarch64"]
    given = [ctypes.c_char_p(v) if isinstance(v, bytes) else ctypes.c_long(v) for v in values]
    ctypes.set_errno(0)
    answer = libc().syscall(ctypes.c_long(number), *given)
    return ctypes.get_errno() if answer == -1 else 0


def named(code: int) -> str:
    """The error's name."""
    return errno.errorcode.get(code, str(code)) if code else "it was let"


def together(results: Iterable[tuple[str, bool, str]]) -> Saw:
    """Held when every part held; tells the parts that did not, else the last."""
    parts = list(results)
    bad = [f"{name}: {saw}" for name, held, saw in parts if not held]
    good = f"{len(parts)} tried, last {parts[-1][0]}: {parts[-1][2]}" if parts else "none to try"
    return not bad, "; ".join(bad) or good


def refused(tries: Mapping[str, Callable[[], object]], codes: set[int] | None = None) -> Saw:
    """Held when each try is refused, and with one of `codes` where given."""

    def parts() -> Iterator[tuple[str, bool, str]]:
        for name, attempt in tries.items():
            try:
                attempt()
            except OSError as error:
                code = error.errno or 0
                yield name, codes is None or code in codes, named(code)
            else:
                yield name, False, "it was let"

    return together(parts())


def calls_refused(*tries: tuple[Any, ...]) -> Saw:
    """Held when the kernel or the filter refuses each call before it looks at it."""
    codes = [(name, call(name, *values)) for name, *values in tries]
    return together((name, code in NO_CALL, named(code)) for name, code in codes)


def lines(path: str) -> list[str]:
    """The lines of a file of the kernel."""
    return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
