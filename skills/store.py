"""What Postgres remembers of skills: approvals, trust, use, and the agent's proposals.

Threat: an approval outlives what it was given for. It is written with the digests of what the owner
saw, it never passes to another skill of the same name (`source`), and it counts only as far as
`activation.decide_change` says. A proposal is decided once: a second tap changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from core.db import storable
from core.sql import load_queries
from skills.activation import SkillRow, State, Trust
from skills.permissions import as_json, from_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.db import Database, Row, Session
    from core.policy.action import Json
    from skills.types import Skill

SQL = load_queries("skills")


@dataclass(frozen=True, kw_only=True, slots=True)
class NewProposal:
    """A skill that the agent would like to add or edit; `diff` and `trial` are for the owner."""

    skill: str
    kind: Literal["new", "edit"]
    text: str
    diff: str
    reason: str
    trial: Mapping[str, Json] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal(NewProposal):
    """A proposal as it is kept."""

    id: int
    state: Literal["open", "accepted", "rejected"]
    created_at: datetime
    decided_at: datetime | None


class SkillStore:
    """The tables `skills` and `proposals`. Every method raises `Retryable` while Postgres is away.

    `session` is a transaction of the caller's, for what must commit together.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rows(self) -> dict[str, SkillRow]:
        """All skills that are known, by name; whether their files are there is another matter."""
        return {row["name"]: _row(row) for row in await self._database.fetch(SQL["all"])}

    async def row(self, name: str) -> SkillRow | None:
        """What is known of one skill."""
        row = await self._database.fetchrow(SQL["one"], name)
        return None if row is None else _row(row)

    async def see(self, skill: Skill, state: State) -> None:
        """Notes that the skill is there and what was decided; what is disabled stays so.

        A skill from another source begins anew: what was approved of its namesake is forgotten.
        """
        await self._database.execute(SQL["see"], skill.name, skill.source, state)

    async def approve(self, skill: Skill, session: Session | None = None) -> None:
        """The owner saw these files and these permissions and said yes."""
        await (session or self._database).execute(
            SQL["approve"], skill.name, skill.source, skill.digest, skill.code_digest,
            as_json(skill.permissions),
        )  # fmt: skip

    async def revoke(self, name: str) -> bool:
        """Takes an approval back; the skill waits again as if it were new."""
        return await self._database.fetchval(SQL["revoke"], name) is not None

    async def disable(self, skill: Skill) -> None:
        """Switches a skill off, also one that was never used."""
        await self._database.execute(SQL["set_disabled"], skill.name, skill.source)

    async def enable(self, name: str) -> bool:
        """Switches it on again; False if it was not off. Its approval counts as before."""
        return await self._database.fetchval(SQL["set_enabled"], name) is not None

    async def set_trust(self, name: str, trust: Trust) -> bool:
        """Sets what may change without a look; False if the skill is not known."""
        return await self._database.fetchval(SQL["set_trust"], name, trust.value) is not None

    async def used(self, skill: Skill, session: Session | None = None) -> None:
        """Counts one use."""
        await (session or self._database).execute(SQL["used"], skill.name, skill.source)

    async def forget(self, name: str) -> bool:
        """Forgets a skill whose files are gone; it is new if it comes back."""
        return await self._database.fetchval(SQL["forget"], name) is not None

    async def propose(self, new: NewProposal) -> int:
        """Keeps a proposal; returns its number."""
        number: int = await self._database.fetchval(
            SQL["propose"], new.skill, new.kind, storable(new.text), storable(new.diff),
            storable(new.reason), None if new.trial is None else dict(new.trial),
        )  # fmt: skip
        return number

    async def proposal(self, number: int) -> Proposal | None:
        """One proposal."""
        row = await self._database.fetchrow(SQL["proposal"], number)
        return None if row is None else Proposal(**row)

    async def open_proposals(self, limit: int = 20) -> tuple[Proposal, ...]:
        """Those that wait for the owner, newest first."""
        rows = await self._database.fetch(SQL["open_proposals"], limit)
        return tuple(Proposal(**row) for row in rows)

    async def set_trial(self, number: int, trial: Mapping[str, Json]) -> bool:
        """Keeps how a proposal did; False if it is decided already."""
        return await self._database.fetchval(SQL["set_trial"], number, dict(trial)) is not None

    async def decide(
        self, number: int, session: Session | None = None, *, is_accepted: bool
    ) -> bool:
        """The owner's answer; False if it was given before or there is no such proposal."""
        state = "accepted" if is_accepted else "rejected"
        return await (session or self._database).fetchval(SQL["decide"], number, state) is not None


def _row(row: Row) -> SkillRow:
    kept = row["approved_permissions"]
    return SkillRow(
        name=row["name"], source=row["source"], state=row["state"],
        approved_digest=row["approved_digest"], approved_code=row["approved_code"],
        approved_permissions=None if kept is None else from_json(kept), trust=Trust(row["trust"]),
        installed_at=row["installed_at"], used_at=row["used_at"], uses=row["uses"],
    )  # fmt: skip
