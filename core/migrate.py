"""Brings the database to the shape this code expects.

Files run in the order of their numbers, each in its own transaction, under one advisory lock, so
that `serve` and `executor` may start at once. A file that changed after it ran is refused: history
is not rewritten.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from core.errors import ConfigError

if TYPE_CHECKING:
    from core.db import Database, Session

_LOCK = 0x61_67_65_6E_74  # "agent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    """One file: its number and name, its SQL, and the SHA-256 of the SQL."""

    name: str
    sql: str
    digest: str


def migrations() -> tuple[Migration, ...]:
    """All files, in order."""
    found = sorted(
        (f for f in files("core.migrations").iterdir() if f.name.endswith(".sql")),
        key=lambda f: f.name,
    )
    texts = [(f.name, f.read_text(encoding="utf-8")) for f in found]
    return tuple(
        Migration(name=name, sql=sql, digest=hashlib.sha256(sql.encode()).hexdigest())
        for name, sql in texts
    )


async def migrate(database: Database) -> tuple[str, ...]:
    """Runs what is missing; returns the names that ran. Cancelling leaves whole files only."""
    ran: list[str] = []
    for migration in migrations():
        async with database.transaction() as session:
            await session.execute("select pg_advisory_xact_lock($1)", _LOCK)
            if await _is_new(session, migration):
                await session.execute(migration.sql)
                await session.execute(
                    "insert into schema_migrations (name, digest) values ($1, $2)",
                    migration.name,
                    migration.digest,
                )
                ran.append(migration.name)
    return tuple(ran)


async def _is_new(session: Session, migration: Migration) -> bool:
    await session.execute(
        "create table if not exists schema_migrations ("
        "name text primary key, digest text not null, at timestamptz not null default now())"
    )
    digest = await session.fetchval(
        "select digest from schema_migrations where name = $1", migration.name
    )
    if digest is not None and digest != migration.digest:
        raise ConfigError("DATABASE_URL", f"{migration.name} changed after it ran here")
    return digest is None
