"""Attempts to change the system or to gain privileges: files, devices, capabilities, calls."""

from __future__ import annotations

import errno
import os
import socket
import stat
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from executors.worker.probe_base import (
    NO_CALL,
    Question,
    Saw,
    call,
    calls_refused,
    lines,
    named,
    refused,
    together,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NEW_SPACES = {"mount": 0x20000, "user": 0x10000000, "net": 0x40000000, "pid": 0x20000000}
READ_ONLY = ("/", "/etc", "/usr/bin", "/opt/agentai", "/opt/agentai/executors/worker", "/run")
KERNEL_WRITES = (
    "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/vm/overcommit_memory",
    "/proc/sysrq-trigger",
)  # fmt: skip
KERNEL_READS = ("/proc/kcore", "/proc/kmsg")
DEVICES = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "console"}
FAMILIES = {"vsock": 40, "alg": 38, "key": 15, "packet": 17, "xdp": 44, "can": 29, "tipc": 30}
SOCKET_KINDS = {"can": 2, "alg": 5, "vsock": 1}  # the others are raw (3)


def root_read_only(_: Question) -> Saw:
    """Nobody could write into the image, whatever its permissions."""
    if not os.statvfs("/").f_flag & os.ST_RDONLY:
        return False, "it is mounted writable"
    return refused({p: Path(p, ".probe").touch for p in READ_ONLY})


def _opened(path: str, mode: int) -> None:
    file = os.open(path, mode | os.O_NONBLOCK)
    try:
        if mode == os.O_RDONLY and not os.read(file, 1):
            raise OSError(errno.ENODATA, "it is masked")
    finally:
        os.close(file)


def _opens(mode: int, paths: Iterable[str]) -> dict[str, Callable[[], object]]:
    return {path: partial(_opened, path, mode) for path in paths}


def kernel_files(_: Question) -> Saw:
    """Settings of the kernel cannot be written, its memory and log not read."""
    if not os.statvfs("/proc/sys").f_flag & os.ST_RDONLY:
        return False, "/proc/sys is mounted writable"
    return refused(_opens(os.O_WRONLY, KERNEL_WRITES) | _opens(os.O_RDONLY, KERNEL_READS))


def cgroup_read_only(_: Question) -> Saw:
    """The container cannot lift its own limits."""
    top = Path("/sys/fs/cgroup")
    folders = [top, *(p for p in top.iterdir() if p.is_dir() and not p.is_symlink())]
    files = [str(p / n) for p in folders for n in ("cgroup.procs", "release_agent", "memory.max")]
    made: dict[str, Callable[[], object]] = {f"{p}/new": (p / "probe").mkdir for p in folders}
    return refused(_opens(os.O_WRONLY, files) | made)


def no_devices(_: Question) -> Saw:
    """Only harmless devices are there."""
    nodes = [p for p in Path("/dev").iterdir() if p.is_block_device() or p.is_char_device()]
    nodes = [p for p in nodes if not p.is_symlink()]
    strange = [p.name for p in nodes if p.is_block_device() or p.name not in DEVICES]
    return not strange, ", ".join(sorted(strange or [p.name for p in nodes]))[:200]


def no_new_device(_: Question) -> Saw:
    """A device node of its own cannot be made."""
    path = f"/work/.probe-{os.getpid()}"
    kinds = {"disk": (stat.S_IFBLK, 8, 0), "memory": (stat.S_IFCHR, 1, 1)}
    try:
        return refused({
            name: partial(os.mknod, path, kind | 0o600, os.makedev(major, minor))
            for name, (kind, major, minor) in kinds.items()
        })  # fmt: skip
    finally:
        Path(path).unlink(missing_ok=True)


def _status(*names: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines("/proc/self/status"))
    return {name: value.strip() for name, _, value in pairs if name in names}


def no_capabilities(_: Question) -> Saw:
    """All sets are empty."""
    sets = _status("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    return together((name, not int(bits, 16), bits) for name, bits in sets.items())


def stays_unprivileged(_: Question) -> Saw:
    """Programs with the set-uid bit gain nothing."""
    bit = _status("NoNewPrivs").get("NoNewPrivs")
    return bit == "1", f"bit {bit}"


def filtered(_: Question) -> Saw:
    """A system call filter is in force; what it refuses is tried one by one."""
    mode = _status("Seccomp").get("Seccomp")
    return mode == "2", f"mode {mode}"


def not_root(_: Question) -> Saw:
    """No id or group is root's."""
    ids = {*os.getresuid(), *os.getresgid(), *os.getgroups()}
    return 0 not in ids, f"ids {sorted(ids)}"


def no_way_to_root(_: Question) -> Saw:
    """Root's ids cannot be taken."""
    return refused({"setuid": lambda: os.setuid(0), "setgid": lambda: os.setgid(0)})


def no_namespaces(_: Question) -> Saw:
    """New namespaces, in which one is root, cannot be made, nor others entered."""
    codes = {name: call("unshare", flag) for name, flag in NEW_SPACES.items()}
    codes["setns"] = call("setns", -1, 0)
    return together((name, code in NO_CALL, named(code)) for name, code in codes.items())


def no_mounting(_: Question) -> Saw:
    """The old and the new way to mount, and a new root."""
    target = b"/tmp"
    saw = calls_refused(
        ("mount", b"none", target, b"tmpfs", 0, 0), ("fsopen", b"tmpfs", 0),
        ("open_tree", -1, b"/", 1), ("pivot_root", target, target),
    )  # fmt: skip
    if not saw[0]:
        call("umount2", target, 2)
    return saw


def no_raw_sockets(_: Question) -> Saw:
    """Neither raw packets nor families of sockets that only widen the kernel's surface."""
    kinds = {name: (family, SOCKET_KINDS.get(name, 3), 0) for name, family in FAMILIES.items()}
    kinds |= {"icmp": (2, 3, 1), "icmp6": (10, 3, 58)}
    tries = {name: partial(_opened_socket, *kind) for name, kind in kinds.items()}
    return refused(tries, {errno.EPERM, errno.EACCES})


def _opened_socket(family: int, kind: int, protocol: int) -> None:
    socket.socket(family, kind, protocol).close()
