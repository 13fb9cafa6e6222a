"""Tries to get out of its own container and tells what happened: a task of kind `probe`.

Threat: an engine that ignores an option, a setting that loosens one, a kernel without a limit. What
the launcher asked for proves nothing, so every attempt really tries, in the same kind of container
that tasks get. The answer is untrusted as all of the worker is; the host calls it only on an image
of its own, before any task has run in that container.

Attempts are harmless where they succeed. A route is looked for by connecting a datagram socket: the
kernel decides and nothing is sent, so no stranger's address is ever spoken to. The hard attempts
stop by themselves a little above the limit they look for.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # run as a file in isolated mode: our packages are three folders up
    sys.path[0:0] = [str(Path(__file__).resolve().parents[2])]

from executors.worker import probe_kernel as kernel
from executors.worker import probe_limits as limits
from executors.worker import probe_reach as reach
from executors.worker.probe_base import Question, Saw, calls_refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from executors.worker.link import Link

EVERY_START: dict[str, Callable[[Question], Saw]] = {
    "only_loopback": reach.only_loopback,
    "no_route_out": lambda _: reach.route("1.1.1.1", "2606:4700:4700::1111"),
    "no_route_to_private_networks": lambda _: reach.route("172.17.0.1", "10.0.0.1", "192.168.0.1"),
    "no_route_to_metadata": lambda _: reach.route("169.254.169.254", "fd00:ec2::254"),
    "no_route_to_host": lambda q: reach.route(*(a for a in q.addresses if not a.startswith("/"))),
    "no_names": reach.no_names,
    "no_redis": lambda _: reach.no_service(6379),
    "no_postgres": lambda _: reach.no_service(5432),
    "no_host_socket": lambda q: reach.no_socket(a for a in q.addresses if a.startswith("/")),
    "no_engine_socket": lambda _: reach.no_socket(reach.ENGINE_SOCKETS),
    "own_socket_only": reach.own_socket_only,
    "no_netlink_change": reach.no_netlink_change,
    "own_mounts_only": reach.own_mounts_only,
    "nothing_above_work": reach.nothing_above_work,
    "own_processes_only": reach.own_processes_only,
    "root_read_only": kernel.root_read_only,
    "kernel_files_closed": kernel.kernel_files,
    "cgroup_read_only": kernel.cgroup_read_only,
    "no_devices": kernel.no_devices,
    "no_new_device": kernel.no_new_device,
    "no_capabilities": kernel.no_capabilities,
    "no_new_privileges": kernel.stays_unprivileged,
    "system_calls_filtered": kernel.filtered,
    "not_root": kernel.not_root,
    "no_raw_sockets": kernel.no_raw_sockets,
    "no_keyring": lambda _: calls_refused(("add_key", 0, 0, 0, 0, 0), ("request_key", 0, 0, 0, 0),
                                   ("keyctl", 0, -3, 0, 0, 0)),
    "no_kernel_doors": lambda _: calls_refused(
        ("bpf", 0, 0, 0), ("perf_event_open", 0, 0, 0, 0, 0), ("userfaultfd", 0),
        ("kexec_load", 0, 0, 0, 0), ("io_uring_setup", 0, 0), ("init_module", 0, 0, 0),
        ("finit_module", -1, 0, 0), ("open_by_handle_at", -1, 0, 0),
    ),
    "no_tracing": lambda _: calls_refused(
        ("ptrace", 0x4206, 1, 0, 0), ("process_vm_readv", 1, 0, 0)
    ),
    "memory_limited": lambda q: limits.bounded(
        limits.group_value("memory.max", "memory/memory.limit_in_bytes"), q.memory
    ),
    "processes_limited": lambda q: limits.bounded(
        limits.group_value("pids.max", "pids/pids.max"), q.processes
    ),
    "processor_limited": lambda _: limits.bounded(
        limits.group_value("cpu.max", "cpu/cpu.cfs_quota_us"), 10**8
    ),
    "files_limited": limits.file_size,
    "open_files_limited": limits.files_open,
    "tmp_limited": limits.tmp_size,
    "no_core_dumps": limits.no_core,
    "no_mounting": kernel.no_mounting,  # the last three change this process where they succeed
    "no_namespaces": kernel.no_namespaces,
    "no_way_to_root": kernel.no_way_to_root,
}  # fmt: skip
HARD: dict[str, Callable[[Question], Saw]] = {
    "fork_bomb_stops": limits.fork_bomb, "disk_fill_stops": limits.disk_fill,
    "memory_fill_stops": limits.memory_fill,
}  # fmt: skip


def answers(question: Question) -> dict[str, dict[str, bool | str]]:
    """Tries everything; what could not be tried did not hold."""
    found: dict[str, dict[str, bool | str]] = {}
    for name, attempt in ((HARD if question.is_hard else {}) | EVERY_START).items():
        try:
            held, saw = attempt(question)
        except (OSError, ValueError, LookupError, struct.error) as error:
            held, saw = False, f"could not be tried: {type(error).__name__}: {error}"
        found[name] = {"held": held, "saw": saw[:300]}
    return found


def run_probe_task(link: Link, task: dict[str, Any]) -> None:
    """Answers by finishing the task; its result is the JSON."""
    result = json.dumps(answers(Question.of(task)))
    link.request("finish", state="done", result=result, reason=None, files=[])


def main() -> int:
    """Reads a task line's task from the first argument and prints the JSON; always 0."""
    sys.stdout.write(json.dumps(answers(Question.of(json.loads(sys.argv[1])))) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
