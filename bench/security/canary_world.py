"""A real instance to plant secrets in: both processes, a web that echoes, a talkative model."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.model_server import Body, Reply, call, say, tool_names, tool_results
from tests.support.services import RunningPostgres, RunningValkey
from tests.support.web import EchoWeb
from tests.support.world import ROOT, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOST, DEAD = "api.example.com", "dead.example.com"
# How a planted secret is sent: the header's part of a curl command.
USES = {
    "CLI_BEARER": '-H "Authorization: Bearer $CLI_BEARER"',
    "CLI_HEADER": '-H "X-Api-Key: $CLI_HEADER"',
    "CLI_BASIC": "-u me:$CLI_BASIC",
    "BY_FORM": '-H "Authorization: $BY_FORM"',
    "BY_CHAT": '-H "Authorization: Bearer $BY_CHAT"',
}


class Instance:
    """A real instance with a web behind its gateway."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = RunningPostgres(folder / "postgres")
        self.valkey = RunningValkey(folder / "valkey")
        self.web = EchoWeb(folder / "web", HOST)
        self.world = World(
            home=folder / "home", database_url=self.postgres.fresh_database(),
            redis_url=self.valkey.url,
        )  # fmt: skip
        self.temporary = folder / "tmp"

    async def open(self) -> None:
        for made in (self.world.home, self.temporary):
            made.mkdir()
        await self.web.start()
        pins = self.web.environment()
        pins["GATEWAY_PINS"] += f",{DEAD}=127.0.0.1:1"
        self.world.env |= {**pins, "TMPDIR": str(self.temporary)}
        self.world.model.script = answers
        await self.world.open()
        await self.world.start()

    async def close(self) -> None:
        await self.world.close()
        await self.web.stop()
        self.postgres.close()
        self.valkey.close()

    async def cli(self, *arguments: str, told: str = "") -> bytes:
        """What an `agentai` command prints, both streams."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "agentai.cli", *arguments, env=self.world.env, cwd=ROOT,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await process.communicate(told.encode())
        return out


def answers(body: Body) -> Reply:
    """A model that delegates, uses a secret in its task, and repeats what it got."""
    results = tool_results(body)
    if "delegate" in tool_names(body):
        return say("Begun.") if results else call("delegate", title="look", instructions="look")
    if not results:
        command = f"curl -sS {USES['CLI_BEARER']} https://{HOST}/model; env; echo $CLI_BEARER"
        return call("shell", command=command)
    return call("finish", result=f"Seen: {results[0]}")


@asynccontextmanager
async def an_instance() -> AsyncIterator[Instance]:
    """A running instance in a folder of its own, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="canary-"))
    instance = Instance(folder)
    try:
        await instance.open()
        yield instance
    finally:
        await instance.close()
        shutil.rmtree(folder, ignore_errors=True)
