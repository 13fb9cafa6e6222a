"""Attempts to reach something: networks, services, sockets, other files and processes.

A route is looked for by connecting a datagram socket: the kernel decides and nothing is sent.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import struct
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from executors.worker.probe_base import Question, Saw, lines, named, refused, together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
ENGINE_SOCKETS = (
    "/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
)  # fmt: skip
OWN_MOUNTS = {
    "/", "/work", "/run/agentai", "/tmp", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts",  # noqa: S108 - compared only
    "/sbin/docker-init", "/usr/sbin/docker-init", "/dev/init",
}  # fmt: skip
KERNEL_MOUNTS = ("/proc", "/sys", "/dev")
KERNEL_KINDS = {"proc", "sysfs", "tmpfs", "cgroup", "cgroup2", "devpts", "mqueue"}


def _networks() -> list[str]:
    """Interfaces that are up; tunnel stubs that a kernel puts into every network are down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        return [
            name for _, name in socket.if_nameindex()
            if name != "lo" and struct.unpack_from(
                "16xH", fcntl.ioctl(asked, 0x8913, struct.pack("16s24x", name.encode()))
            )[0] & 1
        ]  # fmt: skip


def only_loopback(_: Question) -> Saw:
    """No network but the container's own."""
    found = _networks()
    return not found, ", ".join(found) or "lo"


def _connect(kind: int, address: str, port: int = 0) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    if address.startswith("/"):
        family = socket.AF_UNIX
    with socket.socket(family, kind) as dial:
        dial.settimeout(0.2)
        dial.connect(address if family == socket.AF_UNIX else (address, port))


def route(*addresses: str) -> Saw:
    """The kernel knows no way to these addresses."""
    return refused(
        {a: partial(_connect, socket.SOCK_DGRAM, a, 443) for a in addresses},
        NO_ROUTE,
    )


def no_names(_: Question) -> Saw:
    """No name server answers."""
    if _networks():
        return False, "not asked: there is a network"
    try:
        socket.getaddrinfo("agentai.invalid", 443)
    except socket.gaierror as error:  # any other answer than "later" comes from a server
        return error.errno == socket.EAI_AGAIN, str(error)
    return False, "a name was resolved"


def no_service(port: int) -> Saw:
    """Nothing listens on the container's loopback."""
    dials = {a: partial(_connect, socket.SOCK_STREAM, a, port) for a in ("127.0.0.1", "::1")}
    return refused(dials, NO_ROUTE | {errno.ECONNREFUSED})


def no_socket(paths: Iterable[str]) -> Saw:
    """No such socket file is there."""
    dials = {p: partial(_connect, socket.SOCK_STREAM, p) for p in paths}
    return refused(dials, {errno.ENOENT, errno.ENOTDIR})


def _sockets(folder: str) -> Iterator[str]:
    """Sockets below `folder`, not looking into the kernel's own file systems."""
    todo = [folder]
    while todo:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if entry.path not in {"/proc", "/sys"}:
                            todo.append(entry.path)
                    elif not entry.is_file(follow_symlinks=False) and stat.S_ISSOCK(
                        entry.stat(follow_symlinks=False).st_mode
                    ):
                        yield entry.path
        except OSError:
            continue


def own_socket_only(_: Question) -> Saw:
    """The only sockets with a name are those to the host.

    While the engine sets a container up it may hold a socket in there for a moment, to which the
    kernel gave a name of its own making. So what is strange is looked at again before it counts.
    """
    return settled(_named_sockets)


def settled(look: Callable[[], Saw], *, looks: int = 20, pause_s: float = 0.1) -> Saw:
    """The first look at which it held, or the last one."""
    for _ in range(looks - 1):
        if (saw := look())[0]:
            return saw
        time.sleep(pause_s)
    return look()


def _named_sockets() -> Saw:
    rows = [line.split() for line in lines("/proc/net/unix")[1:]]
    own = set(os.listdir("/run/agentai"))  # noqa: PTH208 - names
    named = [row[7] for row in rows if len(row) > 7 and Path(row[7]).name not in own]
    found = {*_sockets("/"), *named}
    strange = sorted(p for p in found if not p.startswith("/run/agentai/"))
    return not strange, ", ".join(strange or sorted(found))[:200]


def no_netlink_change(_: Question) -> Saw:
    """The profile lets netlink be read; an order to set loopback up must be refused."""
    with socket.socket(16, socket.SOCK_RAW, 0) as asked:
        asked.settimeout(0.2)
        asked.send(struct.pack("=IHHII", 32, 16, 5, 1, 0) + struct.pack("=BxHiII", 0, 0, 1, 1, 1))
        code = -struct.unpack_from("=i", asked.recv(4096), 16)[0]
    return code == errno.EPERM, named(code)


def strange_mounts(mounts: Iterable[str]) -> list[str]:
    """Mount points in the lines of mountinfo that a task's container does not have."""
    found = []
    for line in mounts:
        fields, _, kinds = line.partition(" - ")
        point, kind = fields.split()[4], kinds.split()[0]
        of_kernel = any(point == k or point.startswith(f"{k}/") for k in KERNEL_MOUNTS)
        if point not in OWN_MOUNTS and not (of_kernel and kind in KERNEL_KINDS):
            found.append(f"{point} ({kind})")
    return found


def own_mounts_only(_: Question) -> Saw:
    """Of the host's files only the workspace and the socket's folder are there."""
    mounts = lines("/proc/self/mountinfo")
    found = strange_mounts(mounts)
    return not found, ", ".join(found)[:200] or f"{len(mounts)} mounts, all known"


def nothing_above_work(_: Question) -> Saw:
    """The parents of mounted folders are the image's, not the host's."""
    tops = {p: Path(p, "..").stat() for p in ("/work", "/run/agentai", "/proc/1/root")}
    wanted = {"/work": "/", "/run/agentai": "/run", "/proc/1/root": "/"}
    return together(
        (p, os.path.samestat(top, Path(wanted[p]).stat()), f"inode {top.st_ino}")
        for p, top in tops.items()
    )


def own_processes_only(_: Question) -> Saw:
    """Every process to be seen is the container's."""
    pids = [p for p in Path("/proc").iterdir() if p.name.isdigit()]
    strange = [p.name for p in pids if p.exists() and p.stat().st_uid != os.getuid()]
    return not strange, f"{len(strange)} of {len(pids)} are others'"
