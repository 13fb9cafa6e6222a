"""What the owner changes while a task runs, against the real bot, database and vault."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from core.approvals import Choice, State
from core.errors import Denied
from core.policy import SecretRule, secret_scope
from core.spawn import held
from core.stop import stop_all
from executors.gateway.ports import Forward, Inspect, Refused, Splice
from executors.outlet import Outlet
from executors.placeholders import Stand, token_of
from tests.security.regressions.desk import (
    KEY,
    Desk,
    asking,
    deletion,
    message,
    request,
    result,
)

if TYPE_CHECKING:
    from executors.effects import Effects
    from executors.gateway.ports import Asked

HOST, OTHER, NAME = "api.example.com", "other.example.com", "TOKEN"
OLD, NEW = "the-old-value-1234", "the-new-value-5678"


def stand_of(effects: Effects, host: str = HOST) -> Stand:
    token = token_of(KEY, effects.task.no, NAME)
    return Stand(name=NAME, host=host, header="authorization", token=token)


async def keep(desk: Desk, value: str, host: str) -> None:
    async with desk.database.transaction() as session:
        await desk.service.vault.set(session, NAME, value, host=host)


def with_secret(effects: Effects, host: str = HOST, method: str = "GET") -> Asked:
    token = stand_of(effects).token.encode()
    return request(host, method=method, headers=((b"authorization", token),))


async def allow(desk: Desk, effects: Effects, *hosts: str) -> None:
    """Reading from the hosts, with the secret."""
    add = "insert into grants (task_no, skill, kind, rule) values ($1, '', $2, $3)"
    for host in hosts:
        await desk.hears(message=message(f"/grant {host} GET"))
        scope = {"scope": secret_scope(NAME, f"{host}:443")}
        await desk.database.execute(add, effects.task.no, "scope", scope)
    effects.wake()


# --- secrets ---


async def test_a_new_value_for_another_host_never_goes_to_the_old_one(desk: Desk) -> None:
    await keep(desk, OLD, HOST)
    effects = await desk.effects()
    effects.know_secrets([SecretRule(name=NAME, host=HOST)])
    await allow(desk, effects, HOST, OTHER)
    judge = desk.judge(effects, (stand_of(effects),))
    first = await judge.request(with_secret(effects))
    assert isinstance(first, Forward)
    assert first.headers[0][1].decode() == OLD
    await keep(desk, NEW, OTHER)
    refused = await judge.request(with_secret(effects))
    assert isinstance(refused, Refused)
    assert refused.code == "secret_moved"
    moved = await judge.request(with_secret(effects, OTHER))
    assert isinstance(moved, Forward)
    assert moved.headers[0][1].decode() == NEW
    assert isinstance(await judge.request(with_secret(effects)), Refused)


async def test_a_secret_that_is_bound_anew_while_the_card_waits_is_not_sent(desk: Desk) -> None:
    await keep(desk, OLD, HOST)
    effects = await desk.effects()
    effects.know_secrets([SecretRule(name=NAME, host=HOST)])
    judge = desk.judge(effects, (stand_of(effects),))
    async with asking(desk, lambda: judge.request(with_secret(effects))) as (task, card):
        await keep(desk, NEW, OTHER)
        await desk.decides(card)
        refused = await result(effects, task)
    assert isinstance(refused, Refused)
    assert refused.code == "secret_moved"
    assert await desk.approvals.in_doubt(effects.task.no) == ()


async def test_a_tap_is_not_used_up_by_a_secret_that_is_gone(desk: Desk) -> None:
    await keep(desk, OLD, HOST)
    effects = await desk.effects()
    effects.know_secrets([SecretRule(name=NAME, host=HOST)])
    judge = desk.judge(effects, (stand_of(effects),))
    async with asking(desk, lambda: judge.request(with_secret(effects))) as (task, card):
        async with desk.database.transaction() as session:
            await desk.service.vault.delete(session, NAME)
        await desk.decides(card)
        refused = await result(effects, task)
    assert isinstance(refused, Refused)
    assert refused.code == "secret_missing"
    assert await desk.approvals.in_doubt(effects.task.no) == ()
    assert len(await desk.approvals.approved(effects.task.no)) == 1
    await keep(desk, NEW, HOST)
    effects.wake()
    assert isinstance(await judge.request(with_secret(effects)), Forward)
    assert await desk.approvals.approved(effects.task.no) == frozenset()


# --- cards ---


async def test_the_last_card_is_answered_though_no_other_may_be_asked(desk: Desk) -> None:
    effects = await desk.effects(policy__cards=1)
    wanted = deletion(effects)
    with pytest.raises(Denied, match="has not answered"):
        await effects.permit([wanted], wait_s=0.01)
    with pytest.raises(Denied, match="as often as it may"):
        await effects.permit([deletion(effects, "other.txt")], wait_s=0.01)
    async with held(effects.permit([wanted]), name="again") as again:
        await desk.decides(await desk.card())
        (ticket,) = await result(effects, again)
    assert ticket is not None
    assert await desk.approvals.cards(effects.task.no) == 1


async def test_a_change_of_production_is_typed_each_time_though_granted(desk: Desk) -> None:
    effects = await desk.effects(policy__production=f"x.test,*.{HOST.partition('.')[2]}")
    await desk.hears(message=message(f"/grant {HOST} *"))
    effects.wake()
    judge = desk.judge(effects)
    assert isinstance(await judge.connect(request().host, 443), Inspect)
    assert isinstance(await judge.request(request(method="GET")), Forward)
    for _ in range(2):
        wanted = request(method="POST", body=b"amount=5")
        async with asking(desk, lambda: judge.request(wanted)) as (task, card):  # noqa: B023
            assert card.is_production
            assert card.actions[0].display == "amount=5"
            for choice in (Choice.ONCE, Choice.TASK, Choice.ALWAYS):
                await desk.decides(card, choice)
            assert await desk.state(card) is State.PENDING
            await desk.hears(message=message(f"/approve {card.id} {card.code}"))
            assert isinstance(await result(effects, task), Forward)
    assert len(await desk.approvals.live_grants()) == 1


async def test_a_card_from_before_a_host_was_production_does_not_stand_for_it(desk: Desk) -> None:
    effects = await desk.effects()
    judge, wanted = desk.judge(effects), request(method="POST", body=b"x")
    async with asking(desk, lambda: judge.request(wanted)) as (_, card):
        assert not card.is_production
    await desk.decides(card)
    now = await desk.effects(effects.task, policy__production=HOST)
    async with asking(desk, lambda: desk.judge(now).request(wanted)) as (task, typed):
        assert typed.is_production
        assert not task.done()


# --- tunnels ---


@pytest.mark.parametrize("how", ["revoked", "stopped", "revoked and nobody told"])
async def test_an_idle_tunnel_is_cut_within_two_seconds(desk: Desk, how: str) -> None:
    effects = await desk.effects()
    await desk.hears(message=message(f"/grant {HOST} *"))
    judge, cut = desk.judge(effects), asyncio.Event()
    way_out = Outlet.__new__(Outlet)
    way_out.effects, way_out._judge = effects, judge
    assert isinstance(await judge.connect(request().host, 443), Splice)
    async with held(way_out.keep_books(), name="books"):
        with judge.spliced(request().host, 443, cut.set):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.5):
                    await cut.wait()
            began = time.monotonic()
            await take_back(desk, effects, how)
            async with asyncio.timeout(5):
                await cut.wait()
            assert time.monotonic() - began < 2.0


async def take_back(desk: Desk, effects: Effects, how: str) -> None:
    if how == "stopped":
        async with desk.database.transaction() as session:
            await stop_all(session, desk.approvals, desk.service.audit, by="test")
        return
    (grant,) = await desk.approvals.live_grants()
    await desk.hears(message=message(f"/revoke {grant.id}"))
    if how == "revoked":
        effects.wake()  # as the bot's `control` does
