"""What a task is given before it begins: its skill's files and packages, and copies of files.

Threat: the workspace of a resumed task is as its container left it, with links where we would
write. So nothing there is followed or replaced, and what the skill brings goes where the container
cannot write at all. Each raises `UserFacing` or `OSError` when a file cannot be given.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.spawn import held, insist
from executors.results import WORK_FOLDER, copy_into, safe_name
from executors.skill_files import give_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from core.skill_orders import SkillOrder
    from core.tasks import TaskFile
    from core.workspace import Copied
    from executors.claim import Claim
    from executors.outlet import Outlet
    from executors.packages import Packages
    from executors.slots import Slot


@dataclass(frozen=True, kw_only=True)
class Provisions:
    """Of one task; `owner` is the user and group that its container runs as."""

    claim: Claim
    slot: Slot
    outlet: Outlet
    owner: tuple[int, int]

    async def give_skill(
        self, order: SkillOrder, *, cargo: Path, packages: Packages, cancelled: asyncio.Event
    ) -> None:
        """Its files, and the packages that its manifest names; a cancel ends the download."""
        await asyncio.to_thread(give_files, order, cargo, self.slot.sock)
        if not order.packages:
            return
        giving = packages.give(order.packages, self.slot.sock, self.claim.progress)
        async with (
            held(giving, name=f"packages {self.claim.task.no}") as given,
            held(cancelled.wait(), name="cancel") as stopped,
        ):
            await asyncio.wait({given, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not given.done():
                return  # the task ends as cancelled in a moment
            wheels = await given
        await self.outlet.effects.trail.gave(wheels)

    async def give_files(self) -> Copied:
        """What the owner sent with the task, and copies of those files of theirs it may read."""
        files, work = self.claim.task.files, self.slot.work
        await asyncio.to_thread(copy_sent, files, work, owner=self.owner)
        return await insist(lambda: self.outlet.commits.copy_in(work, self.owner))

    async def given_before(self) -> Copied:
        """What a resumed task has already; copied now when a former process did not come so far."""
        if (kept := await self.outlet.commits.copied_before()) is not None:
            return kept
        return await insist(lambda: self.outlet.commits.copy_in(self.slot.work, self.owner))


def copy_sent(files: Sequence[TaskFile], work: Path, *, owner: tuple[int, int]) -> None:
    """Copies what the owner sent into a workspace that belongs to a container. Blocks."""
    folder = os.open(work, WORK_FOLDER)
    try:
        for file in files:
            copy_into(folder, safe_name(file.name), file.path, owner=owner)
    finally:
        os.close(folder)
