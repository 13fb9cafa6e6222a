"""The emergency stop under bad conditions: how long until everything is dead, and what is left.

Each round three containers work: one sleeps, with an open tunnel, a grant of its own and a card
that waits; one burns its processor; one is an agent whose model calls tools for ever. Then
everything is stopped, by /stop in the chat or by `agentai stop`. The clock runs from sending to the
moment when no container of theirs runs and Postgres counts none of the tasks as live. Where the
executor itself is frozen the tasks count as stopped once the wish is written, as their fence then
keeps them from anything; they must end as cancelled when it wakes.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker

from bench.security.stop_web import Web, soon
from core.db import Database
from playground.person import NotPossible
from tests.support.model_server import Body, Reply, call, say, tool_names
from tests.support.services import RunningPostgres, RunningValkey
from tests.support.world import ROOT, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from playground.state import Shown

NORMAL, HUNG, REDIS, LOOPING = "normal", "coordinator hung", "redis down", "model looping"
ALL, SERVE, EXECUTOR = "all three", "serve frozen, CLI", "executor frozen, CLI"
CONDITIONS = (NORMAL, HUNG, REDIS, LOOPING, ALL, SERVE, EXECUTOR)
NAMES = ("api.example.com", "other.example.com", "tunnel.example.com")
TARGET_S = 2.0
GIVE_UP_S = 30.0
LIVE = "select slot from tasks where state in ('running', 'waiting')"
LIVE_GRANT = "select 1 from grants where task_no is not null and revoked_at is null"
LEFT = {
    "open approvals": "select count(*) from approvals where state = 'pending'",
    "grants of tasks": "select count(*) from grants"
    " where task_no is not null and revoked_at is null",
    "tasks not cancelled": "select count(*) from tasks"
    " where cancel_requested_at is not null and state <> 'cancelled'",
}
Figures = dict[str, tuple[float | int | None, str, str]]


@dataclass
class Counted:
    """Seconds per condition, and whatever was not as it should be afterwards."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def all_s(self) -> list[float]:
        return sorted(s for each in self.seconds.values() for s in each)


class Rounds:
    """Rounds in one world."""

    def __init__(self, world: World, web: Web, valkey: RunningValkey, database: Database) -> None:
        self.world, self._web, self._valkey, self._db = world, web, valkey, database
        self._docker = docker.from_env()
        self._condition = NORMAL
        self._hanging = self._looped = 0
        self.counted = Counted()
        world.model.script = self._script

    def _script(self, body: Body) -> Reply:
        if "delegate" not in tool_names(body):
            self._looped += 1
            is_fast = self._condition in {LOOPING, ALL}
            return call("shell", command=f"echo {self._looped}", pause_s=0.0 if is_fast else 0.2)
        if self._condition not in {HUNG, ALL}:
            return say("heard")
        self._hanging += 1
        return say("too late", pause_s=120)

    async def round(self, number: int, condition: str) -> None:
        """One round; leaves the world as it was before."""
        self._condition = condition
        slots = await self._begin(number)
        await self._worsen()
        took = await self._stopped(slots)
        self.counted.seconds.setdefault(condition, []).append(took)
        await self._look_after(number)

    async def _begin(self, number: int) -> set[str]:
        world, self._looped, self._hanging = self.world, 0, 0
        world.says(
            f"/run curl -sS -d x https://{NAMES[0]}/a{number};"
            f" curl -skN https://{NAMES[2]}/hold & curl -sS -d y https://{NAMES[1]}/b{number} &"
            " sleep 300"
        )
        card = await world.sees(lambda m: bool(m.buttons) and f"/a{number}\n" in f"{m.text}\n")
        await soon(partial(self._is_granted, card), "a grant")
        world.says("/run while :; do :; done")
        await self._soon("a card", "select 1 from approvals where state = 'pending'")
        world.says("/task work for ever")
        await soon(partial(self._is_busy), "three tasks at work")
        return {row["slot"] for row in await self._db.fetch(LIVE)}

    async def _is_granted(self, card: Shown) -> bool:
        """Presses again: a press in the very moment of the card's coming is refused."""
        labels = [button["text"] for row in card.buttons for button in row]
        until = next(label for label in labels if label.startswith("Until "))
        if not await self._db.fetchval(LIVE_GRANT):
            with suppress(NotPossible):
                self.world.telegram.person.press(card.id, until)
            await asyncio.sleep(0.2)
        return bool(await self._db.fetchval(LIVE_GRANT))

    async def _soon(self, what: str, query: str) -> None:
        await soon(lambda: self._db.fetchval(query), what)

    async def _is_busy(self) -> bool:
        rows = await self._db.fetch(LIVE)
        if len(rows) != 3 or self._looped < 3 or self._web.held != 1:
            return False
        return {row["slot"] for row in rows} <= await asyncio.to_thread(self._running)

    async def _worsen(self) -> None:
        if self._condition in {HUNG, ALL}:
            self.world.says("please think about this")
            await soon(self._is_hanging, "a hanging turn")
        if self._condition in {REDIS, ALL}:
            self._valkey.kill()
        if self._condition == SERVE:
            os.kill(self.world.serve.pid, signal.SIGSTOP)
        if self._condition == EXECUTOR:
            os.kill(self.world.executor.pid, signal.SIGSTOP)

    async def _is_hanging(self) -> bool:
        return self._hanging > 0

    async def _stopped(self, slots: set[str]) -> float:
        """Stops everything; returns the seconds until it was so."""
        began = time.monotonic()
        command = None
        if self._condition in {SERVE, EXECUTOR}:
            command = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "agentai.cli", "stop", env=self.world.env, cwd=ROOT,
                stdout=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        else:
            self.world.says("/stop")
        await soon(lambda: self._is_over(slots), f"the stop, {self._condition}", GIVE_UP_S)
        took = time.monotonic() - began
        if command is not None and await command.wait():
            self.counted.wrong.append(f"{self._condition}: the command failed")
        return took

    async def _is_over(self, slots: set[str]) -> bool:
        wish = " and cancel_requested_at is null" if self._condition == EXECUTOR else ""
        if await self._db.fetch(f"{LIVE}{wish} or state = 'queued'"):
            return False
        return not slots & await asyncio.to_thread(self._running)

    def _running(self) -> set[str]:
        host = (self.world.home / "host_id").read_text().strip()
        rows: list[dict[str, Any]] = self._docker.api.containers(
            filters={"label": f"agentai.host={host}", "status": "running"}
        )
        return {row["Labels"]["agentai.slot"] for row in rows}

    async def _look_after(self, number: int) -> None:
        wake(self.world)
        for what, query in LEFT.items():
            await self._check(what, partial(self._is_none, query))
        await self._check("open tunnels", self._is_cut)
        before = len(self.world.chat())
        self.world.says("/status")
        await self._check("no answer", partial(self._has_answered, before))
        self.world.says(f"/run echo alive-$(({number}+0))-again")
        await self._check("no new task", partial(self._is_alive, f"alive-{number}-again"))
        await self._restore()

    async def _restore(self) -> None:
        if self._condition in {REDIS, ALL}:
            await asyncio.to_thread(self._valkey.start)
        if self._condition in {HUNG, ALL}:
            self._condition = NORMAL
            self.world.says("are you back?")
            await self.world.sees("heard")

    async def _check(self, what: str, look: Callable[[], Awaitable[bool]]) -> None:
        try:
            await soon(look, what)
        except TimeoutError:
            self.counted.wrong.append(f"{self._condition}: {what}")

    async def _is_none(self, query: str) -> bool:
        return bool(await self._db.fetchval(query) == 0)

    async def _is_cut(self) -> bool:
        return self._web.held == 0

    async def _has_answered(self, before: int) -> bool:
        return any("running" in t.lower() for t in self.world.chat()[before:])

    async def _is_alive(self, text: str) -> bool:
        return any(text in t for t in self.world.chat())


