"""The random id of an instance: it names the Redis streams and labels the containers."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.db import Database


async def instance_id(database: Database) -> str:
    """The id; made on first use."""
    await database.execute(
        "insert into instance (name, value) values ('instance_id', $1) on conflict do nothing",
        secrets.token_hex(8),
    )
    return str(await database.fetchval("select value from instance where name = 'instance_id'"))
