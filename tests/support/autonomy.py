"""A heartbeat in a test: real Postgres, real tasks, a clock moved by hand, ports that count."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.db import Database
from core.migrate import migrate
from core.tasks import NewTask, TaskNo, TaskStore
from heartbeat.beat import Beat
from heartbeat.check_store import CheckStore
from heartbeat.plan import compile_plan
from heartbeat.ports import Asked, BeatPorts, Notice, Printed, TaskOrder
from heartbeat.scheduler import Scheduler
from heartbeat.store import ScheduleStore
from heartbeat.trigger_store import TriggerStore
from heartbeat.triggers import Triggers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from core.db import Session
    from heartbeat.deciding import Answer

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Autonomy:
    """Everything of the heartbeat on one database.

    `before` is called at each port with its name: a test raises there to be killed. What was said
    or queued is read from the database, so that only what was committed counts.
    """

    database: Database
    root: Path
    now: datetime = START
    plan_text: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    usd: Decimal = Decimal("0.001")
    exit_code: int = 1
    printed: str = "digest-1"
    page: str = "page-1"
    is_busy: bool = False
    calls: list[str] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    orders: list[TaskOrder] = field(default_factory=list)
    before: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        self.tasks = TaskStore(self.database)
        self.schedules = ScheduleStore(self.database)
        self.checks = CheckStore(self.database)
        self.trigger_store = TriggerStore(self.database)
        self.scheduler = Scheduler(
            self.database, self.schedules, queue=self.queue, say=self.say, clock=self.clock
        )
        self.triggers = Triggers(
            self.database, self.trigger_store, queue=self.queue, say=self.say, clock=self.clock
        )
        ports = BeatPorts(
            ask=self.ask, say=self.say, queue=self.queue, run=self.run, fetch=self.fetch
        )
        self.beat = Beat(
            self.database, self.checks, plan=lambda: compile_plan(self.plan_text), ports=ports,
            root=self.root, is_busy=lambda: self.is_busy, clock=self.clock,
        )  # fmt: skip

    def clock(self) -> datetime:
        return self.now

    def called(self, name: str) -> None:
        self.calls.append(name)
        self.before(name)

    async def queue(self, session: Session, order: TaskOrder) -> TaskNo:
        self.called("queue")
        self.orders.append(order)
        new = NewTask(kind="agent", title=order.title, instructions=order.instructions, chat_id=1)
        no = await self.tasks.add(session, new)
        self.before("queued")
        return no

    async def say(self, session: Session, notice: Notice) -> None:
        self.called("say")
        await session.execute(
            "insert into outbox (chat_id, method, payload) values (1, 'sendMessage', $1)",
            {"text": notice.text, "notice": notice.id},
        )
        self.before("said")

    async def ask(self, prompt: str, names: Sequence[str]) -> Asked:
        self.called("ask")
        self.prompts.append(prompt)
        found = {name: self.answers[name] for name in names if name in self.answers}
        self.before("asked")
        return Asked(answers=found, usd=self.usd)

    async def run(self, command: str, permissions: Mapping[str, object]) -> Printed:  # noqa: ARG002, RUF100
        self.called("run")
        return Printed(code=self.exit_code, digest=self.printed)

    async def fetch(self, url: str, permissions: Mapping[str, object]) -> str:  # noqa: ARG002, RUF100
        self.called("fetch")
        return self.page

    async def said(self) -> list[str]:
        rows = await self.database.fetch(
            "select payload ->> 'text' as text from outbox order by id"
        )
        return [row["text"] for row in rows]

    async def queued(self) -> list[str]:
        rows = await self.database.fetch("select title from tasks order by no")
        return [row["title"] for row in rows]

    async def add_task(self, title: str = "owner's") -> TaskNo:
        async with self.database.transaction() as session:
            new = NewTask(kind="agent", title=title, instructions="x", chat_id=1)
            return await self.tasks.add(session, new)

    async def end_task(self, no: int, state: str = "done", reason: str | None = None) -> None:
        await self.database.execute(
            "update tasks set state = $2, ended_at = $3, reason = $4, result = 'ok' where no = $1",
            no, state, self.now, reason,
        )  # fmt: skip

    def later(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@asynccontextmanager
async def autonomy(database_url: str, root: Path) -> AsyncIterator[Autonomy]:
    """An empty database with everything on it."""
    database = await Database.connect(database_url)
    await migrate(database)
    try:
        yield Autonomy(database=database, root=root)
    finally:
        await database.close()
