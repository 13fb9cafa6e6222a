"""What a heavy process takes from itself before its first job.

Threat: pictures and voice notes come from strangers, and the decoders that read them are C with a
long history of holes. A file that takes over such a process must find nothing: the process holds no
secret of the instance (its environment is made for it), and from its first job on the kernel keeps
it from everything else.

- Files: what it works on comes through its pipe. By Landlock it reads Python, the system's
  libraries and the folder of a model; it writes nowhere, or to the folder that a download fills. By
  the same rule it cannot look into the memory or environment of other processes; root could all the
  same, so capabilities go first.
- seccomp: no new program, no tracing, no signal to others; where a lane needs no network, no
  socket at all, so not the container engine's either.
- Limits: address space by lane, no core dump, the lowest claim to memory in the system.

A kernel without Landlock or seccomp runs the jobs all the same: the cage is the second wall, the
bounds in the jobs are the first. `close` says what holds. A lane that speaks with the network (the
extractor, a download) can be asked to send what it was given; it is given only what its call holds.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core.process import forbid_core_dumps

if TYPE_CHECKING:
    from coordinator.heavy.jobs import Lane, Reach

_LIBC = ctypes.CDLL(None, use_errno=True)

# Numbers of prctl, from its manual page.
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 1, 38, 22, 2
# Landlock's calls: the same numbers on every architecture
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_RIGHTS_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1}
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14  # what a rule on a plain file may hold
_SCOPES = 3  # ABI 6: no signal to others, no abstract unix socket of others

_SYSTEM = (
    "/usr", "/lib", "/lib64", "/bin", "/proc", "/sys", "/run/systemd/resolve",
    *(f"/dev/{name}" for name in ("null", "zero", "random", "urandom")),
    *(
        f"/etc/{name}"
        for name in (
            "ld.so.cache", "localtime", "timezone", "resolv.conf", "hosts", "host.conf", "gai.conf",
            "nsswitch.conf", "services", "protocols", "mime.types", "ssl", "ca-certificates",
        )
    ),
)  # fmt: skip

# seccomp(2): audit architecture, then system call numbers
_ARCHITECTURES = {
    "x86_64": (0xC000003E, {
        "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kill": 62,
        "tkill": 200, "pidfd_send_signal": 424, "io_uring_setup": 425, "execve": 59,
        "execveat": 322, "socket": 41, "connect": 42, "bind": 49,
    }),
    "aarch64": (0xC00000B7, {
        "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "kill": 129,
        "tkill": 130, "pidfd_send_signal": 424, "io_uring_setup": 425, "execve": 221,
        "execveat": 281, "socket": 198, "connect": 203, "bind": 200,
    }),
}  # fmt: skip
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000 | errno.EPERM


def settle(lane: Lane, parent: int) -> None:
    """Lowers our claims and ties our life to `parent`'s; ends at once when that is gone already."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    os.nice(10)
    forbid_core_dumps()
    with suppress(OSError):  # some containers do not let it
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    if lane.memory_mb:
        limit = lane.memory_mb << 20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def close(lane: Lane, reach: Reach) -> tuple[str, ...]:
    """Shuts the cage for good; returns what holds: `files`, `calls`, or what the kernel knows."""
    if not _drop_capabilities() or _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return ()
    holds = []
    if _limit_files(lane, reach):
        holds.append("files")
    if _limit_calls(lane):
        holds.append("calls")
    return tuple(holds)


def forbidden_calls(lane: Lane, names: dict[str, int]) -> list[int]:
    """The numbers of the system calls that fail in `lane`."""
    free = set()
    if lane.may_connect:
        free |= {"socket", "connect", "bind"}
    if lane.may_run:
        free |= {"execve", "execveat", "kill", "tkill"}
    return sorted(number for name, number in names.items() if name not in free)


def filter_program(architecture: int, forbidden: list[int]) -> bytes:
    """The BPF program: another architecture or a forbidden call fails, the rest is allowed."""
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    count = len(forbidden)
    steps = [
        (load, 0, 0, 4),  # the architecture
        (equal, 0, count + 3, architecture),
        (load, 0, 0, 0),  # the call's number
        (at_least, count + 1, 0, 0x40000000),  # x32: the same calls under other numbers
        *((equal, count - index, 0, number) for index, number in enumerate(forbidden)),
        (answer, 0, 0, _ALLOW),
        (answer, 0, 0, _FAIL),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _drop_capabilities() -> bool:
    """None is left, also when we run as root; capset(2), version 3, ourselves."""
    head = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0))
    none = ctypes.create_string_buffer(24)
    return bool(_LIBC.capset(ctypes.byref(head), ctypes.byref(none)) == 0)


def _limit_calls(lane: Lane) -> bool:
    known = _ARCHITECTURES.get(platform.machine())
    if known is None:
        return False
    program = filter_program(known[0], forbidden_calls(lane, known[1]))
    code = ctypes.create_string_buffer(program, len(program))
    head = ctypes.create_string_buffer(
        struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    )
    done = _LIBC.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(head), 0, 0)
    return bool(done == 0)


def _limit_files(lane: Lane, reach: Reach) -> bool:
    abi = int(_LIBC.syscall(_CREATE_RULESET, None, 0, 1))
    if abi < 1:
        return False
    rights = _RIGHTS_BY_ABI[min(abi, 3)]
    body = struct.pack("=QQQ", rights, 0, _SCOPES)[: 24 if abi >= 6 else 8]
    ruleset = int(_LIBC.syscall(_CREATE_RULESET, body, len(body), 0))
    if ruleset < 0:
        return False
    reading = _READ_FILE | _READ_DIR | (_EXECUTE if lane.may_run else 0)
    for path in (*_SYSTEM, sys.prefix, sys.base_prefix, *_own_packages(), *reach.read):
        _allow(ruleset, path, reading)
    _allow(ruleset, "/dev/null", reading | _WRITE_FILE)
    for path in reach.write:
        _allow(ruleset, path, rights & ~_EXECUTE)
    done = _LIBC.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return bool(done == 0)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not there: nothing to allow
    try:
        allowed = rights if Path(path).is_dir() else rights & _FILE_RIGHTS
        _LIBC.syscall(_ADD_RULE, ruleset, 1, struct.pack("=Qi", allowed, opened), 0)
    finally:
        os.close(opened)


def _own_packages() -> tuple[str, ...]:
    """Our code, without the folder it lies in: an instance's home may lie there too."""
    here = Path(__file__).resolve().parents[1]
    return str(here), str(here.parent / "core")
