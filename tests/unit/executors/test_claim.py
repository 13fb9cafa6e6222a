from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from core.errors import Retryable
from core.tasks import Outcome, Step, TaskState
from executors.claim import Claim, Stale
from tests.unit.executors.in_memory import TASK
from tests.unit.executors.one_task import Streams, Written

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from core.bus import Bus
    from core.tasks import TaskStore

STEP = Step(index=0, tool="shell", arguments={})
OWNED: dict[str, Callable[[Claim], Awaitable[None]]] = {
    "attach": lambda claim: claim.attach("s"),
    "begin_step": lambda claim: claim.begin_step(STEP),
    "end_step": lambda claim: claim.end_step(0, "done"),
    "progress": lambda claim: claim.progress("at work"),
    "ask": lambda claim: claim.ask(0, "Which?"),
    "go_on": lambda claim: claim.go_on(),
}
TOLD = {"progress", "ask", "go_on"}


def claim_of(tasks: Written, bus: Streams) -> Claim:
    return Claim(task=TASK, tasks=cast("TaskStore", tasks), bus=cast("Bus", bus))


@pytest.mark.parametrize("name", OWNED)
async def test_a_write_names_the_token_and_what_a_person_sees_is_announced(name: str) -> None:
    tasks, bus = Written(), Streams()
    await OWNED[name](claim_of(tasks, bus))
    assert [(call[1], call[2]) for call in tasks.calls] == [(TASK.no, TASK.fence)]
    assert bus.told == (["7"] if name in TOLD else [])


@pytest.mark.parametrize("name", OWNED)
async def test_a_write_about_a_task_that_is_not_ours_ends_what_goes_on_and_tells_nobody(
    name: str,
) -> None:
    bus = Streams()
    with pytest.raises(Stale):
        await OWNED[name](claim_of(Written(is_ours=False), bus))
    assert bus.told == []


async def test_the_end_of_a_task_that_is_not_ours_is_ignored_without_a_word() -> None:
    claim = claim_of(Written(is_ours=False), Streams())
    await claim.finish(Outcome(state=TaskState.DONE))
    await claim.requeue()
    await claim.hold(True)


async def test_a_write_is_insisted_on_while_postgres_is_away() -> None:
    tries: list[int] = []

    async def write() -> bool:
        tries.append(1)
        if len(tries) < 3:
            raise Retryable("Postgres is away", 0.0)
        return True

    await claim_of(Written(), Streams()).write(write)
    assert len(tries) == 3
