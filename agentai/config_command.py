"""`agentai config`: the settings of the instance, from the command line.

agentai config                    all settings
agentai config NAME               one
agentai config NAME VALUE         change one; for a key, leave VALUE out: it is asked for
agentai config reset NAME         back to the environment's value or the default
agentai config history
agentai config rollback N
"""

from __future__ import annotations

import asyncio
import getpass
import sys
from typing import TYPE_CHECKING

from core.config import SPECS, ConfigStore
from core.config.spec import find_spec
from core.db import Database
from core.errors import UserFacing
from core.migrate import migrate
from core.seal import Seal
from core.settings import load_settings

if TYPE_CHECKING:
    from core.config import Config

ACTOR = "command line"


def main(argv: list[str]) -> int:
    """Runs one form of the command; `UserFacing` and `ConfigError` end it with their sentence."""
    if argv and argv[0] in {"-h", "--help"}:
        print(__doc__)
        return 0
    if len(argv) == 1 and argv[0] in SPECS and SPECS[argv[0]].is_secret and not argv[1:]:
        argv = [argv[0], _ask_for(argv[0])]
    print(asyncio.run(_run(argv)))
    return 0


def _ask_for(name: str) -> str:
    """A key never stands on the command line, where other users of the machine could read it."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{name}: ")
    return sys.stdin.readline().strip()


async def _run(argv: list[str]) -> str:
    env = load_settings()
    database = await Database.connect(env.need_database(), size=2, patience_s=5)
    try:
        await migrate(database)
        store = ConfigStore(database=database, seal=Seal(env.need_secret_key()), env=env)
        return await _carry_out(store, argv)
    finally:
        await database.close()


async def _carry_out(store: ConfigStore, argv: list[str]) -> str:
    match argv:
        case []:
            config = await store.current()
            return "\n".join(_line(config, name) for name in SPECS)
        case ["history"]:
            versions = await store.history(limit=50)
            return "\n".join(
                f"{v.version}\t{v.at:%Y-%m-%d %H:%M}\t{v.note}\t{v.actor}" for v in versions
            )
        case ["rollback", number] if number.isdecimal():
            config = await store.rollback(int(number), actor=ACTOR)
            return f"version {config.version} has the settings of version {number}"
        case ["reset", name]:
            return _line(await store.reset(name, actor=ACTOR), name)
        case [name]:
            find_spec(name)
            return _line(await store.current(), name)
        case [name, value]:
            return _line(await store.set(name, value, actor=ACTOR), name)
        case _:
            raise UserFacing("That is no form of the command.", "See: agentai config --help")


def _line(config: Config, name: str) -> str:
    return f"{name} = {config.shown(name)}  ({config.sources[name]})"