def wake(world: World) -> None:
    """Lets both processes go on, where one was frozen."""
    for process in (world.serve, world.executor):
        with suppress(ProcessLookupError, AssertionError):  # ended, or never begun
            os.kill(process.pid, signal.SIGCONT)


@asynccontextmanager
async def rounds_in(folder: Path) -> AsyncIterator[Rounds]:
    """A world of its own with both processes running, and its rounds."""
    postgres, valkey = RunningPostgres(folder / "postgres"), RunningValkey(folder / "valkey")
    web = Web(folder / "web", NAMES)
    world = World(
        home=folder / "home", database_url=postgres.fresh_database(), redis_url=valkey.url
    )
    world.home.mkdir()
    try:
        await web.start()
        world.env |= web.environment
        await world.open()
        await world.start()
        database = await Database.connect(world.env["DATABASE_URL"], size=2)
        for text in ("/config tasks.steps 500", f"/grant {NAMES[2]} *"):
            world.says(text)
        await world.sees(f"All tasks may reach {NAMES[2]} now")
        yield Rounds(world, web, valkey, database)
        await database.close()
    finally:
        wake(world)
        await world.close()
        await web.stop()
        postgres.close()
        valkey.close()


async def measure(rounds: int, conditions: tuple[str, ...] = CONDITIONS) -> Counted:
    """`rounds` rounds, the conditions in turn."""
    folder = Path(tempfile.mkdtemp(prefix="stop-"))
    try:
        async with rounds_in(folder) as running:
            for number in range(rounds):
                await running.round(number, conditions[number % len(conditions)])
            return running.counted
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def figures(counted: Counted) -> Figures:
    """For the page of results."""
    found = counted.all_s
    few = len(found) < 100
    p99 = found[-1] if few else found[int(len(found) * 0.99)]
    meaning = "slowest of all rounds" if few else "99th percentile of all rounds"
    made: Figures = {
        "stop_rounds": (len(found), "rounds", "three containers each, seven conditions in turn"),
        "stop_hung_p99_s": (round(p99, 2), "s", f"from /stop until all is dead, {meaning}"),
        "stop_left": (len(counted.wrong), "things", "not ended, or not working again, after it"),
    }
    for condition, seconds in counted.seconds.items():
        key = condition.replace(",", "").replace(" ", "_").lower()
        made[f"stop_{key}_s"] = (round(max(seconds), 2), "s", f"slowest: {condition}")
    return made


if __name__ == "__main__":
    result = asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 14))
    for key, figure in figures(result).items():
        print(key, *figure)
    print(*result.wrong, sep="\n")
