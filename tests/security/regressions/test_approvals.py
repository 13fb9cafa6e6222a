"""Class: an approval by another user, a copy of it, twice, too late, or after a restart."""

from __future__ import annotations

from typing import Any

import pytest

from core.approvals import Choice, State
from core.errors import Denied
from tests.security.regressions.desk import (
    STRANGER,
    Desk,
    asking,
    deletion,
    message,
    person,
    press,
    result,
)
from tests.support.world import OWNER

ELSEWHERE = {"message_id": 1, "date": 1, "chat": {"id": STRANGER, "type": "private"}}


@pytest.mark.parametrize(
    "change",
    [
        {"from": person(STRANGER)},
        {"from": person(STRANGER), "message": ELSEWHERE},
        {"message": ELSEWHERE},
        {"message": {"message_id": 999_999, "date": 1, "chat": {"id": OWNER, "type": "private"}}},
        {"message": None, "inline_message_id": "1"},
    ],
    ids=["stranger", "stranger elsewhere", "owner elsewhere", "a copy of the card", "inline"],
)
async def test_a_press_by_another_or_elsewhere_does_not_count(
    desk: Desk, change: dict[str, object]
) -> None:
    effects = await desk.effects()
    async with asking(desk, lambda: effects.permit([deletion(effects)])) as (task, card):
        data, card_id = f"p:{card.nonce}:o", await desk.card_id(card)
        await desk.hears(callback_query=press(data, card_id, **change))
        assert await desk.state(card) is State.PENDING
        await desk.decides(card)  # the owner's own tap on the card itself does
        assert (await result(effects, task))[0].approval_id == card.id


def copies(text: str) -> list[dict[str, Any]]:
    origin = {"type": "user", "date": 1, "sender_user": person()}
    return [
        {"message": message(text, forward_origin=origin)},
        {"message": message(text, forward_date=1)},
        {"edited_message": message(text)},
        {"message": message(text, **{"from": person(STRANGER)})},
        {"channel_post": message(text)},
        {"message": message("yes, " + text)},
        {"message": message("", caption="> " + text)},
    ]


@pytest.mark.parametrize("number", range(7))
async def test_a_command_that_the_owner_did_not_just_type_approves_nothing(
    desk: Desk, number: int
) -> None:
    effects = await desk.effects()
    async with asking(desk, lambda: effects.permit([deletion(effects)])) as (task, card):
        await desk.hears(**copies(f"/approve {card.id} {card.code}")[number])
        assert await desk.state(card) is State.PENDING
        assert not task.done()


async def test_a_wrong_code_and_another_cards_code_approve_nothing(desk: Desk) -> None:
    effects = await desk.effects()
    one, two = deletion(effects, "a"), deletion(effects, "b")
    async with (
        asking(desk, lambda: effects.permit([one])) as (_, first),
        asking(desk, lambda: effects.permit([two])) as (_, second),
    ):
        for code in ("", "aaaaaa", second.code, first.nonce, "yes"):
            await desk.hears(message=message(f"/approve {first.id} {code}"))
        assert await desk.state(first) is State.PENDING


async def test_an_approval_is_used_once_and_its_buttons_are_dead_afterwards(desk: Desk) -> None:
    effects = await desk.effects()
    wanted = deletion(effects)
    async with asking(desk, lambda: effects.permit([wanted])) as (task, card):
        await desk.decides(card)
        await result(effects, task)
    await desk.decides(card, Choice.ALWAYS)
    assert (
        await desk.approvals.consume(effects.task.no, effects.task.fence, wanted.effect.digest)
        is None
    )
    async with asking(desk, lambda: effects.permit([wanted])) as (task, again):
        assert again.id != card.id
        await desk.decides(card)  # the old card, once more
        assert not task.done()


async def test_a_card_that_was_denied_or_has_expired_cannot_be_approved(desk: Desk) -> None:
    for how in ("deny", "expire"):
        effects = await desk.effects()
        async with asking(desk, lambda e=effects: e.permit([deletion(e)])) as (task, card):  # type: ignore[misc]
            if how == "deny":
                await desk.decides(card, Choice.DENY)
            else:
                await desk.time_passes(card)
            await desk.decides(card)
            await desk.hears(message=message(f"/approve {card.id} {card.code}"))
            await desk.approvals.expire()
            with pytest.raises(Denied) as refused:
                await result(effects, task)
        assert refused.value.code == {"deny": "denied_by_owner", "expire": "expired"}[how]
        assert await desk.state(card) is {"deny": State.DENIED, "expire": State.EXPIRED}[how]


async def test_a_restart_while_a_card_waits_approves_nothing(desk: Desk) -> None:
    effects = await desk.effects()
    wanted = deletion(effects)
    async with asking(desk, lambda: effects.permit([wanted])) as (_, card):
        pass  # the host is gone
    desk.approvals = desk.new_approvals()
    after = await desk.effects(effects.task)
    with pytest.raises(Denied) as refused:
        await after.permit([wanted], wait_s=0.1)
    assert refused.value.code == "waiting_for_owner"
    assert [a.id for a in await desk.approvals.pending()] == [card.id]


async def test_a_database_put_back_to_before_the_use_does_not_revive_an_approval(
    desk: Desk,
) -> None:
    effects = await desk.effects()
    wanted, task = deletion(effects), effects.task
    async with asking(desk, lambda: effects.permit([wanted])) as (asked, card):
        await desk.decides(card)
        await result(effects, asked)
    await desk.database.execute("update approval_actions set consumed_at = null, outcome = null")
    restarted = desk.new_approvals()
    assert wanted.effect.digest in await restarted.approved(task.no)  # the database believes it
    assert await restarted.consume(task.no, task.fence, wanted.effect.digest) is None


async def test_an_approval_does_not_outlive_its_task_nor_fit_another(desk: Desk) -> None:
    effects = await desk.effects()
    wanted, task = deletion(effects), effects.task
    async with asking(desk, lambda: effects.permit([wanted])) as (_, card):
        pass
    await desk.decides(card)
    other = await desk.task()
    assert await desk.approvals.consume(other.no, other.fence, wanted.effect.digest) is None
    assert await desk.approvals.consume(task.no, task.fence - 1, wanted.effect.digest) is None
    async with desk.database.transaction() as session:
        await desk.service.tasks.request_cancel(session, task.no)
    assert await desk.approvals.consume(task.no, task.fence, wanted.effect.digest) is None
