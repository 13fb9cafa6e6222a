from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from core.spawn import held
from core.tasks import TaskInput
from executors.claim import Claim
from executors.hearing import Hearing
from tests.unit.executors.in_memory import TASK
from tests.unit.executors.one_task import Streams, Wire, Written

if TYPE_CHECKING:
    from core.bus import Bus
    from core.tasks import TaskStore
    from executors.slots import Line


@dataclass
class Bench:
    tasks: Written = field(default_factory=Written)
    bus: Streams = field(default_factory=Streams)
    line: Wire = field(default_factory=Wire)
    hearing: Hearing = field(init=False)

    def __post_init__(self) -> None:
        claim = Claim(task=TASK, tasks=cast("TaskStore", self.tasks), bus=cast("Bus", self.bus))
        self.hearing = Hearing(claim, cast("Line", self.line))

    def say(self, number: int, text: str, *, step: int | None = None) -> None:
        item = TaskInput(
            id=number, kind="steer" if step is None else "answer", text=text, step=step
        )
        self.tasks.said.append(item)
        self.hearing.look()

    def names(self) -> list[object]:
        return [call[0] for call in self.tasks.calls if call[0] != "inputs"]


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def sent(bench: Bench) -> str:
    async with asyncio.timeout(5):
        return (await bench.line.sent.get()).decode()


async def told(bench: Bench) -> None:
    async with asyncio.timeout(5):
        await bench.bus.news.get()


async def test_what_the_owner_says_reaches_the_container_once_and_in_order(bench: Bench) -> None:
    async with held(bench.hearing.pass_on(), name="inputs"):
        bench.say(1, "first")
        bench.say(2, "second")
        assert "first" in await sent(bench)
        assert "second" in await sent(bench)
        bench.say(3, "third")
        assert "third" in await sent(bench)
    assert bench.line.sent.empty()


async def test_what_a_broken_line_does_not_take_comes_again(bench: Bench) -> None:
    bench.line.is_broken = True
    bench.say(1, "kept")
    async with held(bench.hearing.pass_on(), name="inputs"):
        async with asyncio.timeout(5):
            await bench.line.tried.wait()
        bench.line.is_broken = False
        bench.hearing.look()
        assert "kept" in await sent(bench)


async def test_what_the_first_line_holds_is_not_passed_on_again(bench: Bench) -> None:
    bench.say(1, "before")
    assert [item.text for item in await bench.hearing.so_far()] == ["before"]
    async with held(bench.hearing.pass_on(), name="inputs"):
        bench.say(2, "after")
        assert "after" in await sent(bench)


async def test_a_question_waits_for_the_answer_to_its_own_step(bench: Bench) -> None:
    async with held(bench.hearing.ask(3, "Which?"), name="ask") as asking:
        await told(bench)
        bench.say(1, "an older answer", step=2)
        await told(bench)
        bench.say(2, "go faster")
        await told(bench)
        assert not asking.done()
        assert bench.hearing.is_waiting
        bench.say(3, "that one", step=3)
        async with asyncio.timeout(5):
            assert await asking == "that one"
    assert not bench.hearing.is_waiting
    assert bench.names()[0] == "ask"
    assert bench.names()[-1] == "resume_running"


async def test_an_answer_from_before_a_restart_is_found_without_asking_again(bench: Bench) -> None:
    bench.say(1, "yes", step=3)
    assert await bench.hearing.ask(3, "Which?") == "yes"
    assert bench.names() == ["resume_running"]


async def test_a_question_that_is_given_up_is_not_waited_for_any_more(bench: Bench) -> None:
    async with held(bench.hearing.ask(3, "Which?"), name="ask"):
        await told(bench)
        assert bench.hearing.is_waiting
    assert not bench.hearing.is_waiting


async def test_while_an_approval_is_waited_for_inputs_are_read_once_a_look_and_passed_on(
    bench: Bench,
) -> None:
    await bench.hearing.hold(True)
    assert bench.hearing.is_waiting
    assert json.loads(await sent(bench))
    async with held(bench.hearing.pass_on(), name="inputs") as passing:
        bench.say(1, "never mind")
        assert "never mind" in await sent(bench)
        await asyncio.wait({passing}, timeout=0.35)
    reads = [call for call in bench.tasks.calls if call[0] == "inputs"]
    assert len(reads) == 1
    await bench.hearing.hold(False)
    assert not bench.hearing.is_waiting
    assert bench.names() == ["await_approval", "approval_over"]
