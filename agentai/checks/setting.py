"""The settings that the other checks go by, and whether they can be read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from agentai.probing import WAIT_S
from core.db import Database
from core.errors import ConfigError, Retryable, UserFacing
from core.settings import EnvSettings, load_settings

if TYPE_CHECKING:
    from core.config import Config

RUN_UP = "Start `agentai up` (or `make up`), then run the doctor again."

_refused: list[ConfigError] = []


def checked_env() -> EnvSettings:
    """The settings without the refused ones, so that one of them does not hide the other parts."""
    while True:
        try:
            return load_settings()
        except ConfigError as error:
            _refused.append(error)
            names = [name for name in os.environ if name.upper() == error.setting]
            for name in names:
                del os.environ[name]
            if not names:
                raise


async def settings() -> str:
    """Every variable of the environment that we read."""
    checked_env()
    if _refused:
        raise UserFacing(
            "; ".join(str(error) for error in _refused), "Correct it in the environment."
        )
    return "the environment's values are valid"


async def connect() -> Database:
    """The database; the caller closes it."""
    env = checked_env()
    if env.database_url is None:
        raise UserFacing("No database runs for this folder.", RUN_UP)
    try:
        return await Database.connect(env.need_database(), size=1, patience_s=WAIT_S)
    except Retryable as error:
        raise UserFacing(
            str(error), "Check DATABASE_URL, and that the server there runs."
        ) from error


async def config_in_force() -> Config:
    """What is in force; without a database, what the environment and the defaults say."""
    from core.config import ConfigStore
    from core.config.values import resolve
    from core.seal import Seal

    env = checked_env()
    try:
        database = await connect()
    except UserFacing:
        return resolve(0, {}, env)
    try:
        store = ConfigStore(database=database, seal=Seal(env.need_secret_key()), env=env)
        return await store.current()
    finally:
        await database.close()
