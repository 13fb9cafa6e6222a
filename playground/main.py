"""`agentai playground`: the stand-in as a process of its own.

It reads `TELEGRAM_BOT_TOKEN`, `PLAYGROUND_PORT`, `AGENTAI_HOME` and `AGENTAI_OWNER_ID` like every
part, keeps its key and its chat under HOME/playground (0600), and tells the supervisor the address
of the page.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from typing import TYPE_CHECKING

from core.beat import Beat
from core.errors import ConfigError
from core.logs import set_up_logging
from core.settings import load_settings
from core.spawn import held, run_until_told
from playground.server import OWNER_ID, PlaygroundServer

if TYPE_CHECKING:
    from pathlib import Path

    from core.settings import EnvSettings


def page_key(folder: Path) -> str:
    """The page's key; it stays the same, so that an open page finds its way back.

    A file that holds no key, such as one left half written, is replaced.
    """
    path = folder / "key"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = path.read_bytes().strip() if path.exists() else b""
    if re.fullmatch(rb"[0-9a-f]{32}", kept):
        return kept.decode("ascii")
    key = secrets.token_hex(16)
    new = folder / "key.new"
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(key)
    new.replace(path)
    return key


async def run(env: EnvSettings, key: str) -> None:
    """Serves until cancelled."""
    server = PlaygroundServer(
        token=env.need_token(), key=key, state_path=env.home / "playground" / "chat.sqlite3",
        owner_id=env.agentai_owner_id or OWNER_ID,
    )  # fmt: skip
    try:
        await server.start(port=env.playground_port)
    except OSError as error:
        await server.stop()
        reason = f"{env.playground_port} cannot be used: {os.strerror(error.errno or 0)}"
        reason += "; choose another, or leave it out for a free one"
        raise ConfigError("PLAYGROUND_PORT", reason) from None
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
    key = page_key(env.home / "playground")
    set_up_logging([*env.secrets(), key])
    asyncio.run(run_until_told(run(env, key)))
    return 0
