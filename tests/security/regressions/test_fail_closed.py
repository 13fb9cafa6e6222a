"""Class: a time-out or an outage that falls open."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from asyncpg import InternalClientError

from core.approvals import State
from core.config import ConfigStore
from core.errors import AgentAIError, Denied, Retryable
from core.seal import Seal
from core.settings import EnvSettings
from executors.model_proxy import ModelProxy
from executors.protocol import AskModel
from tests.security.regressions.desk import KEY, Desk, a_desk, asking, deletion, press, result
from tests.support.model_server import Fault, ScriptedModel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.services import RunningPostgres


# A connection that breaks between two statements of asyncpg's own is told as the second one.
AWAY = (Retryable, InternalClientError)


async def test_an_approval_that_nobody_gave_in_time_is_a_no(desk: Desk) -> None:
    effects = await desk.effects()
    async with asking(desk, lambda: effects.permit([deletion(effects)])) as (task, card):
        await desk.time_passes(card)
        desk.service.approval_board.wake()
        await desk.service.approval_board.step()
        with pytest.raises(Denied) as refused:
            await result(effects, task)
    assert refused.value.code == "expired"
    assert await desk.approvals.approved(effects.task.no) == frozenset()


async def test_who_cannot_wait_any_longer_is_not_allowed(desk: Desk) -> None:
    effects = await desk.effects()
    with pytest.raises(Denied) as refused:
        await effects.permit([deletion(effects)], wait_s=0.01)
    assert refused.value.code == "waiting_for_owner"


async def test_an_approval_that_lay_about_too_long_is_not_used(desk: Desk) -> None:
    effects = await desk.effects()
    wanted = deletion(effects)
    async with asking(desk, lambda: effects.permit([wanted])) as (_, card):
        pass
    await desk.decides(card)
    await desk.database.execute("update approvals set decided_at = decided_at - interval '16 min'")
    task = effects.task
    assert await desk.approvals.consume(task.no, task.fence, wanted.effect.digest) is None


async def test_while_postgres_is_away_nothing_is_decided_and_nothing_allowed(
    tmp_path: Path, own_postgres: RunningPostgres, redis_url: str
) -> None:
    dsn = own_postgres.fresh_database()
    async with a_desk(tmp_path / "home", dsn, redis_url) as desk:
        effects = await desk.effects()
        async with asking(desk, lambda: effects.permit([deletion(effects)])) as (task, card):
            tap = press(f"p:{card.nonce}:o", await desk.card_id(card))
            await asyncio.to_thread(own_postgres.kill)
            effects.wake()
            with pytest.raises(AWAY):
                await desk.hears(callback_query=tap)
            await asyncio.wait({task}, timeout=1)
            assert not task.done() or task.exception() is not None
            await asyncio.to_thread(own_postgres.start)
            assert await desk.state(card) is State.PENDING
            await desk.time_passes(card)
            await desk.approvals.expire()
            with pytest.raises((Denied, *AWAY)):
                await result(effects, task)


async def test_a_model_that_hangs_or_claims_in_an_error_yields_no_answer(desk: Desk) -> None:
    yes = '{"error": {"code": 403, "message": "no"}, "choices": [{"message": {"content": "yes"}}]}'
    model = ScriptedModel(lambda _: Fault(body=yes))
    await model.start()
    config = ConfigStore(database=desk.database, seal=Seal(KEY), env=EnvSettings())
    for name, value in {
        "model.base_url": model.url, "model.executor": "scripted", "model.timeout_s": "5",
    }.items():  # fmt: skip
        await config.set(name, value, actor="test")
    proxy = ModelProxy(config=config, tasks=desk.service.tasks)
    wanted = AskModel(step=0, messages=[{"role": "user", "content": "may I?"}], tools=[])
    task = await desk.task()
    for fault in (Fault(body=yes), Fault(hang_s=60)):
        model.script = [fault] * 20
        with pytest.raises((AgentAIError, TimeoutError)):
            async with asyncio.timeout(6.5):
                await proxy.ask(task.no, wanted)
    rows = await desk.database.fetch("select outcome from usage")
    assert rows
    assert all(row["outcome"] != "ok" for row in rows)
    await proxy.close()
    await model.stop()
