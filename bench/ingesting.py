"""How fast a long PDF goes in: the real executor host, the reader's container, the real store."""

from __future__ import annotations

import asyncio
import random
import re
import resource
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from coordinator.knowledge.ingest import Ingest
from coordinator.knowledge.reading import QuietReader
from coordinator.knowledge.store import NewDocument, Store
from coordinator.quiet import QuietTasks
from core.bus import Bus
from core.db import Database
from core.instance import instance_id
from core.migrate import migrate
from core.spawn import forever, held
from core.tasks import TaskStore
from tests.support import papers
from tests.support.services import RunningValkey
from tests.support.world import Process, remove_containers

if TYPE_CHECKING:
    from pathlib import Path

    from coordinator.quiet import Ended
    from core.db import Session
    from core.tasks import NewTask
    from tests.support.services import RunningPostgres

PAGES = 400
LINES = 45
WITHIN_S = 300.0
Figures = dict[str, tuple[float | int | None, str, str]]


@dataclass(kw_only=True)
class Overheard:
    """Quiet tasks, with what they printed and how long they took."""

    quiet: QuietTasks
    said: list[str] = field(default_factory=list)
    seconds: float = 0.0

    async def run(self, new: NewTask, *, timeout_s: float) -> Ended:
        """The same."""
        began = time.perf_counter()
        ended = await self.quiet.run(new, timeout_s=timeout_s)
        self.seconds = time.perf_counter() - began
        self.said.append(ended.output)
        return ended


class Nobody:
    """No owner to tell."""

    async def say(self, session: Session, chat_id: int, text: str) -> None:
        """Nothing."""

    async def show(self, session: Session, chat_id: int, text: str, *, card: int | None) -> int:
        """Nothing."""
        del session, chat_id, text
        return card or 1

    def wake(self) -> None:
        """Nothing."""


def book() -> bytes:
    """400 pages of about 3,000 characters, each with a heading."""
    chance = random.Random(11)
    words = [
        "".join(chance.choices("abcdefghijklmnop", k=chance.randint(2, 9))) for _ in range(4000)
    ]
    return papers.pdf(
        [f"Part {n}", *(" ".join(chance.choices(words, k=11)) + "." for _ in range(LINES))]
        for n in range(1, PAGES + 1)
    )


async def ingest(postgres: RunningPostgres, home: Path) -> Figures:
    """Pages a second from the file to what answers by words, and the memory that it took."""
    (home / "host").mkdir()
    valkey = RunningValkey(home / "valkey")
    valkey.start()
    dsn = postgres.fresh_database()
    database = await Database.connect(dsn)
    await migrate(database)
    bus = Bus.connect(valkey.url, await instance_id(database))
    env = {
        "PATH": "/usr/local/bin:/usr/bin:/bin", "AGENTAI_HOME": str(home / "host"),
        "AGENTAI_SECRET_KEY": "only-for-this-run", "DATABASE_URL": dsn, "REDIS_URL": valkey.url,
    }  # fmt: skip
    host = Process("executor", env, home / "executor.log")
    host.start()
    try:
        await host.ready()
        return await _timed(database, bus, home)
    finally:
        host.stop()
        remove_containers(home / "host")
        await bus.close()
        await database.close()
        postgres.drop_database(dsn)
        valkey.close()


async def _timed(database: Database, bus: Bus, home: Path) -> Figures:
    store = Store(database)
    quiet: Any = Overheard(quiet=QuietTasks(database=database, tasks=TaskStore(database), bus=bus))
    work = Ingest(
        database=database, store=store, reader=QuietReader(quiet), embedder=None, notices=Nobody()
    )
    await _put(database, store, home / "small.pdf", papers.pdf([["One", "page."]]))
    path = home / "book.pdf"
    content = book()
    async with held(forever(work.read_step, name="reading"), name="reading") as reading:
        await _ready(store, reading)  # the host is warm from here on
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.perf_counter()
        await _put(database, store, path, content)
        work.wake()
        await _ready(store, reading)
        took = time.perf_counter() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    used = re.findall(r"^used: (\d+) MB$", quiet.said[-1], re.MULTILINE)
    (document,) = [d for d in await store.documents() if d.name == path.name]
    size = f"a PDF of {document.pages} pages, {document.chunks} passages"
    return {
        "ingest_pages_per_s": (
            round(PAGES / took, 1), "pages/s", f"{size}: from the file to answers by words"
        ),
        "ingest_container_s": (
            round(quiet.seconds, 1), "s", "of that: the container, from asked for to its result"
        ),
        "ingest_reader_mb": (int(used[-1]) if used else None, "MB", "most memory of the parser"),
        "ingest_process_mb": (grown, "MB", "growth of the process that stores it, at most"),
    }  # fmt: skip


async def _put(database: Database, store: Store, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    new = NewDocument(
        name=path.name, digest=path.name, path=str(path), size=len(content), source="folder",
        chat_id=None,
    )  # fmt: skip
    async with database.transaction() as session:
        await store.add(session, new)


async def _ready(store: Store, reading: asyncio.Task[None]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while found := [d for d in await store.documents() if d.state != "ready"]:
            if failed := [d.error for d in found if d.error]:
                raise RuntimeError(failed[0])
            if reading.done():
                await reading
            await asyncio.sleep(0.01)
