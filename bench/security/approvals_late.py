"""Attacks with a decision that comes too late, or for a task that has ended.

The database's clock is turned through the times of the approval. Each returns whether an effect got
through that the owner's decision did not, or no longer, cover.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.security.approvals_case import opened
from bench.security.approvals_wanted import request
from core.errors import Denied
from core.tasks import Outcome, TaskState

if TYPE_CHECKING:
    from bench.security.approvals_scene import Scene

HOUR_S = 3600.0


async def expired(scene: Scene) -> bool:
    case = await opened(scene)
    await scene.age(case.approval, HOUR_S)
    await scene.approvals.expire()
    await case.tap()
    await scene.say(case.command)
    return await case.happens()


async def expired_and_nobody_noticed(scene: Scene) -> bool:
    case = await opened(scene)
    await scene.age(case.approval, 900.0)
    await case.tap()
    await scene.say(case.command)
    return await case.happens()


async def expired_then_the_clock_is_set_back(scene: Scene) -> bool:
    case = await opened(scene)
    await scene.age(case.approval, HOUR_S)
    await scene.approvals.expire()
    await scene.age(case.approval, -HOUR_S)
    await case.tap()
    return await case.happens()


async def clock_set_back_before_the_tap(scene: Scene) -> bool:
    case = await opened(scene)
    await scene.age(case.approval, -HOUR_S)
    await case.tap()
    return await case.happens()


async def clock_set_back_after_the_tap(scene: Scene) -> bool:
    case = await opened(scene)
    await case.tap()
    await scene.age(case.approval, -HOUR_S)
    return await case.happens()


async def clock_runs_on_after_the_tap(scene: Scene) -> bool:
    case = await opened(scene)
    await case.tap()
    await scene.age(case.approval, 901.0)
    return await case.happens()


async def used_with_a_lost_lease(scene: Scene) -> bool:
    """The host that asked was given up; another one runs the task by now."""
    case = await opened(scene)
    await case.tap()
    await scene.tasks.requeue(case.task.no, case.task.fence)
    queued = await case.happens()
    await scene.tasks.claim_next(host="other", parallel=1000, lease_s=600)
    return queued or await case.happens()


async def used_after_cancel(scene: Scene) -> bool:
    case = await opened(scene)
    await case.tap()
    await scene.say(f"/cancel {case.task.no}")
    return await case.happens()


async def tapped_after_cancel(scene: Scene) -> bool:
    case = await opened(scene)
    await scene.say(f"/cancel {case.task.no}")
    await case.tap()
    await scene.say(case.command)
    return await case.happens()


async def used_after_stop(scene: Scene) -> bool:
    case = await opened(scene)
    await case.tap()
    await scene.say("/stop")
    gone = await case.happens()
    await scene.sql("update tasks set cancel_requested_at = null")  # a late write of a host
    return gone or await case.happens()


async def tapped_after_stop(scene: Scene) -> bool:
    case = await opened(scene)
    await scene.say("/stop")
    await scene.sql("update tasks set cancel_requested_at = null")
    await case.tap()
    return await case.happens()


async def used_after_the_task_ended(scene: Scene) -> bool:
    case = await opened(scene)
    await case.tap()
    await scene.tasks.finish(case.task.no, case.task.fence, Outcome(state=TaskState.DONE))
    return await case.happens()


async def card_that_never_arrived(scene: Scene) -> bool:
    """Telegram is away: nothing was shown, so nothing is decided, and then it is too late."""
    task = await scene.task()
    wanted = request(task.no)
    approval = await scene.ask(task, wanted)
    scene.board.wake()
    await scene.board.step()
    card = (await opened(scene)).card  # some other message of the bot's
    await scene.press(card, "", data=f"p:{approval.nonce}:o", message_id=0)
    if await scene.state(approval) != "pending":
        return True
    await scene.age(approval, HOUR_S)
    try:
        await (await scene.effects(task)).permit([wanted], wait_s=0.0)
    except Denied:
        return await scene.happens(task, wanted)
    return True


ATTACKS = (
    expired,
    expired_and_nobody_noticed,
    expired_then_the_clock_is_set_back,
    clock_set_back_before_the_tap,
    clock_set_back_after_the_tap,
    clock_runs_on_after_the_tap,
    used_with_a_lost_lease,
    used_after_cancel,
    tapped_after_cancel,
    used_after_stop,
    tapped_after_stop,
    used_after_the_task_ended,
    card_that_never_arrived,
)
