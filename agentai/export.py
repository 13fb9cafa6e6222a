"""`agentai export [FILE]`: everything the instance knows, as JSON, without secrets."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from core.config import SPECS, ConfigStore
from core.db import Database
from core.seal import Seal
from core.settings import load_settings
from core.sql import load_queries

SQL = load_queries("agentai", "export.sql")


def main(argv: list[str]) -> int:
    """Writes to FILE (made with mode 0600) or to standard output."""
    if argv and argv[0] in {"-h", "--help"}:
        print(__doc__)
        return 0
    text = json.dumps(asyncio.run(_collect()), indent=1, ensure_ascii=False, default=str)
    if argv:
        descriptor = os.open(Path(argv[0]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        print(f"written to {argv[0]}", file=sys.stderr)
    else:
        print(text)
    return 0


async def _collect() -> dict[str, Any]:
    env = load_settings()
    database = await Database.connect(env.need_database(), size=2, patience_s=5)
    try:
        store = ConfigStore(database=database, seal=Seal(env.need_secret_key()), env=env)
        config = await store.current()
        found: dict[str, Any] = {
            "settings": {name: config.shown(name) for name in SPECS},
        }
        for table in SQL:
            found[table] = [dict(row) for row in await database.fetch(SQL[table])]
        return found
    finally:
        await database.close()
