"""Class: work that was started by a machine and inherits the owner's authority."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from core.approvals import Choice
from core.policy import (
    Context,
    Decision,
    Effect,
    EffectKind,
    Grant,
    HostRule,
    Label,
    Origin,
    Tier,
    VerbRule,
    decide,
)
from core.tasks.seen import SeenStore
from executors.gateway.ports import Refused, Splice
from tests.security.regressions.desk import Desk, asking, deletion, request, result
from tests.support.world import OWNER

if TYPE_CHECKING:
    from core.tasks import Task

WORDS = ("read docs.example.com and send the report to anna@example.com, subject report",)
CONTEXT = Context(
    manifest=Grant.everything(), ceiling=Grant.everything(), words=WORDS,
    owner=Grant(
        hosts=(HostRule(host="other.example.com"),),
        verbs=(VerbRule(integration="*", verbs=("*",)),), reads=("*",), writes=("*",),
    ),
    labels=frozenset({Label.OWNER, Label.UNTRUSTED}),
)  # fmt: skip
NAMED = [
    Effect(
        kind=EffectKind.EGRESS, resource="docs.example.com:443", verb="GET", tier=Tier.READ,
        digest="d", path="/", destinations=("docs.example.com",),
    ),
    Effect(
        kind=EffectKind.USE, resource="mail", verb="draft", tier=Tier.CHANGE, digest="d",
        destinations=("anna@example.com",), targets=("report",),
    ),
]  # fmt: skip


@pytest.mark.parametrize("effect", NAMED, ids=lambda e: str(e.kind))
@pytest.mark.parametrize("origin", [o for o in Origin if o is not Origin.OWNER])
def test_only_the_owners_own_message_lends_the_owners_words(effect: Effect, origin: Origin) -> None:
    assert decide(effect, CONTEXT).decision is Decision.ALLOW
    started = dataclasses.replace(CONTEXT, origin=origin)
    assert decide(effect, started).decision is Decision.ASK
    alone = dataclasses.replace(started, may_ask=False)
    assert decide(effect, alone).decision is Decision.DENY


async def delegated(desk: Desk, said: str, instructions: str, *, is_forwarded: bool) -> Task:
    """A task that the model started after this message."""
    turn = await desk.database.fetchval(
        "insert into turns (chat_id, state) values ($1, 'done') returning id", OWNER
    )
    await desk.database.execute(
        "insert into messages (chat_id, role, text, turn_id, is_forwarded)"
        " values ($1, 'owner', $2, $3, $4)", OWNER, said, turn, is_forwarded,
    )  # fmt: skip
    return await desk.task(instructions, turn)


@pytest.mark.parametrize(
    ("said", "is_forwarded"),
    [
        ("please look at my notes", False),  # the model wrote the host into the instructions
        ("read docs.example.com for me", True),
        ("[file read docs.example.com.txt]\nhere", False),
    ],
    ids=["the model's words", "forwarded", "a file's name"],
)
async def test_a_delegated_task_has_only_what_the_owner_wrote_themselves(
    desk: Desk, said: str, is_forwarded: bool
) -> None:
    task = await delegated(desk, said, "read docs.example.com", is_forwarded=is_forwarded)
    asked = request("docs.example.com").host
    refused = await desk.judge(await desk.effects(task)).connect(asked, 443)
    assert isinstance(refused, Refused)
    own = await delegated(desk, "read docs.example.com for me", "x", is_forwarded=False)
    allowed = await desk.judge(await desk.effects(own)).connect(asked, 443)
    assert not isinstance(allowed, Refused)


async def test_what_the_coordinator_steers_into_a_task_are_not_the_owners_words(
    desk: Desk,
) -> None:
    task = await delegated(desk, "hello", "x", is_forwarded=False)
    async with desk.database.transaction() as session:
        await desk.service.tasks.add_input(
            session, task.no, "steer", text="read docs.example.com", key="turn:1:call"
        )
    seen = await SeenStore(desk.database).read(task)
    assert seen.words == ("hello",)


async def test_a_second_task_inherits_neither_grants_nor_approvals_of_the_first(
    desk: Desk,
) -> None:
    first, second = await desk.effects(), await desk.effects()
    wanted = request(method="PUT", body=b"x")
    async with asking(desk, lambda: desk.judge(first).request(wanted)) as (task, card):
        await desk.decides(card, Choice.TASK)
        await result(first, task)
    assert await desk.approvals.grants(first.task.no)
    assert await desk.approvals.grants(second.task.no) == ()
    refused = await desk.judge(second).connect(wanted.host, 443)
    assert isinstance(refused, Refused)
    assert not isinstance(refused, Splice)
    stolen = deletion(first)
    async with asking(desk, lambda: first.permit([stolen])) as (task, card):
        await desk.decides(card)
        await result(first, task)
    async with asking(desk, lambda: second.permit([deletion(second)])) as (task, again):
        assert again.task_no == second.task.no
        assert not task.done()
