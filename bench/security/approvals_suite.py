"""Attacks on approvals, against real Postgres and the real bot: none may succeed.

`measure` plays every named attack in a database of its own, `measure_machine` plays random orders
of moves against a model, `measure_kills` kills a process at random moments while it uses approvals.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.security import (
    approvals_imposters,
    approvals_late,
    approvals_replays,
    approvals_swaps,
)
from bench.security.approvals_case import CONTROLS
from bench.security.approvals_kills import Killed, measure_kills
from bench.security.approvals_machine import measure_machine
from bench.security.approvals_model import Walked
from bench.security.approvals_scene import scene
from core.db import Database
from core.migrate import migrate
from tests.support.services import RunningPostgres

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from bench.security.approvals_scene import Scene

ATTACKS = (
    *approvals_imposters.ATTACKS, *approvals_replays.ATTACKS, *approvals_late.ATTACKS,
    *approvals_swaps.ATTACKS,
)  # fmt: skip
STEPS, KILLS = 100_000, 1_000
Figures = dict[str, tuple[float | int | None, str, str]]


@dataclass
class Counted:
    """What the attacks did. `broken` are decisions that should have counted and did not."""

    attacks: int = 0
    succeeded: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    walked: Walked = field(default_factory=Walked)
    killed: Killed = field(default_factory=Killed)


class Template:
    """A migrated database to copy from, so that each attack has one to itself."""

    def __init__(self, postgres: RunningPostgres) -> None:
        self._postgres = postgres
        self._dsn = postgres.fresh_database()
        asyncio.run(_migrated(self._dsn))

    @contextmanager
    def copy(self) -> Iterator[tuple[str, Path]]:
        """The DSN of a copy, and a folder; both are gone afterwards."""
        name = self._dsn.partition("@/")[2].partition("?")[0]
        dsn, folder = self._postgres.fresh_database(name), Path(tempfile.mkdtemp())
        try:
            yield dsn, folder
        finally:
            self._postgres.drop_database(dsn)
            shutil.rmtree(folder)


async def _migrated(dsn: str) -> None:
    database = await Database.connect(dsn)
    await migrate(database)
    await database.close()


def play(template: Template, attack: Callable[[Scene], Awaitable[bool]]) -> bool:
    """Whether one attack succeeds."""

    async def played(dsn: str, folder: Path) -> bool:
        async with scene(dsn, folder) as at:
            return await attack(at)

    with template.copy() as (dsn, folder):
        return asyncio.run(played(dsn, folder))


def measure(postgres: RunningPostgres, *, steps: int = STEPS, kills: int = KILLS) -> Counted:
    """All attacks and controls, then `steps` random moves and `kills` kills."""
    template, counted = Template(postgres), Counted(attacks=len(ATTACKS))
    counted.succeeded = [attack.__name__ for attack in ATTACKS if play(template, attack)]
    counted.broken = [control.__name__ for control in CONTROLS if not play(template, control)]
    with template.copy() as (dsn, folder):
        counted.walked = measure_machine(steps, dsn, folder)
    with template.copy() as (dsn, folder):
        counted.killed = asyncio.run(measure_kills(kills, dsn, folder))
    return counted


def figures(counted: Counted) -> Figures:
    walked, killed = counted.walked, counted.killed
    return {
        "approval_attacks": (counted.attacks, "attacks", "named, real Postgres and real bot code"),
        "approval_attacks_succeeded": (len(counted.succeeded), "attacks", "must be 0"),
        "approval_controls_broken": (len(counted.broken), "moves", "the owner's own, must be 0"),
        "approval_machine_steps": (walked.steps, "steps", "random moves against a model"),
        "approval_machine_used": (walked.used, "tickets", "taken in them, each once and allowed"),
        "approval_kills": (killed.kills, "kills", "`kill -9` of a process that uses approvals"),
        "approval_kills_in_use": (killed.in_doubt, "kills", "of them between intent and outcome"),
        "double_consumes": (killed.doubles, "effects", "twice or unapproved, must be 0"),
    }


@contextmanager
def postgres() -> Iterator[RunningPostgres]:
    """A Postgres of the bench's own."""
    home = Path(tempfile.mkdtemp(prefix="agentai-bench-"))
    running = RunningPostgres(home)
    try:
        yield running
    finally:
        running.close()
        shutil.rmtree(home)


def long_figures() -> Figures:
    """The long version, with a Postgres of its own."""
    with postgres() as server:
        counted = measure(server)
    print(*counted.succeeded, *counted.broken, sep="\n")
    return figures(counted)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]] or [STEPS, KILLS]
    with postgres() as server:
        found = measure(server, steps=numbers[0], kills=numbers[-1])
    print(found.succeeded, found.broken)
    for key, figure in figures(found).items():
        print(key, figure[0])
