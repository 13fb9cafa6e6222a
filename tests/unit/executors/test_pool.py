from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, cast

from core.spawn import held
from executors.pool import Pool, Wish
from executors.ports import Limits

if TYPE_CHECKING:
    from pathlib import Path

    from core.tasks import Box
    from executors.ports import Launcher, Place

SMALL = Limits(memory_mb=64, processes=16, disk_mb=16, cpus=1.0, runtime="")
LARGE = Limits(memory_mb=128, processes=16, disk_mb=16, cpus=1.0, runtime="")


class Engine:
    """Containers that say hello and wait."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.boxes: dict[str, Box] = {}

    async def start(self, slot: str, place: Place, limits: Limits) -> None:
        self.boxes[slot] = place.box
        await self._stack.enter_async_context(held(self._work(place.sock), name=slot))

    async def _work(self, sock: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(str(sock / "host.sock"))
        writer.write(b'{"hello": 1, "task": null}\n')
        try:
            await reader.read()
        finally:
            writer.close()

    async def remove(self, slot: str) -> None:
        self.boxes.pop(slot, None)

    def owner_ids(self) -> tuple[int, int]:
        return os.geteuid(), os.getegid()


async def test_each_box_is_kept_warm_and_taken_by_itself(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        engine = Engine(stack)
        pool = Pool(root=tmp_path, launcher=cast("Launcher", engine))
        stack.push_async_callback(pool.empty)
        wishes: dict[Box, Wish] = {
            "executor": Wish(size=1, limits=SMALL), "browser": Wish(size=1, limits=LARGE),
        }  # fmt: skip
        assert not await pool.refill(wishes)
        assert await pool.refill(wishes)
        assert sorted(engine.boxes.values()) == ["browser", "executor"]
        browser = await pool.take(LARGE, "browser")
        assert engine.boxes[browser.name] == "browser"
        assert pool.count == 1
        reader = await pool.take(SMALL, "reader")
        assert engine.boxes[reader.name] == "reader"
        assert pool.count == 1
        for slot in (browser, reader):
            await pool.discard(slot)


async def test_what_is_not_wished_for_any_more_is_removed(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        engine = Engine(stack)
        pool = Pool(root=tmp_path, launcher=cast("Launcher", engine))
        stack.push_async_callback(pool.empty)
        two: dict[Box, Wish] = {"executor": Wish(size=2, limits=SMALL)}
        await pool.refill(two)
        assert await pool.refill(two)
        assert await pool.refill({"executor": Wish(size=1, limits=SMALL)})
        (before,) = engine.boxes
        assert await pool.refill({"executor": Wish(size=1, limits=LARGE)})
        (after,) = engine.boxes
        assert before != after
        assert await pool.refill({})
        assert engine.boxes == {}


async def test_a_warm_one_with_other_limits_is_not_given_out(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        engine = Engine(stack)
        pool = Pool(root=tmp_path, launcher=cast("Launcher", engine))
        await pool.refill({"executor": Wish(size=1, limits=SMALL)})
        (old,) = engine.boxes
        slot = await pool.take(LARGE)
        assert slot.name != old
        assert set(engine.boxes) == {slot.name}
        await pool.discard(slot)
