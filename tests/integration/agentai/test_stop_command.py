"""`agentai stop` with the real engine and Postgres, and with one of them away."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import docker
import pytest

from core.db import Database
from core.instance import FILE, instance_id, keep_instance_id
from core.migrate import migrate
from core.pause import pause_now
from core.tasks import NewTask, TaskStore
from executors.docker_launcher import kill_all
from tests.support.world import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from docker.models.containers import Container

PAUSED = "schedules, checks and triggers are paused; /resume in the chat starts them again\n"
NOWHERE = "postgresql://agentai@127.0.0.1:1/agentai"
NO_ENGINE = "unix:///nonexistent/docker.sock"


@dataclass
class Instance:
    """An instance's folder and database, with one task and one container."""

    home: Path
    database: Database
    container: Container
    env: dict[str, str]

    async def stop(self, **env: str) -> subprocess.CompletedProcess[str]:
        """Runs the command to its end."""
        return await asyncio.to_thread(
            subprocess.run, [sys.executable, "-m", "agentai.cli", "stop"],
            env=self.env | env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def runs(self) -> bool:
        """Whether the container is alive."""
        self.container.reload()
        return bool(self.container.status == "running")

    async def is_stopped(self) -> bool:
        """Whether the task is."""
        return bool(await self.database.fetchval("select state = 'cancelled' from tasks"))


@pytest.fixture
def engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture
async def instance(
    database_url: str, tmp_path: Path, executor_image: str, engine: docker.DockerClient
) -> AsyncIterator[Instance]:
    database = await Database.connect(database_url)
    await migrate(database)
    home = tmp_path / "home"
    name = await keep_instance_id(database, home)
    new = NewTask(kind="shell", title="t", instructions="true", chat_id=1)
    async with database.transaction() as session:
        await TaskStore(database).add(session, new)
    container = engine.containers.run(
        executor_image, ["sleep", "600"], detach=True, network_mode="none",
        labels={"agentai.instance": name},
    )  # fmt: skip
    env = {
        "PATH": os.environ["PATH"], "AGENTAI_HOME": str(home), "DATABASE_URL": database_url,
        **({"DOCKER_HOST": os.environ["DOCKER_HOST"]} if "DOCKER_HOST" in os.environ else {}),
    }  # fmt: skip
    yield Instance(home=home, database=database, container=container, env=env)
    container.remove(force=True)
    await database.close()


async def test_tasks_are_stopped_and_containers_killed(instance: Instance) -> None:
    done = await instance.stop()
    assert (done.returncode, done.stdout, done.stderr) == (
        0, f"stopped 1 tasks, killed 1 containers\n{PAUSED}", "",
    )  # fmt: skip
    assert await instance.is_stopped()
    assert (await pause_now(instance.database)).is_paused
    assert not instance.runs()


async def test_containers_are_killed_also_while_postgres_is_away(instance: Instance) -> None:
    done = await instance.stop(DATABASE_URL=NOWHERE)
    assert not instance.runs()
    assert done.returncode == 1
    assert done.stdout == "killed 1 containers\n"
    assert "No task was stopped in Postgres (Postgres does not answer" in done.stderr


async def test_containers_are_killed_also_when_no_database_is_known(instance: Instance) -> None:
    done = await instance.stop(DATABASE_URL="")
    assert not instance.runs()
    assert done.returncode == 1
    assert "DATABASE_URL" in done.stderr


async def test_tasks_are_stopped_also_while_the_engine_is_away(instance: Instance) -> None:
    done = await instance.stop(DOCKER_HOST=NO_ENGINE)
    assert await instance.is_stopped()
    assert done.returncode == 1
    assert done.stdout == f"stopped 1 tasks, killed 0 containers\n{PAUSED}"
    assert "container engine does not answer" in done.stderr


async def test_an_id_that_the_folder_does_not_hold_comes_from_postgres(
    instance: Instance,
) -> None:
    (instance.home / FILE).write_text("0123456789abcdef")
    done = await instance.stop()
    assert not instance.runs()
    assert done.returncode == 0


async def test_with_neither_a_folder_nor_postgres_it_says_that_it_killed_nothing(
    instance: Instance,
) -> None:
    (instance.home / FILE).unlink()
    done = await instance.stop(DATABASE_URL=NOWHERE)
    assert instance.runs()
    assert done.returncode == 1
    assert "No container was killed" in done.stderr


async def test_only_what_runs_counts_as_killed(instance: Instance) -> None:
    name = await instance_id(instance.database)
    killed = await asyncio.to_thread(kill_all, name)
    assert (killed.count, killed.left) == (1, ())
    again = await asyncio.to_thread(kill_all, name)
    assert (again.count, again.left) == (0, ())
