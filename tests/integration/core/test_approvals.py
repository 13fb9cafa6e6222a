"""Approvals in Postgres: asked, decided, used up once, and written down."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bench.security.approvals_scene import OWNER, Scene
from bench.security.approvals_wanted import overwrite, remembered, request
from core.approvals import Choice, Given, Refusal, State
from core.db import Database
from core.errors import Denied
from core.migrate import migrate
from core.tasks import Outcome, TaskState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from core.approvals import Approval
    from core.tasks import Task
    from executors.asking import Wanted


@pytest.fixture
async def scene(database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    database = await Database.connect(database_url)
    await migrate(database)
    yield Scene(database, tmp_path)
    await database.close()


async def decide(
    scene: Scene, approval: Approval, choice: Choice = Choice.ONCE, *, user_id: int = OWNER
) -> Refusal | None:
    given = Given(choice=choice, user_id=user_id, chat_id=OWNER, message_id=1, via="button")
    async with scene.database.transaction() as session:
        return await scene.approvals.decide(session, approval, given, owner_id=OWNER, card_id=1)


async def allowed(scene: Scene, task: Task, wanted: Wanted) -> Approval:
    approval = await scene.ask(task, wanted)
    assert await decide(scene, approval) is None
    return approval


async def kinds(scene: Scene) -> list[str]:
    return [entry.kind for entry in reversed(await scene.audit.recent(50))]


async def test_from_the_question_to_the_outcome_all_is_written_down(scene: Scene) -> None:
    task = await scene.task()
    wanted = request(task.no)
    approval = await allowed(scene, task, wanted)
    assert await scene.used.approved(task.no) == {wanted.effect.digest}
    ticket = await scene.consume(task, wanted)
    assert ticket is not None
    assert (ticket.approval_id, ticket.digest) == (approval.id, wanted.effect.digest)
    assert await scene.used.approved(task.no) == frozenset()
    assert await scene.used.in_doubt(task.no) == (ticket,)
    await scene.used.close(ticket, "done")
    assert await scene.used.in_doubt(task.no) == ()
    assert await kinds(scene) == [
        "approval.asked", "approval.approved", "effect.intent", "effect.outcome",
    ]  # fmt: skip


async def test_what_is_stored_is_the_exact_text_that_the_digest_was_made_from(
    scene: Scene,
) -> None:
    task = await scene.task()
    wanted = request(task.no, arguments={"target": "/\u202eé e\u0301 \u0000 \U0001d4b3"})
    (stored,) = (await scene.ask(task, wanted)).actions
    assert stored.digest == wanted.effect.digest
    assert stored.action.isascii()


async def test_asking_the_same_again_finds_the_open_card(scene: Scene) -> None:
    task = await scene.task()
    wanted = request(task.no)
    first = await scene.ask(task, wanted)
    assert (await scene.ask(task, wanted)).id == first.id
    assert (await scene.ask(task, request(task.no, method="PUT"))).id != first.id
    await decide(scene, first, Choice.DENY)
    assert (await scene.ask(task, wanted)).id != first.id
    assert await scene.approvals.cards(task.no) == 3


async def test_the_card_that_waits_for_exactly_the_same_is_found(scene: Scene) -> None:
    one, two = await scene.task(), await scene.task()
    both = [request(one.no), request(one.no, method="PUT")]
    digests = [wanted.effect.digest for wanted in both]
    card = await scene.used.request(
        one.no, [wanted.ask for wanted in both], reason="r", detail="", expires_s=900
    )
    assert await scene.approvals.pending_for(one.no, digests) == card
    for no, others in (
        (two.no, digests), (one.no, digests[:1]), (one.no, digests[::-1]), (one.no, []),
        (one.no, [*digests, "x"]),
    ):  # fmt: skip
        assert await scene.approvals.pending_for(no, others) is None
    await scene.age(card, 901)
    assert await scene.approvals.pending_for(one.no, digests) is None
    await scene.age(card, -901)
    assert await decide(scene, card, Choice.DENY) is None
    assert await scene.approvals.pending_for(one.no, digests) is None


async def test_two_tasks_never_share_a_card(scene: Scene) -> None:
    one, two = await scene.task(), await scene.task()
    wanted = request(one.no)
    assert (await scene.ask(one, wanted)).id != (await scene.ask(two, wanted)).id


async def test_a_task_that_has_ended_asks_nothing(scene: Scene) -> None:
    task = await scene.task()
    await scene.tasks.finish(task.no, task.fence, Outcome(state=TaskState.DONE))
    with pytest.raises(Denied, match="ended"):
        await scene.ask(task, request(task.no))


async def test_a_decision_is_taken_once(scene: Scene) -> None:
    task = await scene.task()
    approval = await scene.ask(task, request(task.no))
    assert await decide(scene, approval, user_id=1) is Refusal.NOT_OWNER
    assert await decide(scene, approval, Choice.DENY) is None
    assert await decide(scene, approval) is Refusal.DECIDED  # also with a value read before
    assert await scene.state(approval) == "denied"


async def test_several_actions_of_a_card_are_used_one_by_one(scene: Scene) -> None:
    task = await scene.task()
    two = [overwrite(task.no, sha="aa" * 32), overwrite(task.no, sha="bb" * 32)]
    approval = await scene.used.request(
        task.no, [one.ask for one in two], reason="r", detail="", expires_s=900
    )
    await decide(scene, approval)
    tickets = [await scene.consume(task, one) for one in (*two, *two)]
    assert [t.index if t else None for t in tickets] == [0, 1, None, None]


async def test_what_nobody_decides_expires_and_its_task_is_told(scene: Scene) -> None:
    task = await scene.task()
    approval = await scene.ask(task, request(task.no), expires_s=-1.0)
    assert await scene.approvals.expire() == (task.no,)
    assert await scene.approvals.expire() == ()
    assert await scene.state(approval) == "expired"
    assert await kinds(scene) == ["approval.asked", "approval.expired"]


async def test_what_an_ended_task_asked_is_withdrawn(scene: Scene) -> None:
    task = await scene.task()
    approval = await scene.ask(task, request(task.no))
    await scene.tasks.finish(task.no, task.fence, Outcome(state=TaskState.DONE))
    await scene.approvals.expire()
    assert await scene.state(approval) == "withdrawn"
    assert await scene.approvals.pending() == ()


async def test_withdrawing_ends_open_and_unused_approvals_of_that_task_only(scene: Scene) -> None:
    one, two = await scene.task(), await scene.task()
    mine, other = request(one.no), request(two.no)
    await allowed(scene, one, mine)
    await allowed(scene, two, other)
    still_open = await scene.ask(one, request(one.no, method="PUT"))
    assert await scene.approvals.withdraw(one.no) == (one.no,)
    assert await scene.state(still_open) == "withdrawn"
    assert await scene.consume(one, mine) is None
    assert await scene.consume(two, other) is not None


async def test_a_ticket_in_the_ledger_is_refused_and_leaves_no_doubt(scene: Scene) -> None:
    task = await scene.task()
    wanted = request(task.no)
    await allowed(scene, task, wanted)
    assert await scene.consume(task, wanted) is not None
    await scene.sql("update approval_actions set consumed_at = null, outcome = null")
    assert await scene.consume(task, wanted) is None
    assert await scene.used.in_doubt(task.no) == ()
    outcome = await scene.database.fetchval("select outcome from approval_actions")
    assert outcome == "replayed"


async def test_a_grant_of_a_task_ends_with_its_revocation_and_is_no_other_tasks(
    scene: Scene,
) -> None:
    task, other = await scene.task(), await scene.task()
    approval = await scene.ask(task, remembered(request(task.no)), may_remember=True)
    assert await decide(scene, approval, Choice.TASK) is None
    (grant,) = await scene.approvals.grants(task.no)
    assert grant.task_no == task.no
    assert await scene.approvals.grants(other.no) == ()
    async with scene.database.transaction() as session:
        assert await scene.approvals.revoke(session, grant.id)
        assert not await scene.approvals.revoke(session, grant.id)
    assert await scene.approvals.live_grants() == ()


async def test_always_counts_for_every_task(scene: Scene) -> None:
    task, other = await scene.task(), await scene.task()
    approval = await scene.ask(task, remembered(request(task.no)), may_remember=True)
    await decide(scene, approval, Choice.ALWAYS)
    (grant,) = await scene.approvals.grants(other.no)
    assert grant.task_no is None
    async with scene.database.transaction() as session:
        await scene.approvals.revoke_of_tasks(session)
    assert await scene.approvals.grants(other.no) == (grant,)


async def test_a_card_is_shown_until_it_looks_as_it_should(scene: Scene) -> None:
    task = await scene.task()
    approval = await scene.ask(task, request(task.no))
    shown = await scene.deliver()
    assert list(shown.buttons) == ["Approve", "Deny"]
    assert await scene.approvals.to_show() == ()
    await decide(scene, approval)
    assert [one.id for one in await scene.approvals.to_show()] == [approval.id]
    edited = await scene.deliver()
    assert (edited.message_id, dict(edited.buttons)) == (shown.message_id, {})
    assert await scene.approvals.to_show() == ()


async def test_a_decision_that_is_rolled_back_did_not_happen(scene: Scene) -> None:
    task = await scene.task()
    approval = await scene.ask(task, request(task.no))
    given = Given(choice=Choice.ONCE, user_id=OWNER, chat_id=OWNER, message_id=1, via="button")

    async def decide_and_fail() -> None:
        async with scene.database.transaction() as session:
            await scene.approvals.decide(session, approval, given, owner_id=OWNER, card_id=1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await decide_and_fail()
    assert await scene.state(approval) == State.PENDING
    assert await kinds(scene) == ["approval.asked"]


async def test_a_task_waits_for_the_tap_and_goes_on(scene: Scene) -> None:
    task = await scene.task()
    effects = await scene.effects(task)
    async with asyncio.TaskGroup() as group:
        permit = group.create_task(effects.permit([request(task.no)]))
        while not await scene.approvals.pending():
            await asyncio.sleep(0)
        await scene.press(await scene.deliver(), "Approve")
        effects.wake()
    (ticket,) = permit.result()
    assert ticket is not None


async def test_a_no_reaches_the_task_that_waits(scene: Scene) -> None:
    task = await scene.task()
    effects = await scene.effects(task)

    async def refused() -> None:
        with pytest.raises(Denied, match="The owner said no"):
            await effects.permit([request(task.no)])

    async with asyncio.TaskGroup() as group:
        group.create_task(refused())
        while not await scene.approvals.pending():
            await asyncio.sleep(0)
        await scene.press(await scene.deliver(), "Deny")
        effects.wake()
