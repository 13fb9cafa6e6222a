"""What Postgres remembers of skills: approvals, trust and use.

Threat: an approval outlives what it was given for. It is written with the digests of what the owner
saw, it never passes to another skill of the same name (`source`), and it counts only as far as
`activation.decide_change` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.sql import load_queries
from skills.activation import SkillRow, State, Trust
from skills.permissions import as_json, from_json

if TYPE_CHECKING:
    from core.db import Database, Row, Session
    from skills.types import Skill

SQL = load_queries("skills")


class SkillStore:
    """The table `skills`. Every method raises `Retryable` while Postgres is away.

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


def _row(row: Row) -> SkillRow:
    kept = row["approved_permissions"]
    return SkillRow(
        name=row["name"], source=row["source"], state=row["state"],
        approved_digest=row["approved_digest"], approved_code=row["approved_code"],
        approved_permissions=None if kept is None else from_json(kept), trust=Trust(row["trust"]),
        installed_at=row["installed_at"], used_at=row["used_at"], uses=row["uses"],
    )  # fmt: skip
