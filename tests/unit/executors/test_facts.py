from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.policy import Hold, Label
from core.spawn import held
from executors.egress import egress_effect
from tests.unit.executors.in_memory import Books

if TYPE_CHECKING:
    from core.policy import Context
    from core.tasks import Task
    from core.tasks.seen import Seen

HOST = "api.example.com"


@pytest.mark.parametrize(
    ("setting", "host", "expected"),
    [
        ("", HOST, False), (HOST, HOST, True), (HOST, "b.example.com", False),
        (f"x.test, {HOST}", HOST, True), ("*.example.com", HOST, True),
        ("*.example.com", "example.com", False), ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "api.example.org", False), ("*", HOST, True), (HOST, "*", True),
        (HOST, "*.example.com", True), ("*.example.com", "*.example.com", True),
        (HOST, "*.example.org", False), (HOST, "*.api.example.com", False),
    ],
)  # fmt: skip
def test_a_host_is_production_when_the_setting_and_it_can_be_the_same(
    setting: str, host: str, *, expected: bool
) -> None:
    books = Books(policy__production=setting)
    assert books.effects.facts.is_production(host) is expected


@given(st.from_regex(r"([a-z]{1,3}\.){1,3}[a-z]{2}", fullmatch=True))
def test_every_name_below_a_pattern_is_production_and_none_further_down(host: str) -> None:
    facts = Books(policy__production=f"*.{host}").effects.facts
    assert facts.is_production(f"a.{host}")
    assert not facts.is_production(host)
    assert not facts.is_production(f"a.b.{host}")


async def test_facts_are_kept_for_a_second_and_forgotten_at_once() -> None:
    books = Books()
    assert not (await books.effects.context()).is_stopped
    books.facts.is_stopped = True
    assert not (await books.effects.context()).is_stopped
    books.effects.wake()
    assert (await books.effects.context()).is_stopped


async def test_a_standing_rule_holds_at_the_very_next_effect() -> None:
    books = Books()
    assert (await books.effects.context()).hold is Hold.NONE
    books.facts.held = Hold.DENY
    assert (await books.effects.context()).hold is Hold.DENY
    books.facts.held = Hold.NONE
    assert (await books.effects.context()).hold is Hold.NONE


async def test_facts_that_change_while_they_are_read_are_read_again() -> None:
    books, gate, began = Books(), asyncio.Event(), asyncio.Event()
    read = books.facts.read

    async def slowly(task: Task) -> Seen:
        found = await read(task)
        began.set()
        await gate.wait()
        return found

    books.facts.read = slowly  # type: ignore[method-assign]

    async def context() -> Context:
        return await books.effects.context()

    async with held(context(), name="context") as reading:
        await began.wait()
        await books.effects.taint(Label.UNTRUSTED)
        gate.set()
        assert Label.UNTRUSTED in (await reading).labels
    assert Label.UNTRUSTED in (await books.effects.context()).labels


async def test_cards_are_no_reason_for_the_kernel_to_refuse() -> None:
    books = Books(policy__cards=1)
    books.facts.cards = 5
    assert (await books.effects.context()).spent.cards == 0


async def test_what_is_counted_here_is_told_before_it_is_booked() -> None:
    books = Books()
    await books.effects.context()
    books.effects.facts.count(egress_effect(HOST, 443, "GET"))
    spent = (await books.effects.context()).spent
    assert (spent.calls, spent.destinations) == (1, frozenset({HOST}))
