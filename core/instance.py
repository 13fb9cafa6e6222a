"""The random id of an instance: it names the Redis streams and labels the containers.

It lives in Postgres. A copy in the instance's folder tells the emergency stop which containers are
ours while Postgres is away.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from core.db import Database

FILE = "instance_id"
_ID = re.compile(r"[0-9a-f]{16}")


async def instance_id(database: Database) -> str:
    """The id; made on first use."""
    await database.execute(
        "insert into instance (name, value) values ('instance_id', $1) on conflict do nothing",
        secrets.token_hex(8),
    )
    return str(await database.fetchval("select value from instance where name = 'instance_id'"))


async def keep_instance_id(database: Database, home: Path) -> str:
    """The id, copied into the folder `home` when it is not there yet."""
    found = await instance_id(database)
    if kept_instance_id(home) != found:
        _keep(found, home)
    return found


def kept_instance_id(home: Path) -> str | None:
    """What `keep_instance_id` copied; None when it did not, or the file holds anything else."""
    try:
        found = (home / FILE).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return found if _ID.fullmatch(found) else None


def _keep(value: str, home: Path) -> None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = home / f"{FILE}.{secrets.token_hex(4)}"  # two processes may start at once
    fresh.write_text(value, encoding="ascii")
    fresh.replace(home / FILE)
