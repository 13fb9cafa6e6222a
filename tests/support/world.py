"""The whole product with real parts: Postgres, Valkey, Docker, the playground as Telegram, a
scripted model.

`serve` and `executor` run as the real processes they are; a test speaks as the owner, reads the
chat, and kills what it likes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from playground.server import PlaygroundServer
from tests.support.model_server import ScriptedModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from playground.state import Shown

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "123456789:AAtest-token-of-the-playground-0123456"
OWNER = 7001
READY_WITHIN_S = 40.0


class Process:
    """One of our processes, with its beat pipe."""

    def __init__(self, name: str, env: dict[str, str], log: Path) -> None:
        self.name = name
        self._env = env
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._beat = -1

    def start(self) -> None:
        self._beat, write = os.pipe()
        os.set_blocking(self._beat, False)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "agentai.cli", self.name],
                env={**self._env, "AGENTAI_BEAT_FD": str(write)}, cwd=ROOT, pass_fds=[write],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        os.close(write)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def ready(self) -> str:
        """Waits for the line that says so; returns all lines until then."""
        said = b""
        async with asyncio.timeout(READY_WITHIN_S):
            while b"ready" not in said:
                assert self._process is not None
                if self._process.poll() is not None:
                    raise AssertionError(f"{self.name} ended:\n{self._log.read_text()[-3000:]}")
                try:
                    said += os.read(self._beat, 65536)
                except BlockingIOError:
                    await asyncio.sleep(0.01)
        return said.decode()

    async def said(self) -> str:
        """What it told its supervisor since the last look."""
        try:
            return os.read(self._beat, 65536).decode()
        except BlockingIOError:
            await asyncio.sleep(0.02)
            return ""

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, then patience."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=20)
            self._process = None
            os.close(self._beat)


class World:
    """What an end-to-end test holds."""

    def __init__(self, *, home: Path, database_url: str, redis_url: str) -> None:
        self.home = home
        self.model = ScriptedModel()
        self.telegram = PlaygroundServer(token=TOKEN, owner_id=OWNER)
        self.env = {
            **{k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG", "TMPDIR"}},
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "AGENTAI_OWNER_ID": str(OWNER),
            "AGENTAI_HOME": str(home),
            "AGENTAI_SECRET_KEY": "a-secret-key-for-tests-only",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
        }
        self.serve = Process("serve", self.env, home / "serve.log")
        self.executor = Process("executor", self.env, home / "executor.log")

    async def open(self, *, has_model: bool = True) -> None:
        await self.model.start()
        await self.telegram.start()
        self.env["TELEGRAM_API_URL"] = self.telegram.api_url
        if has_model:
            self.env |= {
                "MODEL_BASE_URL": self.model.url,
                "MODEL_API_KEY": "sk-key-that-nobody-may-see",
                "MODEL_COORDINATOR": "scripted",
            }

    async def start(self, *, with_executor: bool = True) -> None:
        self.serve.start()
        if with_executor:
            self.executor.start()
            await self.executor.ready()
        await self.serve.ready()

    async def close(self) -> None:
        for process in (self.serve, self.executor):
            process.stop()
        await self.telegram.stop()
        await self.model.stop()
        remove_containers(self.home)

    # --- as the owner ---

    def says(self, text: str, reply_to: int | None = None) -> int:
        return self.telegram.person.send(text, reply_to=reply_to)

    async def sees(self, wanted: str | Callable[[Shown], bool], timeout_s: float = 30.0) -> Shown:
        """A message of the bot that holds this text, now or later."""
        match = wanted if callable(wanted) else lambda shown: wanted in shown.text
        return await self.telegram.wait_for(match, timeout_s)

    def chat(self) -> list[str]:
        """The texts of all messages of the bot."""
        return [shown.text for shown in self.telegram.bot_messages()]


def remove_containers(home: Path) -> None:
    """Kills what a test's executor host left running: its containers carry the host's id."""
    host_file = home / "host_id"
    if not host_file.exists():
        return
    import docker

    client = docker.from_env()
    label = f"agentai.host={host_file.read_text().strip()}"
    for container in client.containers.list(all=True, filters={"label": label}):
        container.remove(force=True)
    client.close()


@asynccontextmanager
async def a_world(
    tmp_path: Path, database_url: str, redis_url: str, *, has_model: bool = True
) -> AsyncIterator[World]:
    """Everything but the processes is running inside the block; `start` them."""
    world = World(home=tmp_path / "home", database_url=database_url, redis_url=redis_url)
    world.home.mkdir()
    await world.open(has_model=has_model)
    try:
        yield world
    finally:
        await world.close()


@pytest.fixture
async def world(tmp_path: Path, database_url: str, redis_url: str) -> AsyncIterator[World]:
    """A world with a model."""
    async with a_world(tmp_path, database_url, redis_url) as made:
        yield made


@pytest.fixture
async def world_without_model(
    tmp_path: Path, database_url: str, redis_url: str
) -> AsyncIterator[World]:
    """A world in which no model is configured."""
    async with a_world(tmp_path, database_url, redis_url, has_model=False) as made:
        yield made
