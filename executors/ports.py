"""What the executor host needs from a container engine.

Docker is one; Kubernetes can be another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from core.config import Config


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a container may use. Containers are replaced when these change."""

    memory_mb: int
    processes: int
    disk_mb: int
    cpus: float
    runtime: str

    @classmethod
    def of(cls, config: Config) -> Limits:
        """The limits in force."""
        return cls(
            memory_mb=config.whole("tasks.memory_mb"),
            processes=config.whole("tasks.processes"),
            disk_mb=config.whole("tasks.disk_mb"),
            cpus=config.number("tasks.cpus"),
            runtime=config.text("tasks.runtime"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A container of ours that the engine knows."""

    slot: str
    is_running: bool


class Launcher(Protocol):
    """Starts and ends containers by slot name. Every call may raise `core.errors.Retryable`."""

    async def check(self) -> None:
        """Raises `UserFacing` with what to do when the engine or the image is missing."""

    async def start(self, slot: str, *, sock: Path, work: Path, limits: Limits) -> None:
        """Starts a fresh container."""

    async def remove(self, slot: str) -> None:
        """Kills and removes a container; one that is gone is fine."""

    async def was_out_of_memory(self, slot: str) -> bool:
        """Whether the kernel killed the container for its memory."""

    async def list(self) -> tuple[Found, ...]:
        """All containers of this host."""

    def owner_ids(self) -> tuple[int, int]:
        """User and group id that the container runs as."""
