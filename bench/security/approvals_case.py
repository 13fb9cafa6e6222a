"""An open card, and the decisions that do count: what attacks start from and are held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.security.approvals_wanted import request

if TYPE_CHECKING:
    from bench.security.approvals_scene import Scene, Shown
    from core.approvals import Approval
    from core.tasks import Task
    from executors.asking import Wanted


@dataclass(frozen=True, kw_only=True)
class Case:
    """An effect that a task wants, and the card about it in the owner's chat."""

    scene: Scene
    task: Task
    wanted: Wanted
    approval: Approval
    card: Shown

    @property
    def command(self) -> str:
        """What the owner would type."""
        return f"/approve {self.approval.id} {self.approval.code}"

    async def happens(self) -> bool:
        return await self.scene.happens(self.task, self.wanted)

    async def tap(self, label: str = "Approve") -> None:
        """The owner's own tap, on their card."""
        await self.scene.press(self.card, label)

    async def is_open(self) -> bool:
        return await self.scene.state(self.approval) == "pending"


async def opened(scene: Scene, wanted: Wanted | None = None, **how: bool | float) -> Case:
    """A task of the scene that asks for `wanted`; the card has arrived."""
    task = await scene.task()
    wanted = wanted or request(task.no)
    return await asked(scene, task, wanted, **how)


async def asked(scene: Scene, task: Task, wanted: Wanted, **how: bool | float) -> Case:
    """The same for a task that is there."""
    approval = await scene.ask(task, wanted, **how)
    card = await scene.deliver()
    return Case(scene=scene, task=task, wanted=wanted, approval=approval, card=card)


async def by_tap(scene: Scene) -> bool:
    """The owner taps Approve on the card."""
    case = await opened(scene)
    await case.tap()
    return await case.happens()


async def by_command(scene: Scene) -> bool:
    """The owner types what the card says."""
    case = await opened(scene)
    await scene.say(case.command)
    return await case.happens()


async def by_code_for_production(scene: Scene) -> bool:
    """The same where nothing else is accepted."""
    case = await opened(scene, is_production=True)
    await scene.say(case.command.upper().replace("/APPROVE", "/approve"))
    return await case.happens()


async def by_tap_on_a_card_offered_again(scene: Scene) -> bool:
    """`/approvals` shows the card anew; its buttons count, too."""
    case = await opened(scene)
    await scene.say("/approvals")
    again = await scene.deliver()
    await scene.press(again, "Approve")
    return again.message_id != case.card.message_id and await case.happens()


async def by_tap_after_a_restart(scene: Scene) -> bool:
    """Card, tap and use each meet a new process."""
    case = await opened(scene)
    scene.restart()
    await case.tap()
    scene.restart()
    return await case.happens()


CONTROLS = (
    by_tap, by_command, by_code_for_production, by_tap_on_a_card_offered_again,
    by_tap_after_a_restart,
)  # fmt: skip
