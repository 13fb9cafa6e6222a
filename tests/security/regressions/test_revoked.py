"""Class: something that was taken back and comes to life again."""

from __future__ import annotations

import pytest

from core.approvals import Choice
from core.errors import UserFacing
from core.policy import SecretRule
from core.stop import stop_all
from core.tasks import Outcome, TaskState
from executors.gateway.ports import Forward, Inspect, Refused
from executors.placeholders import Stand, token_of
from executors.refusals import MISPLACED
from tests.security.regressions.desk import KEY, Desk, asking, message, request, result

HOST, NAME, VALUE = "api.example.com", "TOKEN", "the-value-of-the-token"


async def test_a_revoked_grant_counts_no_more_not_even_after_a_restart(desk: Desk) -> None:
    effects = await desk.effects()
    await desk.hears(message=message(f"/grant {HOST} GET"))
    judge = desk.judge(effects)
    assert isinstance(await judge.connect(request().host, 443), Inspect)
    assert isinstance(await judge.request(request(method="GET")), Forward)
    (grant,) = await desk.approvals.live_grants()
    await desk.hears(message=message(f"/revoke {grant.id}"))
    effects.wake()  # as the bot's `control` does
    for known in (effects, await desk.effects(effects.task)):
        refused = await desk.judge(known).connect(request().host, 443)
        assert isinstance(refused, Refused)


async def test_the_card_of_a_revoked_grant_cannot_be_pressed_again(desk: Desk) -> None:
    effects = await desk.effects()
    judge, wanted = desk.judge(effects), request(method="PUT", body=b"x")
    async with asking(desk, lambda: judge.request(wanted)) as (task, card):
        await desk.decides(card, Choice.ALWAYS)
        await result(effects, task)
    (grant,) = await desk.approvals.live_grants()
    await desk.hears(message=message(f"/revoke {grant.id}"))
    for choice in (Choice.ALWAYS, Choice.TASK, Choice.ONCE):
        await desk.decides(card, choice)
    await desk.hears(message=message(f"/approve {card.id} {card.code}"))
    assert await desk.approvals.live_grants() == ()
    effects.wake()
    async with asking(desk, lambda: judge.request(wanted)) as (task, again):
        assert again.id != card.id
        assert not task.done()


async def test_a_stop_takes_back_grants_of_tasks_and_unused_approvals(desk: Desk) -> None:
    effects = await desk.effects()
    judge, wanted = desk.judge(effects), request(method="PUT", body=b"x")
    async with asking(desk, lambda: judge.request(wanted)) as (_, card):
        pass
    await desk.decides(card, Choice.TASK)
    async with desk.database.transaction() as session:
        await stop_all(session, desk.approvals, desk.service.audit, by="test")
    task = effects.task
    assert await desk.approvals.live_grants() == ()
    assert await desk.approvals.approved(task.no) == frozenset()
    refused = await desk.judge(await desk.effects(task)).request(wanted)
    assert isinstance(refused, Refused)
    assert refused.code == "stopped"


def stand(task_no: int, host: str = HOST) -> Stand:
    return Stand(name=NAME, host=host, header="authorization", token=token_of(KEY, task_no, NAME))


async def keep_secret(desk: Desk) -> None:
    async with desk.database.transaction() as session:
        await desk.service.vault.set(session, NAME, VALUE, host=HOST)


async def test_a_placeholder_of_an_ended_task_is_worth_nothing_to_another(desk: Desk) -> None:
    await keep_secret(desk)
    ended = await desk.task()
    outcome = Outcome(state=TaskState.DONE)
    assert await desk.service.tasks.finish(ended.no, ended.fence, outcome)
    effects = await desk.effects()
    await desk.hears(message=message(f"/grant {HOST} GET"))
    judge = desk.judge(effects, (stand(effects.task.no),))
    for text in (stand(ended.no).token, f"Bearer {stand(ended.no).token}"):
        stolen = request(method="GET", headers=((b"authorization", text.encode()),))
        assert await judge.request(stolen) == MISPLACED
    elsewhere = request(
        method="GET", headers=((b"x-token", stand(effects.task.no).token.encode()),)
    )
    assert await judge.request(elsewhere) == MISPLACED
    assert await desk.approvals.pending() == ()


async def test_a_secret_that_was_deleted_after_its_approval_is_not_sent(desk: Desk) -> None:
    await keep_secret(desk)
    effects = await desk.effects()
    mine = stand(effects.task.no)
    judge = desk.judge(effects, (mine,))
    effects.know_secrets([SecretRule(name=NAME, host=HOST)])
    wanted = request(method="GET", headers=((b"authorization", mine.token.encode()),))
    async with asking(desk, lambda: judge.request(wanted)) as (task, card):
        await desk.hears(message=message(f"/secret delete {NAME}"))
        await desk.decides(card)
        refused = await result(effects, task)
    assert isinstance(refused, Refused)
    assert VALUE not in str(refused)
    with pytest.raises(UserFacing):
        await desk.service.vault.open(NAME)
