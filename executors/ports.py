"""What the executor host needs from a container engine.

Docker is one; Kubernetes can be another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from core.config import Config
    from core.tasks import Box


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a container may use. Containers are replaced when these change."""

    memory_mb: int
    processes: int
    disk_mb: int
    cpus: float
    runtime: str
    shm_mb: int = 64
    tmp_mb: int = 256

    @classmethod
    def of(cls, config: Config, box: Box = "executor") -> Limits:
        """The limits in force for a box; what it has no setting for is as for every task."""
        own = "tasks" if box == "executor" else box
        more: dict[str, int] = {}
        if box == "browser":
            more = {name: config.whole(f"browser.{name}") for name in ("shm_mb", "tmp_mb")}
        return cls(
            memory_mb=config.whole(f"{own}.memory_mb"), processes=config.whole(f"{own}.processes"),
            disk_mb=config.whole("tasks.disk_mb"), cpus=config.number("tasks.cpus"),
            runtime=config.text("tasks.runtime"), **more,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """What a container is made of: its box, and the two folders of the host that it sees."""

    sock: Path
    work: Path
    box: Box = "executor"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A container of ours that the engine knows."""

    slot: str
    is_running: bool


class Launcher(Protocol):
    """Starts and ends containers by slot name. Every call may raise `core.errors.Retryable`."""

    async def check(self) -> None:
        """Raises `UserFacing` with what to do when the engine or the image is missing."""

    async def has_image(self, box: Box) -> bool:
        """Whether containers of this box can be started."""

    async def start(self, slot: str, place: Place, limits: Limits) -> None:
        """Starts a fresh container."""

    async def remove(self, slot: str) -> None:
        """Kills and removes a container; one that is gone is fine."""

    async def was_out_of_memory(self, slot: str) -> bool:
        """Whether the kernel killed the container for its memory."""

    async def list(self) -> tuple[Found, ...]:
        """All containers of this host."""

    def owner_ids(self) -> tuple[int, int]:
        """User and group id that the container runs as."""
