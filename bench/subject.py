"""A bot under measurement: its real processes between stand-ins for Telegram and the model."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from playground.server import PlaygroundServer
from tests.support.model_server import ScriptedModel

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "123456789:AAbench-token-of-the-playground-012345"
OWNER = 7001
FLOOR = (sys.executable, "-m", "bench.floor")
OURS = (sys.executable, "-m", "agentai.cli", "up")


class Subject:
    """Start it, talk to it, look at it, stop it."""

    def __init__(self, command: Iterable[str], home: Path) -> None:
        self._command = tuple(command)
        self.home = home
        self.telegram = PlaygroundServer(token=TOKEN, owner_id=OWNER)
        self.model = ScriptedModel()
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0

    async def open(self) -> None:
        """The two stand-ins."""
        self.home.mkdir(parents=True, exist_ok=True)
        await self.telegram.start()
        await self.model.start()

    async def close(self) -> None:
        """Everything."""
        self.stop()
        await self.telegram.stop()
        await self.model.stop()

    async def start(self) -> float:
        """Starts the bot; returns the seconds until its first poll."""
        env = {
            **{k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG"}},
            "TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_API_URL": self.telegram.api_url,
            "AGENTAI_OWNER_ID": str(OWNER), "AGENTAI_HOME": str(self.home),
            "MODEL_BASE_URL": self.model.url, "MODEL_API_KEY": "sk-bench",
            "MODEL_COORDINATOR": "scripted",
        }  # fmt: skip
        polls = self._polls()
        began = time.monotonic()
        with (self.home / "bench.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        async with asyncio.timeout(60):
            while self._polls() == polls:
                await asyncio.sleep(0.005)
        return time.monotonic() - began

    def _polls(self) -> int:
        return sum(method == "getUpdates" for _, method, _ in self.telegram.calls)

    async def settled(self) -> None:
        """Waits until `up` says that all parts are ready."""
        async with asyncio.timeout(60):
            while "\nready" not in (self.home / "bench.log").read_text():
                await asyncio.sleep(0.05)

    def stop(self) -> None:
        """Ends the bot."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=30)
            self._process = None

    async def round_trip(self, text: str = "hello") -> float:
        """Seconds from the owner's message to the bot's answer in the chat."""
        self._count += 1
        token = f"token-{self._count}-end"
        began = time.monotonic()
        self.telegram.person.send(f"{text} {token}")
        await self.telegram.wait_for(lambda m: token in m.text, 30)
        return time.monotonic() - began

    async def round_trips(self, count: int, *, gap_s: float = 0.1) -> list[float]:
        """Several, one after the other."""
        found = []
        for _ in range(count):
            found.append(await self.round_trip())
            await asyncio.sleep(gap_s)
        return found

    def processes(self) -> dict[str, psutil.Process]:
        """The process tree by part."""
        assert self._process is not None
        root = psutil.Process(self._process.pid)
        found = {"up": root}
        for child in root.children():
            words = child.cmdline()
            is_ours = words[:1] == [sys.executable]
            name = words[-1] if is_ours else Path(words[0].split()[0]).name
            found[name.split(":")[0]] = child
        return found

    def database_url(self) -> str:
        """The address of the embedded Postgres."""
        run = json.loads((self.home / "run.json").read_text())
        return str(run["database_url"])


def pss_mb(process: psutil.Process) -> float:
    """Proportional set size of a process and its descendants, in MB."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            lines = Path(f"/proc/{one.pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += next((int(w.split()[1]) for w in lines if w.startswith("Pss:")), 0)
    return total / 1024


def cpu_s(process: psutil.Process) -> float:
    """Processor seconds used so far by a process and its descendants, also those that ended."""
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        try:
            times = one.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total
