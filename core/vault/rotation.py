"""The vault's data keys in Postgres: the newest one, a new one for all, and a new key around all.

Threat: a data key or `AGENTAI_SECRET_KEY` leaked, and the owner replaces it while secrets are in
use. A rotation re-seals one secret a transaction: `kill -9` at any point leaves each of them
readable under the key its row names, and the next call goes on from there. The old key's row goes
when no secret needs it. A change of `AGENTAI_SECRET_KEY` is one transaction: all or nothing.
Copies made before (backups, dead rows until vacuum) still open with the old keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.config.spec import SPECS, Value
from core.config.store import SQL as CONFIG_SQL
from core.errors import ConfigError
from core.seal import PREFIX, Seal
from core.sql import load_queries
from core.vault.envelope import DataKey, MasterKey, Place

if TYPE_CHECKING:
    from core.db import Database, Row, Session

SQL = load_queries(__package__ or "core.vault")


def place_of(install: str, row: Row) -> Place:
    """The place that a row of `vault_secrets` claims for its value."""
    return Place(
        install=install, name=row["name"], version=row["version"], host=row["host"],
        header=row["header"], template=row["template"],
    )  # fmt: skip


def opened(master: MasterKey, row: Row) -> str:
    """The value of a row that came with its wrapped data key."""
    key = master.unwrap(row["wrapped"], row["key_id"])
    return key.open(row["sealed"], place_of(master.install, row))


async def newest_key(session: Session, master: MasterKey) -> tuple[int, DataKey]:
    """The key for new values; the first one is made here. The caller holds the lock."""
    row = await session.fetchrow(SQL["newest_key"])
    if row is None:
        return await _add_key(session, master)
    return row["id"], master.unwrap(row["wrapped"], row["id"])


async def _add_key(session: Session, master: MasterKey) -> tuple[int, DataKey]:
    key_id, key = int(await session.fetchval(SQL["next_key_id"])), DataKey.new()
    await session.execute(SQL["add_key"], key_id, key.wrapped(master, key_id))
    return key_id, key


async def rotate(database: Database, master: MasterKey) -> int:
    """Moves every secret to a new data key, or ends a rotation that was broken off.

    Returns how many were sealed anew. Cancelling leaves all secrets readable; call again to go on.
    """
    await _begin(database, master)
    count = 0
    while await _reseal_one(database, master):
        count += 1
    async with database.transaction() as session:
        await session.execute(SQL["lock"])
        await session.execute(SQL["delete_idle_keys"])
    return count


async def _begin(database: Database, master: MasterKey) -> None:
    """A second key in the table means that a rotation is under way: it is ended, not doubled."""
    async with database.transaction() as session:
        await session.execute(SQL["lock"])
        rows = await session.fetch(SQL["all_keys"])
        for row in rows:
            master.unwrap(row["wrapped"], row["id"])
        if len(rows) < 2:
            await _add_key(session, master)


async def _reseal_one(database: Database, master: MasterKey) -> bool:
    """One secret, in a transaction of its own; False when none is left under an older key."""
    async with database.transaction() as session:
        await session.execute(SQL["lock"])
        row = await session.fetchrow(SQL["next_stale"])
        if row is None:
            return False
        key_id, key = await newest_key(session, master)
        sealed = key.close(opened(master, row), place_of(master.install, row))
        await session.execute(SQL["reseal"], row["name"], key_id, sealed)
    return True


async def change_secret_key(database: Database, install: str, *, old: str, new: str) -> None:
    """Wraps all data keys and seals all stored settings with `new` instead of `old`.

    What `new` opens already stays. `ConfigError`, and nothing changes, when neither key opens it.
    Processes that still run with the old key must be restarted.
    """
    async with database.transaction() as session:
        await session.execute(SQL["lock"])
        await session.execute(CONFIG_SQL["lock"])
        await _rewrap_keys(session, MasterKey(old, install), MasterKey(new, install))
        await _reseal_settings(session, Seal(old), Seal(new))


async def _rewrap_keys(session: Session, old: MasterKey, new: MasterKey) -> None:
    for row in await session.fetch(SQL["all_keys"]):
        key_id, wrapped = row["id"], row["wrapped"]
        if new.try_unwrap(wrapped, key_id) is not None:
            continue
        key = old.try_unwrap(wrapped, key_id)
        if key is None:
            raise _neither("the vault")
        await session.execute(SQL["rewrap_key"], key_id, key.wrapped(new, key_id))


async def _reseal_settings(session: Session, old: Seal, new: Seal) -> None:
    """Every version of the settings; only in the newest must every secret open."""
    rows = await session.fetch(SQL["settings"])
    for row in rows:
        is_newest = row is rows[-1]
        before: dict[str, Value] = row["overrides"]
        after = {
            name: _resealed(name, value, (old, new), must_open=is_newest)
            for name, value in before.items()
        }
        if after != before:
            await session.execute(SQL["reseal_settings"], row["version"], after)


def _resealed(name: str, value: Value, seals: tuple[Seal, Seal], *, must_open: bool) -> Value:
    old, new = seals
    may_be_sealed = name not in SPECS or SPECS[name].is_secret
    if not may_be_sealed or not isinstance(value, str) or not value.startswith(PREFIX):
        return value
    if _try_open(new, name, value) is not None:
        return value
    plain = _try_open(old, name, value)
    if plain is not None:
        return new.close(plain, name=name)
    if must_open:
        raise _neither(f"the stored {name}")
    return value


def _try_open(seal: Seal, name: str, value: str) -> str | None:
    try:
        return seal.open(value, name=name)
    except ConfigError:
        return None


def _neither(what: str) -> ConfigError:
    return ConfigError("AGENTAI_SECRET_KEY", f"neither the old nor the new key opens {what}")
