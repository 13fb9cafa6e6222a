"""`agentai playground`: the stand-in as a process of its own.

It reads `TELEGRAM_BOT_TOKEN`, `PLAYGROUND_PORT`, `AGENTAI_HOME` and `AGENTAI_OWNER_ID` like every
part, keeps its key and its chat under HOME/playground (0600), and tells the supervisor the address
of the page.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from typing import TYPE_CHECKING

from core.beat import Beat
from core.logs import set_up_logging
from core.settings import load_settings
from core.spawn import held, run_until_told
from playground.server import OWNER_ID, PlaygroundServer

if TYPE_CHECKING:
    from pathlib import Path

    from core.settings import EnvSettings


def _key(folder: Path) -> str:
    """The page's key; it stays the same, so that an open page finds its way back."""
    path = folder / "key"
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(16))
    return path.read_text(encoding="ascii").strip()


async def run(env: EnvSettings) -> None:
    """Serves until cancelled."""
    folder = env.home / "playground"
    server = PlaygroundServer(
        token=env.need_token(), key=_key(folder), state_path=folder / "chat.sqlite3",
        owner_id=env.agentai_owner_id or OWNER_ID,
    )  # fmt: skip
    await server.start(port=env.playground_port)
    beat = Beat.from_environment()
    beat.say(f"chat: {server.chat_url}")
    beat.ready("playground")
    try:
        async with held(beat.run(), name="beat"):
            await asyncio.Event().wait()
    finally:
        await server.stop()


def main(_argv: list[str] | None = None) -> int:
    """The process; returns its exit code."""
    env = load_settings()
    set_up_logging(env.secrets())
    asyncio.run(run_until_told(run(env)))
    return 0
