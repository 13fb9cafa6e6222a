"""Attacks with a decision that did count once: too often, too late, for what has ended.

Each returns whether an effect got through that the owner's decision did not, or no longer, cover.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench.security.approvals_case import asked, opened
from bench.security.approvals_scene import OWNER
from bench.security.approvals_wanted import remembered, request
from core.approvals import Choice, Given
from core.errors import Denied

if TYPE_CHECKING:
    from bench.security.approvals_case import Case
    from bench.security.approvals_scene import Scene
    from core.approvals import Refusal

FLOOD = 40


async def double_tap(scene: Scene) -> bool:
    case = await opened(scene)
    await case.tap()
    await case.tap()
    return not await case.happens() or await case.happens()


async def replayed_callback(scene: Scene) -> bool:
    case = await opened(scene)
    await case.tap()
    used = await case.happens()
    for _ in range(3):
        await case.tap()
    return not used or await case.happens()


async def same_update_delivered_twice(scene: Scene) -> bool:
    case = await opened(scene)
    await scene.say(case.command)
    used = await case.happens()
    await scene.sql("update inbox set handled_at = null")
    scene.dispatcher.wake()
    await scene.dispatcher.step()
    return not used or await case.happens()


async def many_hosts_use_it_at_once(scene: Scene) -> bool:
    case = await opened(scene)
    await case.tap()
    found = await asyncio.gather(*(scene.consume(case.task, case.wanted) for _ in range(8)))
    return sum(ticket is not None for ticket in found) != 1


async def _decide(case: Case, choice: Choice) -> Refusal | None:
    given = Given(
        choice=choice, user_id=OWNER, chat_id=OWNER, message_id=case.card.message_id, via="button"
    )
    async with case.scene.database.transaction() as session:
        return await case.scene.approvals.decide(
            session, case.approval, given, owner_id=OWNER, card_id=case.card.message_id
        )


async def approve_and_deny_race(scene: Scene) -> bool:
    """Both arrive at once: one counts, and the effect follows that one."""
    for _ in range(5):
        case = await opened(scene)
        answers = await asyncio.gather(
            _decide(case, Choice.DENY), _decide(case, Choice.ONCE), _decide(case, Choice.DENY)
        )
        is_yes = answers[1] is None
        if answers.count(None) != 1 or await case.happens() is not is_yes:
            return True
    return False


async def approved_after_a_no(scene: Scene) -> bool:
    case = await opened(scene)
    await case.tap("Deny")
    await case.tap()
    await scene.say(case.command)
    return await case.happens()


async def replayed_after_a_restart(scene: Scene) -> bool:
    case = await opened(scene)
    await case.tap()
    used = await case.happens()
    scene.restart()
    await case.tap()
    await scene.say(case.command)
    return not used or await case.happens()


async def tapped_after_the_card_was_edited(scene: Scene) -> bool:
    case = await opened(scene)
    await case.tap("Deny")
    edited = await scene.deliver()
    await scene.press(case.card, "Approve", message_id=edited.message_id)
    return bool(edited.buttons) or edited.message_id != case.card.message_id or await case.happens()


async def used_by_another_task(scene: Scene) -> bool:
    case = await opened(scene)
    await case.tap()
    other = await scene.task()
    return (
        await scene.happens(other, case.wanted)
        or await scene.happens(other, request(other.no))
        or await scene.consume(other, case.wanted) is not None
    )


async def _rolled_back(case: Case, *, has_restart: bool) -> bool:
    """The approvals' tables are put back to what they were before the approval was used."""
    scene = case.scene
    await case.tap()
    await scene.sql("create table old_actions as select * from approval_actions")
    used = await case.happens()
    await scene.sql("alter table approval_actions rename to new_actions")
    await scene.sql("alter table old_actions rename to approval_actions")
    if has_restart:
        scene.restart()
    return not used or await case.happens() or await case.happens()


async def database_rolled_back(scene: Scene) -> bool:
    return await _rolled_back(await opened(scene), has_restart=False)


async def database_rolled_back_and_restarted(scene: Scene) -> bool:
    return await _rolled_back(await opened(scene), has_restart=True)


async def revoked_grant_revived(scene: Scene) -> bool:
    task = await scene.task()
    case = await asked(scene, task, remembered(request(task.no)), may_remember=True)
    await case.tap("Always")
    used = await case.happens()
    (grant,) = await scene.approvals.live_grants()
    await scene.say(f"/revoke {grant.id}")
    await case.tap("Always")
    await case.tap(f"Until #{task.no} ends")
    again = request(task.no, arguments={"target": "/other"})
    return not used or await case.happens() or await scene.happens(task, again)


async def always_for_what_destroys(scene: Scene) -> bool:
    """Neither a forged button nor a card that offers it by mistake lets the next one through."""
    task = await scene.task()
    first = request(task.no, method="DELETE")
    case = await asked(scene, task, first)
    await scene.press(case.card, "", data=f"p:{case.approval.nonce}:a")
    await scene.press(case.card, "", data=f"p:{case.approval.nonce}:t")
    if not await case.is_open() or await case.happens():
        return True
    by_mistake = remembered(request(task.no, method="DELETE", arguments={"target": "/b"}))
    offered = await asked(scene, task, by_mistake, may_remember=True)
    await offered.tap("Always")
    next_one = request(task.no, method="DELETE", arguments={"target": "/c"})
    return await scene.happens(task, next_one)


async def flood_of_cards(scene: Scene) -> bool:
    """All at once, so that no answer of the kernel has seen the others' cards yet."""
    task = await scene.task()
    effects = await scene.effects(task)
    wanted = [request(task.no, arguments={"target": f"/{n}"}) for n in range(FLOOD)]
    found = await asyncio.gather(
        *(effects.permit([one], wait_s=0.0) for one in wanted), return_exceptions=True
    )
    limit = (await scene.config.current()).whole("policy.cards")
    is_denied = all(isinstance(one, Denied) for one in found)
    return not is_denied or await scene.approvals.cards(task.no) > limit


ATTACKS = (
    double_tap, replayed_callback, same_update_delivered_twice, many_hosts_use_it_at_once,
    approve_and_deny_race, approved_after_a_no, replayed_after_a_restart,
    tapped_after_the_card_was_edited, used_by_another_task, database_rolled_back,
    database_rolled_back_and_restarted, revoked_grant_revived, always_for_what_destroys,
    flood_of_cards,
)  # fmt: skip
