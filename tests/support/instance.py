"""A real `agentai up` in a folder of its own, with whatever environment a test gives it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from agentai.embedded.places import remove_socket_folder
from agentai.instance import Instance, Running
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READY_WITHIN_S = 40.0
# What the machine running the tests may have set for its own instance.
FOREIGN = (
    "TELEGRAM_",
    "AGENTAI_",
    "DATABASE_URL",
    "REDIS_URL",
    "MODEL_",
    "OPENROUTER_",
    "PLAYGROUND_",
)


def clean_environment(home: Path, **settings: str) -> dict[str, str]:
    """This process's environment without anybody's settings, plus `settings`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return {**kept, "AGENTAI_HOME": str(home), **settings}


class Up:
    """One `agentai up`; its output goes to files beside its home."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.environment = clean_environment(self.home, **settings)
        self.process = self._begin()

    def _begin(self) -> subprocess.Popen[bytes]:
        with (self.folder / "out").open("wb") as out, (self.folder / "err").open("wb") as err:
            return subprocess.Popen(
                [sys.executable, "-m", "agentai.cli", "up"],
                stdout=out,
                stderr=err,
                env=self.environment,
                cwd=Path(__file__).parents[2],
            )

    @property
    def out(self) -> str:
        """What it printed so far."""
        return (self.folder / "out").read_text()

    @property
    def err(self) -> str:
        """What it warned of so far."""
        return (self.folder / "err").read_text()

    def wait_until_ready(self) -> None:
        """Waits for the line `ready`; fails with what was printed instead."""
        try:
            until(lambda: "ready" in self.out.splitlines(), within_s=READY_WITHIN_S, what="ready")
        except AssertionError:
            raise AssertionError(f"never ready\n{self.out}\n{self.err}") from None

    def running(self) -> Running:
        """Where its parts are."""
        found = Instance(self.home).running()
        assert found is not None
        return found

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs another `agentai` command for the same home."""
        return subprocess.run(
            [sys.executable, "-m", "agentai.cli", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env=self.environment,
            cwd=Path(__file__).parents[2],
            check=False,
        )

    def part(self, name: str) -> psutil.Process:
        """The running process of one of our own parts, or of `valkey` or `postgres`."""
        server = {"valkey": "valkey-server", "postgres": "postgres"}.get(name)

        def look() -> psutil.Process | None:
            for child in psutil.Process(self.process.pid).children():
                try:
                    if child.name() == server or name in child.cmdline()[3:]:
                        return child
                except psutil.NoSuchProcess:  # it ended between the two looks
                    continue
            return None

        return until(look, what=name)

    def again(self) -> None:
        """Starts it once more in the same home, after it ended."""
        self.process = self._begin()

    def stop(self) -> int:
        """Asks it to stop; returns its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=15)

    def close(self) -> None:
        """Ends it in any case and removes what it left outside its folder."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.home.exists():
            remove_socket_folder(self.home)


@pytest.fixture
def up() -> Iterator[Callable[..., Up]]:
    """Starts instances: `up(NAME=value, …)`. They are stopped and removed after the test."""
    made: list[Up] = []

    def begin(**settings: str) -> Up:
        made.append(Up(Path(tempfile.mkdtemp(prefix="agentai-up-")), **settings))
        return made[-1]

    yield begin
    for instance in made:
        instance.close()
        shutil.rmtree(instance.folder)
