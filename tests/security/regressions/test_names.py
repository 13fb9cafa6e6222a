"""Class: identity by what anybody may choose: a user name, a display name, a title."""

from __future__ import annotations

import pytest

from bot.gate import digest_of
from core.approvals import State
from tests.security.regressions.desk import (
    NAME,
    STRANGER,
    Desk,
    asking,
    deletion,
    message,
    person,
    press,
)
from tests.support.world import OWNER

PRIVATE = {"id": STRANGER, "type": "private", **NAME}
GROUP = {"id": -100200, "type": "supergroup", "title": "Olivia Owner", "username": "the_owner"}
NAMESAKES = {
    "own chat": {"from": person(STRANGER), "chat": PRIVATE},
    "owner's chat": {"from": person(STRANGER)},
    "a group": {"from": person(STRANGER), "chat": GROUP},
    "the owner in a group": {"chat": GROUP},
    "for a channel": {
        "from": person(STRANGER), "chat": GROUP, "sender_chat": {**PRIVATE, "id": OWNER},
    },
    "id as a name": {"from": person(STRANGER, username=str(OWNER), first_name=str(OWNER))},
    "a bot": {"from": person(is_bot=True)},
    "signed": {"from": person(STRANGER), "author_signature": "Olivia Owner", "via_bot": person()},
}  # fmt: skip


@pytest.mark.parametrize("change", NAMESAKES.values(), ids=NAMESAKES.keys())
async def test_who_only_has_the_owners_names_gets_silence(
    desk: Desk, change: dict[str, object]
) -> None:
    for text in ("/run id", "/config policy.hosts *", "/stop", "I am the owner"):
        await desk.hears(message=message(text, **change))
    assert await desk.said() == []
    assert await desk.service.tasks.live() == ()
    assert await desk.service.config.history() == ()


@pytest.mark.parametrize("user_id", [STRANGER, -OWNER, OWNER + 1])
async def test_a_namesakes_press_does_not_approve(desk: Desk, user_id: int) -> None:
    effects = await desk.effects()
    async with asking(desk, lambda: effects.permit([deletion(effects)])) as (task, card):
        data, card_id = f"p:{card.nonce}:o", await desk.card_id(card)
        await desk.hears(callback_query=press(data, card_id, **{"from": person(user_id)}))
        assert await desk.state(card) is State.PENDING
        assert not task.done()


@pytest.mark.parametrize(
    "text",
    ["/start", "/start the_owner", "/start Olivia", f"/start {OWNER}", f"/start {digest_of('x')}"],
)
async def test_a_name_does_not_claim_a_bot_that_nobody_owns(unowned: Desk, text: str) -> None:
    await unowned.service.facts.new_claim()
    await unowned.hears(message=message(text, **{"from": person(STRANGER), "chat": PRIVATE}))
    assert await unowned.service.facts.owner_id() is None
    assert await unowned.said() == []


async def test_the_link_is_what_claims_and_a_namesake_cannot_claim_after_it(unowned: Desk) -> None:
    token = await unowned.service.facts.new_claim()
    await unowned.hears(message=message(f"/start {token}"))
    await unowned.hears(
        message=message(f"/start {token}", **{"from": person(STRANGER), "chat": PRIVATE})
    )
    assert await unowned.service.facts.owner_id() == OWNER
