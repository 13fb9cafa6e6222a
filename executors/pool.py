"""Warm containers: started ahead, their workers connected and waiting, each used once."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import AgentAIError, Retryable
from core.wake import Wake
from executors.ports import Place
from executors.slots import Slot

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from core.tasks import Box
    from executors.ports import Launcher, Limits

log = logging.getLogger(__name__)

CONNECT_WITHIN_S = 30.0
LOOK_EVERY_S = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Warm:
    """A slot that waits for a task, its box, and the limits its container was made with."""

    slot: Slot
    box: Box
    limits: Limits


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """How many containers of a box should be warm, and with which limits."""

    size: int
    limits: Limits


class Pool:
    """Keeps slots warm. Cancelling a call removes what it had begun to start.

    `lacking` is set when it may lack one; who refills it waits there.
    """

    def __init__(self, *, root: Path, launcher: Launcher) -> None:
        self._root = root
        self._launcher = launcher
        self._warm: list[Warm] = []
        self.lacking = Wake(LOOK_EVERY_S)

    @property
    def count(self) -> int:
        """How many are warm now."""
        return len(self._warm)

    def slot(self, name: str) -> Slot:
        """The slot `name`, whether it is there or not."""
        return Slot(self._root, name)

    def folders(self) -> list[str]:
        """The names of all slots that have a folder, also of a former process."""
        there = self._root.iterdir() if self._root.exists() else ()
        return [path.name for path in there if path.is_dir()]

    async def take(self, limits: Limits, box: Box = "executor") -> Slot:
        """A connected slot: a warm one of this box with these limits, else a new one."""
        for warm in [w for w in self._warm if w.box == box]:
            if warm not in self._warm:  # taken while one before it was removed
                continue
            self._warm.remove(warm)
            if _is_fit(warm, limits):
                return warm.slot
            await self.discard(warm.slot)
        return await self.start(limits, box=box)

    async def start(
        self, limits: Limits, *, name: str | None = None, box: Box = "executor"
    ) -> Slot:
        """Starts a container and waits until its worker is there.

        `name` reuses a slot's workspace.
        """
        slot = self.slot(name or secrets.token_hex(8))
        try:
            await slot.prepare(self._launcher.owner_ids())
            place = Place(sock=slot.sock, work=slot.work, box=box)
            await self._launcher.start(slot.name, place, limits)
            async with asyncio.timeout(CONNECT_WITHIN_S):
                await slot.line.connected.wait()
        except BaseException as error:
            await asyncio.shield(self._clean(slot, keep_work=name is not None))
            if isinstance(error, TimeoutError | OSError):
                raise Retryable("a container did not come up", 2.0) from error
            raise
        return slot

    async def _clean(self, slot: Slot, *, keep_work: bool) -> None:
        try:
            await self._launcher.remove(slot.name)
        except AgentAIError as error:
            log.warning("a container that failed to start is left: %s", error)
        await (slot.line.close() if keep_work else slot.delete())

    async def refill(self, wishes: Mapping[Box, Wish]) -> bool:
        """Brings the pool nearer to `wishes`; at most one is started a call.

        Whether all of them are met then.
        """
        for warm in list(self._warm):
            wish = wishes.get(warm.box)
            kept = [w for w in self._warm if w.box == warm.box]
            is_wanted = wish is not None and len(kept) <= wish.size and _is_fit(warm, wish.limits)
            if not is_wanted and warm in self._warm:
                self._warm.remove(warm)
                await self.discard(warm.slot)
        missing = [box for box, wish in wishes.items() if self._count(box) < wish.size]
        if missing:
            box = missing[0]
            limits = wishes[box].limits
            slot = await self.start(limits, box=box)
            self._warm.append(Warm(slot=slot, box=box, limits=limits))
        return all(self._count(box) >= wish.size for box, wish in wishes.items())

    def _count(self, box: Box) -> int:
        return sum(1 for warm in self._warm if warm.box == box)

    async def discard(self, slot: Slot) -> None:
        """Removes a slot and its container."""
        await self._launcher.remove(slot.name)
        await slot.delete()

    async def empty(self) -> None:
        """Removes all warm slots; those in use stay."""
        while self._warm:
            await self.discard(self._warm.pop().slot)


def _is_fit(warm: Warm, limits: Limits) -> bool:
    return warm.limits == limits and warm.slot.line.connected.is_set()
