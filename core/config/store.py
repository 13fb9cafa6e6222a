"""Reads and writes the versions.

Each change is a new version that holds all stored settings; rolling back is one, too.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.config.spec import SPECS, Value, find_spec, parse_value
from core.config.values import Config, resolve
from core.errors import UserFacing
from core.sql import load_queries

if TYPE_CHECKING:
    from datetime import datetime

    from core.db import Database, Session
    from core.seal import Seal
    from core.settings import EnvSettings

SQL = load_queries(__package__ or "core.config")


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """One line of the history."""

    version: int
    at: datetime
    actor: str
    note: str


class ConfigStore:
    """The settings of this instance.

    Reading is cheap: values are read anew only when the version moved.
    """

    def __init__(self, *, database: Database, seal: Seal, env: EnvSettings) -> None:
        self._database = database
        self._seal = seal
        self._env = env
        self._current: Config | None = None
        self._asked_at = 0.0

    async def current(self, *, within_s: float = 0.0) -> Config:
        """The settings in force now, or those that were `within_s` seconds ago."""
        now = asyncio.get_running_loop().time()
        if self._current is not None and now - self._asked_at < within_s:
            return self._current
        version = await self._database.fetchval(SQL["newest_version"])
        if self._current is None or self._current.version != version:
            row = await self._database.fetchrow(SQL["newest"])
            stored = row["overrides"] if row else {}
            self._current = resolve(row["version"] if row else 0, self._opened(stored), self._env)
        self._asked_at = now
        return self._current

    @property
    def latest(self) -> Config:
        """What `current` returned last, or the environment's values before its first call."""
        return self._current or resolve(0, {}, self._env)

    async def set(self, name: str, text: str, *, actor: str) -> Config:
        """Changes one setting.

        `UserFacing` when the name or the value is no good; nothing changes then.
        """
        spec = find_spec(name)
        value = parse_value(spec, text)
        kept = self._seal.close(str(value), name=name) if spec.is_secret else value
        note = f"{name} set" if spec.is_secret else f"{name} = {text.strip()[:100]}"
        return await self._write({name: kept}, actor=actor, note=note)

    async def reset(self, name: str, *, actor: str) -> Config:
        """Forgets a stored value: the environment's or the default counts again."""
        find_spec(name)
        return await self._write({name: None}, actor=actor, note=f"{name} back to default")

    async def _write(self, change: dict[str, Value | None], *, actor: str, note: str) -> Config:
        async with self._database.transaction() as session:
            await session.execute(SQL["lock"])
            row = await session.fetchrow(SQL["newest"])
            merged = {**(row["overrides"] if row else {}), **change}
            await self._add(
                session, {k: v for k, v in merged.items() if v is not None}, actor, note
            )
        return await self.current()

    async def rollback(self, version: int, *, actor: str) -> Config:
        """Makes the settings of `version` the newest ones again.

        0 is the state before any change.
        """
        async with self._database.transaction() as session:
            await session.execute(SQL["lock"])
            row = await session.fetchrow(SQL["one"], version)
            if row is None and version != 0:
                raise UserFacing(f"There is no version {version}.", "/config history lists them.")
            overrides = row["overrides"] if row else {}
            await self._add(session, overrides, actor, f"rolled back to version {version}")
        return await self.current()

    @staticmethod
    async def _add(session: Session, overrides: dict[str, Value], actor: str, note: str) -> None:
        await session.execute(SQL["add"], actor, note, overrides)

    async def history(self, *, limit: int = 15) -> tuple[Version, ...]:
        """The newest versions, newest first."""
        rows = await self._database.fetch(SQL["history"], limit)
        return tuple(Version(**row) for row in rows)

    def _opened(self, stored: dict[str, Value]) -> dict[str, Value]:
        """Stored values with secrets opened.

        Settings that this code no longer knows are left out.
        """
        return {
            name: self._seal.open(str(value), name=name) if SPECS[name].is_secret else value
            for name, value in stored.items()
            if name in SPECS
        }
