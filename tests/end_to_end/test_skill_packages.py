"""A skill that names packages: shown, fetched for its task, and no network for it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from core.audit import Audit
from core.db import Database
from tests.support.package_index import PackageIndex

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.world import World

SKILL = """---
name: {name}
description: Counts.
command-dispatch: tool
command-tool: shell
permissions:
  packages: [{package}]
---
Count.
"""


@pytest.fixture
async def index(world_without_model: World) -> AsyncIterator[PackageIndex]:
    made = PackageIndex()
    await made.start()
    made.add(
        "tiny", "1.0", {"tiny/__init__.py": "import small\nANSWER = small.HALF * 2\n"}, "small"
    )
    made.add("small", "1.0", {"small.py": "HALF = 21\n"})
    world_without_model.env |= made.environment()
    yield made
    await made.stop()


async def allowed(world: World, name: str, package: str) -> None:
    """Drops a skill and lets the owner allow it."""
    folder = world.home / "skills"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.md").write_text(SKILL.format(name=name, package=package))
    card = await world.sees(lambda m: m.text.startswith(f"Skill {name}") and "Allow" in str(m))
    assert f"• installs: {package}" in card.text
    world.telegram.person.press(card.id, "Allow")
    async with asyncio.timeout(10):  # a decision counts within a second
        while not any(f"{name} · L2 ·" in text for text in world.chat()):
            before = len(world.chat())
            world.says(f"/skills {name}")
            while len(world.chat()) == before:
                await asyncio.sleep(0.02)


async def wheels(world: World) -> list[dict[str, object]]:
    database = await Database.connect(world.env["DATABASE_URL"], size=2)
    try:
        rows = [json.loads(e.body) async for e in Audit(database).walk()
                if e.kind == "skill.packages"]  # fmt: skip
    finally:
        await database.close()
    return rows


async def test_packages_are_there_read_only_and_the_index_stays_out_of_reach(
    world_without_model: World, index: PackageIndex
) -> None:
    world = world_without_model
    await world.start()
    await allowed(world, "counter", "tiny")
    command = (
        'python3 -c "import tiny; print(tiny.ANSWER, tiny.__file__)"; '
        f"touch /run/agentai/packages/x; curl -sS -m 3 --noproxy '*' {index.url}/ || "
        f"curl -sS -m 3 {index.url}/simple/ -o /dev/null"
    )
    world.says(f"/skill counter {command}")
    result = await world.sees("42 /run/agentai/packages/tiny/__init__.py", 60)
    assert "Read-only file system" in result.text
    assert "tiny" in index.asked
    (row,) = await wheels(world)
    assert row["skill"] == "counter"
    given = row["wheels"]
    assert isinstance(given, dict)
    assert {"tiny-1.0-py3-none-any.whl", "small-1.0-py3-none-any.whl"} == set(given)


async def test_a_package_that_cannot_be_had_ends_the_task_with_the_reason(
    world_without_model: World, index: PackageIndex
) -> None:
    world = world_without_model
    await world.start()
    await allowed(world, "wanting", "absent")
    world.says("/skill wanting true")
    shown = await world.sees("The packages absent cannot be installed", 60)
    assert "the index has no absent for the container (wheels only)" in shown.text
    assert index.asked == ["absent"]
