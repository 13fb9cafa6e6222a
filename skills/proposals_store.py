"""Proposals in Postgres: what each is, where it stands, and what has to be done next.

Every change of state is one compare-and-set: a second tap, a second process or a repeated step
changes nothing. What was written is never changed afterwards, so a number always means one text.
Every method raises `Retryable` while Postgres is away. `session` is a transaction of the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from core.db import storable
from core.errors import Bug
from core.sql import load_queries
from skills.proposals import State, may_become
from skills.proposals_habits import DoneTask, Earlier

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.db import Database, Row, Session
    from core.policy.action import Json
    from skills.proposals_habits import Occasion

SQL = load_queries("skills", "proposals.sql")
_SELECT = SQL["select"]
LISTED = 20
SHOWN_CAP = 600


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """How the recorded task went with the proposed skill; texts are the container's."""

    state: str
    said: str = ""
    files: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """As plain values."""
        return {
            "state": self.state, "said": storable(self.said[:SHOWN_CAP]),
            "files": [storable(name) for name in self.files], "refused": list(self.refused),
        }  # fmt: skip

    @classmethod
    def from_json(cls, found: Mapping[str, object]) -> Trial:
        """What `to_json` made, read again."""
        return cls(
            state=str(found["state"]), said=str(found["said"]), files=_texts(found["files"]),
            refused=_texts(found["refused"]),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A proposal as it is kept. `tasks[0]` is the recorded task that its trial replays."""

    id: int
    kind: Literal["new", "edit"]
    skill: str
    tasks: tuple[int, ...]
    is_corrected: bool
    is_untrusted: bool
    base: str
    base_digest: str
    text: str
    digest: str
    reason: str
    state: State
    attempts: int
    trial: Trial | None
    note: str
    decided_by: Literal["owner", "setting"] | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What the model wrote, after it was read as a skill."""

    skill: str
    text: str
    digest: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """What one small look shows: work that was begun, and when a task last ended."""

    has_work: bool
    last_end: datetime | None


class ProposalStore:
    """The table `proposals`, and what tasks tell about habits."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # --- looking for an occasion ---

    async def news(self) -> News:
        """One statement: all that an idle look costs."""
        row = await self._db.fetchrow(SQL["news"])
        return News(**row) if row else News(has_work=False, last_end=None)

    async def done_tasks(self) -> tuple[DoneTask, ...]:
        """The owner's newest tasks that ended well, newest first."""
        return tuple(
            DoneTask(
                no=r["no"], instructions=r["instructions"], asked=r["asked"], skill=r["skill"],
                corrections=tuple(r["corrections"]), again_of=tuple(r["again_of"]),
                is_untrusted=r["is_untrusted"],
            )
            for r in await self._db.fetch(SQL["done_tasks"])
        )  # fmt: skip

    async def said(self, no: int) -> tuple[str, ...]:
        """The owner's own messages that led to the task; never forwarded ones."""
        return tuple(row["text"] for row in await self._db.fetch(SQL["said"], no))

    async def earlier(self) -> tuple[Earlier, ...]:
        """All proposals so far, as far as they keep another from being made."""
        return tuple(
            Earlier(
                kind=r["kind"], skill=r["skill"], tokens=frozenset(r["tokens"]),
                state=State(r["state"]), newest_task=r["newest_task"] or 0,
            )
            for r in await self._db.fetch(SQL["earlier"])
        )  # fmt: skip

    async def made_today(self) -> int:
        """How many were begun within a day."""
        return int(await self._db.fetchval(SQL["made_today"]))

    # --- its life ---

    async def begin(self, found: Occasion, *, base: str = "", base_digest: str = "") -> int | None:
        """Keeps the occasion before anything is paid for; None when it is kept already."""
        number: int | None = await self._db.fetchval(
            SQL["begin"], found.kind, found.skill, found.task_kind, sorted(found.tokens),
            list(found.tasks), found.is_corrected, found.is_untrusted, storable(base), base_digest,
        )  # fmt: skip
        return number

    async def get(self, number: int, session: Session | None = None) -> Proposal | None:
        """One proposal."""
        row = await (session or self._db).fetchrow(f"{_SELECT} where id = $1", number)
        return _proposal(row) if row else None

    async def next_in(self, *states: State) -> Proposal | None:
        """The oldest one in any of these states."""
        where = "where state = any($1::text[]) order by id limit 1"
        row = await self._db.fetchrow(f"{_SELECT} {where}", [str(state) for state in states])
        return _proposal(row) if row else None

    async def listed(self, *, is_all: bool) -> tuple[Proposal, ...]:
        """The newest ones: those that wait for the owner, or all."""
        where = "where $1 or state = 'offered' order by id desc limit $2"
        rows = await self._db.fetch(f"{_SELECT} {where}", is_all, LISTED)
        return tuple(_proposal(row) for row in rows)

    async def attempt(self, proposal: Proposal) -> int:
        """Counts a try of what its state asks for, before it is made."""
        made = await self._db.fetchval(SQL["attempt"], proposal.id, str(proposal.state))
        return int(made or 0)

    async def written(self, number: int, new: Written, session: Session) -> bool:
        """Keeps the text; its trial is next."""
        args = (number, new.skill, storable(new.text), new.digest, storable(new.reason))
        return await session.fetchval(SQL["written"], *args) is not None

    async def tried(self, number: int, trial: Trial, session: Session) -> bool:
        """Keeps how the trial went."""
        return await session.fetchval(SQL["tried"], number, trial.to_json()) is not None

    async def move(
        self, proposal: Proposal, to: State, session: Session | None = None, *, note: str = "",
        by: Literal["owner", "setting"] | None = None,
    ) -> bool:  # fmt: skip
        """From the state it was read in to the next; False when it is not there any more."""
        if not may_become(proposal.state, to):
            raise Bug(f"a proposal cannot go from {proposal.state} to {to}")
        args = (proposal.id, str(proposal.state), str(to), storable(note)[:500], by)
        return await (session or self._db).fetchval(SQL["move"], *args) is not None

    # --- what judging needs ---

    async def own_digests(self, skill: str) -> frozenset[str]:
        """The states of a skill that came from proposals: the agent wrote those."""
        rows = await self._db.fetch(SQL["own_digests"], skill)
        return frozenset(row["digest"] for row in rows)

    async def denied(self, no: int) -> tuple[str, ...]:
        """What the audit trail says a task was refused, a line each."""
        rows = await self._db.fetch(SQL["denied"], no)
        return tuple(f"{row['scope']} ({row['reason']})" for row in rows)


def _proposal(row: Row) -> Proposal:
    found = dict(row)
    trial = found.pop("trial")
    return Proposal(
        **{**found, "tasks": tuple(row["tasks"]), "state": State(row["state"])},
        trial=None if trial is None else Trial.from_json(trial),
    )  # fmt: skip


def _texts(found: object) -> tuple[str, ...]:
    return tuple(str(one) for one in found) if isinstance(found, list) else ()
