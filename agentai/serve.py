"""`agentai serve`: the process with bot and coordinator on one event loop, from start to end.

`agentai.service` puts its parts together, `agentai.serving` runs them.
"""

from __future__ import annotations

# ruff: noqa: E402 - memory is spared before anything heavy is imported
from core.lean import slim_down

slim_down()

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from agentai.service import Service
from agentai.serving import Serving
from bot.telegram_api import TelegramApi
from core.beat import Beat
from core.bus import Bus
from core.db import Database
from core.instance import keep_instance_id
from core.logs import set_up_logging
from core.migrate import migrate
from core.settings import load_settings
from core.spawn import Spawner, run_until_told

if TYPE_CHECKING:
    from core.settings import EnvSettings


async def serve(env: EnvSettings) -> None:
    """Connects, migrates, serves.

    Ends by SIGTERM or SIGINT; nothing is lost by a harder end either.
    """
    token, beat = env.need_token(), Beat.from_environment()
    async with AsyncExitStack() as stack:
        spawner = Spawner()
        database = await Database.connect(env.need_database(), size=8)
        stack.push_async_callback(database.close)
        await migrate(database)
        instance = await keep_instance_id(database, env.home)
        bus = Bus.connect(env.need_redis(), instance)
        stack.push_async_callback(bus.close)
        api = TelegramApi(token, env.telegram_api_url)
        stack.push_async_callback(api.hang_up)
        service = Service(env, database, bus, api, spawner, instance)
        stack.push_async_callback(service.safety.form.stop)
        stack.push_async_callback(service.model.close)
        stack.push_async_callback(service.autonomy.close)
        stack.push_async_callback(service.memory.close)
        stack.push_async_callback(spawner.close)
        spawner.spawn(beat.run(), name="beat")
        await Serving(service, beat).run()


def main() -> int:
    """The process; returns its exit code."""
    env = load_settings()
    set_up_logging(env.secrets())
    asyncio.run(run_until_told(serve(env)))
    return 0
