"""How often the kernel had to enforce a limit here, read from control groups (v1 and v2)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_OOM = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
_PIDS = ("/sys/fs/cgroup/pids.events", "/sys/fs/cgroup/pids/pids.events")


@dataclass(frozen=True)
class Counters:
    """Events so far."""

    memory_kills: int
    process_refusals: int


def read_counters() -> Counters:
    """The events of this container so far; 0 where the kernel does not tell."""
    return Counters(memory_kills=_read(_OOM, "oom_kill"), process_refusals=_read(_PIDS, "max"))


def _read(paths: tuple[str, ...], name: str) -> int:
    for path in paths:
        try:
            lines = Path(path).read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        for line in lines:
            key, _, value = line.partition(" ")
            if key == name and value.isdigit():
                return int(value)
    return 0
