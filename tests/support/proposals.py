"""One instance's proposals: real Postgres, a scripted model, quiet tasks that end as told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from coordinator.model import ModelCaller
from coordinator.proposal_book import ProposalBook
from coordinator.proposal_install import InstallParts, ProposalInstaller
from coordinator.proposal_parts import ProposingParts
from coordinator.proposing import Proposing
from coordinator.quiet import Ended
from coordinator.skills import Skills
from core.audit import Audit
from core.config import ConfigStore
from core.db import Database, Session
from core.migrate import migrate
from core.seal import Seal
from core.settings import load_settings
from core.tasks import NewTask, TaskFile, TaskNo, TaskState, TaskStore
from skills.library import Library
from skills.proposals import State
from skills.proposals_store import Proposal, ProposalStore
from skills.store import SkillStore
from skills.versions import Versions
from tests.support.model_server import ScriptedModel, say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from pathlib import Path

    from tests.support.model_server import Answer

REPORT = "Write the weekly sales report from the table week{}.csv and list regions by turnover"
SKILL = """---
name: {name}
description: Writes the weekly sales report.
{more}---
{body}
"""
WRITES = "permissions:\n  filesystem: {read: ['sales/*'], write: ['reports/*']}\n"


def text(name: str = "sales-report", more: str = "", body: str = "List regions.") -> str:
    return SKILL.format(name=name, more=more, body=body)


def proposes(skill: str) -> Answer:
    return say(
        "```json\n" + json.dumps({"skill": skill, "reason": "You ask for it often."}) + "\n```"
    )


@dataclass
class FakeQuiet:
    """Quiet tasks that end as told, at once."""

    state: TaskState = TaskState.DONE
    seen: list[NewTask] = field(default_factory=list)

    async def run(
        self, new: NewTask, *, timeout_s: float, unasked_since: datetime | None = None
    ) -> Ended:
        self.seen.append(new)
        no = TaskNo(1_000_000_000 + len(self.seen))
        return Ended(no=no, state=self.state, output="the report is written")


@dataclass
class KeptTeller:
    """A teller that remembers."""

    told: list[tuple[str, int]] = field(default_factory=list)

    async def offer(self, session: Session, proposal: Proposal) -> None:
        self.told.append(("offer", proposal.id))

    async def installed(self, session: Session, proposal: Proposal) -> None:
        self.told.append((f"installed by {proposal.decided_by}", proposal.id))

    async def undone(self, session: Session, proposal: Proposal, why_not: str = "") -> None:
        self.told.append((f"undone {why_not}".strip(), proposal.id))

    async def stale(self, session: Session, proposal: Proposal, why: str) -> None:
        self.told.append(("stale", proposal.id))

    def wake(self) -> None:
        """Nobody waits here."""


class Shop:
    """One instance's proposals; `again` is what a restart leaves of it."""

    def __init__(self, database: Database, root: Path, model: ScriptedModel) -> None:
        self.database, self.root, self.model = database, root, model
        self.folder = root / "skills"
        self.folder.mkdir(exist_ok=True)
        env = load_settings()
        self.config = ConfigStore(database=database, seal=Seal("x" * 20), env=env)
        self.tasks, self.rows = TaskStore(database), SkillStore(database)
        self.store, self.audit = ProposalStore(database), Audit(database)
        self.book = ProposalBook(database=database, store=self.store, audit=self.audit)
        self.caller = ModelCaller(self.config, self.tasks)
        self.quiet, self.teller = FakeQuiet(), KeptTeller()
        self.again()

    def again(self) -> None:
        self.skills = Skills(
            library=Library(None, self.folder), store=self.rows, cargo_folder=self.root / "cargo"
        )
        self.installer = ProposalInstaller(
            InstallParts(
                book=self.book, skills=self.skills, rows=self.rows, teller=self.teller,
                versions=Versions(self.folder, self.root / "versions"), folder=self.folder,
                staging=self.root / "staging", changed=lambda: None,
            )
        )  # fmt: skip
        self.proposing = Proposing(
            ProposingParts(
                book=self.book, skills=self.skills, model=self.caller, tasks=self.tasks,
                config=self.config, quiet=self.quiet, teller=self.teller, folder=self.folder,
                staging=self.root / "staging", accepted=self.installer.wake,
            )
        )  # fmt: skip

    async def done(self, instructions: str, *, skill: str = "", origin: str = "owner",
                   said: str = "", file: str = "") -> TaskNo:  # fmt: skip
        """A task that ended well, and what the owner said to it meanwhile."""
        files = (TaskFile(name="in.csv", path=file),) if file else ()
        async with self.database.transaction() as session:
            new = NewTask(kind="agent", title="t", instructions=instructions, chat_id=7,
                          origin=origin, skill=skill, files=files)  # fmt: skip
            no = await self.tasks.add(session, new)
            if said:
                await self.tasks.add_input(session, no, "steer", text=said, key=f"update:{no}")
        await self.database.execute(
            "update tasks set state = 'done', ended_at = clock_timestamp() where no = $1", no
        )
        return no

    async def steps(self, count: int = 3) -> None:
        """As the lane does it, a few times."""
        await self.skills.look()
        for _ in range(count):
            self.proposing._news.set()
            await self.proposing.step()

    async def one(self, number: int = 1) -> Proposal:
        found = await self.store.get(number)
        assert found is not None
        return found

    async def accept(self, number: int = 1) -> bool:
        one = replace(await self.one(number), state=State.OFFERED)  # as a card shows it
        async with self.database.transaction() as session:
            return await self.book.move(session, one, State.ACCEPTED, by="owner")

    async def install(self) -> None:
        self.installer.wake()
        await self.installer.step()

    async def kinds(self) -> list[str]:
        rows = await self.database.fetch("select kind from audit order by seq")
        return [row["kind"] for row in rows]


@pytest.fixture
async def shop(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Shop]:
    database = await Database.connect(database_url)
    await migrate(database)
    model = ScriptedModel([proposes(text())])
    await model.start()
    monkeypatch.setenv("MODEL_BASE_URL", model.url)
    monkeypatch.setenv("MODEL_API_KEY", "sk-test")
    monkeypatch.setenv("MODEL_COORDINATOR", "scripted")
    (tmp_path / "skills").mkdir()
    (tmp_path / "skills" / "plain.md").write_text(text("plain"))
    made = Shop(database, tmp_path, model)
    yield made
    await made.caller.close()
    await model.stop()
    await database.close()


async def three(shop: Shop) -> None:
    for week in range(1, 4):
        await shop.done(REPORT.format(week))
