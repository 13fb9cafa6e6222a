"""Warm containers: started ahead, their workers connected and waiting, each used once."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import AgentAIError, Retryable
from executors.slots import Slot

if TYPE_CHECKING:
    from pathlib import Path

    from executors.ports import Launcher, Limits

log = logging.getLogger(__name__)

CONNECT_WITHIN_S = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Warm:
    """A slot that waits for a task, and the limits its container was made with."""

    slot: Slot
    limits: Limits


class Pool:
    """Keeps `size` slots warm. Cancelling a call removes what it had begun to start."""

    def __init__(self, *, root: Path, launcher: Launcher) -> None:
        self._root = root
        self._launcher = launcher
        self._warm: list[Warm] = []

    @property
    def count(self) -> int:
        """How many are warm now."""
        return len(self._warm)

    async def take(self, limits: Limits) -> Slot:
        """A connected slot: a warm one if there is one with these limits, else a new one."""
        while self._warm:
            warm = self._warm.pop(0)
            if warm.limits == limits and warm.slot.line.connected.is_set():
                return warm.slot
            await self.discard(warm.slot)
        return await self.start(limits)

    async def start(self, limits: Limits, *, name: str | None = None) -> Slot:
        """Starts a container and waits until its worker is there.

        `name` reuses a slot's workspace.
        """
        slot = Slot(self._root, name or secrets.token_hex(8))
        try:
            await slot.prepare(self._launcher.owner_ids())
            await self._launcher.start(slot.name, sock=slot.sock, work=slot.work, limits=limits)
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

    async def refill(self, size: int, limits: Limits) -> None:
        """Brings the pool to `size` slots with these limits; at most one is started a call."""
        for warm in list(self._warm):
            if warm.limits != limits or not warm.slot.line.connected.is_set():
                self._warm.remove(warm)
                await self.discard(warm.slot)
        while len(self._warm) > size:
            await self.discard(self._warm.pop().slot)
        if len(self._warm) < size:
            self._warm.append(Warm(slot=await self.start(limits), limits=limits))

    async def discard(self, slot: Slot) -> None:
        """Removes a slot and its container."""
        await self._launcher.remove(slot.name)
        await slot.delete()

    async def empty(self) -> None:
        """Removes all warm slots; those in use stay."""
        while self._warm:
            await self.discard(self._warm.pop().slot)
