from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import pytest

from core.errors import UserFacing
from core.spawn import Spawner, held
from core.tasks import TaskNo, TaskState
from executors.box_images import BoxImages, Preparations, last_words, without_secrets
from executors.boxes import SPECS
from tests.unit.executors.in_memory import TASK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from core.tasks import Box, Task
    from executors.isolation import Isolation
    from executors.ports import Launcher

READER = replace(TASK, box="reader")


@dataclass
class Engine:
    """Knows an image once its file is there."""

    folder: Path
    proven: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    async def has_image(self, box: Box) -> bool:
        return (self.folder / box).exists()

    async def check(self, box: Box) -> None:
        self.proven.append(box)

    async def tell(self, task: Task, text: str) -> None:
        self.told.append(text)


@asynccontextmanager
async def preparing(engine: Engine, program: str) -> AsyncIterator[Preparations]:
    spawner = Spawner()
    command = (sys.executable, "-c", program, str(engine.folder))
    images = BoxImages(cast("Launcher", engine), spawner, command=command)
    try:
        yield Preparations(images, cast("Isolation", engine), engine.tell)
    finally:
        await spawner.close()


BUILDS = "import sys, pathlib as p; p.Path(sys.argv[1], sys.argv[2]).touch(); "
COUNTS = BUILDS + "p.Path(sys.argv[1], 'count').open('a').write('x')"
FAILS = "import sys; print('image: step', file=sys.stderr); sys.exit('no space left on device.')"


async def test_any_number_of_tasks_wait_for_one_build(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    async with preparing(engine, COUNTS) as prepared:
        tasks = [replace(READER, no=TaskNo(n)) for n in range(1, 4)]
        assert await asyncio.gather(*map(prepared.ready, tasks)) == [None] * 3
        assert await prepared.ready(READER) is None
    assert (tmp_path / "count").read_text() == "x"
    assert engine.told == [f"preparing the reader image, once, {SPECS['reader'].takes}"] * 3
    assert set(engine.proven) == {"reader"}


async def test_a_failed_build_fails_the_task_with_its_reason(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    async with preparing(engine, FAILS) as prepared:
        ended = await prepared.ready(READER)
    assert ended is not None
    assert ended.state is TaskState.FAILED
    assert ended.reason == (
        "What it runs in (the reader image) could not be prepared: no space left on device.\n"
        "`agentai image reader` on the server says more."
    )
    assert engine.proven == []


async def test_a_task_that_is_stopped_meanwhile_does_not_wait(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    async with (
        preparing(engine, "import time; time.sleep(60)") as prepared,
        held(prepared.ready(READER), name="ready") as waiting,
        asyncio.timeout(10),
    ):
        while not engine.told:
            await asyncio.sleep(0)
        assert len(prepared) == 1
        prepared.stop(TaskNo(99))
        prepared.stop(READER.no)
        ended = await waiting
    assert ended is not None
    assert ended.state is TaskState.CANCELLED
    assert len(prepared) == 0


async def test_an_isolation_that_does_not_hold_fails_the_task(tmp_path: Path) -> None:
    class Broken(Engine):
        async def check(self, box: Box) -> None:
            raise UserFacing("The containers here are not isolated: x.")

    engine = Broken(tmp_path)
    async with preparing(engine, BUILDS) as prepared:
        ended = await prepared.ready(READER)
    assert ended is not None
    assert "not isolated" in str(ended.reason)


async def test_the_executor_is_never_built_for_a_task(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    async with preparing(engine, FAILS) as prepared:
        assert await prepared.ready(TASK) is None
    assert engine.told == []


async def test_what_is_missing_is_built_beside_everything_else(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    (tmp_path / "browser").touch()
    said: list[str] = []
    async with preparing(engine, COUNTS) as prepared:
        await prepared.images.build_missing(("reader", "browser"), said.append)
    assert (tmp_path / "count").read_text() == "x"
    assert [line.split(",")[0] for line in said] == [
        "image: preparing the reader image in the background", "image: the reader image is there",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"", "the build ended without a word"),
        (b"image: step 1\nimage: step 2\n", "the build ended without a word"),
        (b"image: x\none\n\ntwo\nthree\nfour.\n", "two three four"),
        (b"\xff\x1b[31mred\x1b[0m", "\ufffd [31mred [0m"),
    ],
)
def test_the_last_words_of_a_build_are_told(said: bytes, told: str) -> None:
    assert last_words(said) == told


def test_a_build_gets_none_of_the_secrets() -> None:
    given = {"PATH": "/bin", "AGENTAI_SECRET_KEY": "k", "database_url": "d", "BASE_IMAGE": "b"}
    assert without_secrets(given) == {"PATH": "/bin", "BASE_IMAGE": "b"}
