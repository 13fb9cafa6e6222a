"""The queue against a plain model of Telegram's rules."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.spawn import held
from playground.updates import UpdateQueue
from playground.validation import ApiError

steps = st.lists(
    st.tuples(st.just("add"), st.just(0), st.just(0))
    | st.tuples(st.just("poll"), st.integers(-5, 12), st.integers(1, 6)),
    max_size=30,
)


@given(steps)
def test_exactly_what_is_confirmed_goes_and_the_rest_stays_in_order(
    plan: list[tuple[str, int, int]],
) -> None:
    async def play() -> None:
        queue = UpdateQueue()
        first = queue.next_id
        model: list[int] = []
        for kind, offset, limit in plan:
            if kind == "add":
                model.append(queue.add(message={}))
                continue
            wanted = first + offset if offset > 0 else offset
            if wanted > 0:
                model = [one for one in model if one >= wanted]
            elif wanted < 0:
                model = model[wanted:]
            found = await queue.poll(offset=wanted, limit=limit, timeout_s=0)
            assert [u["update_id"] for u in found] == model[:limit]

    asyncio.run(play())


async def test_a_woken_poll_gives_way_to_a_newer_one_that_came_first() -> None:
    queue = UpdateQueue()
    async with held(queue.poll(offset=0, limit=9, timeout_s=9), name="older") as older:
        await asyncio.sleep(0)
        queue.add(message={})  # wakes the older poll, which has not run yet
        newer = await queue.poll(offset=0, limit=9, timeout_s=0)
        assert len(newer) == 1
        with pytest.raises(ApiError) as caught:
            await older
    assert caught.value.code == 409


async def test_a_cancelled_poll_leaves_no_trace() -> None:
    queue = UpdateQueue()
    async with held(queue.poll(offset=0, limit=9, timeout_s=9), name="gone"):
        await asyncio.sleep(0)
    assert queue._poller is None
    queue.add(message={})
    assert len(await queue.poll(offset=0, limit=9, timeout_s=9)) == 1


def test_every_change_is_told_so_that_it_can_be_saved() -> None:
    told: list[int] = []
    queue = UpdateQueue(lambda: told.append(len(queue.pending)))
    queue.add(message={})
    queue.add(message={})
    queue.take(queue.pending[0])
    queue.clear()
    assert told == [1, 2, 1, 0]
    assert queue.add(message_reaction={}) == 0
    assert told == [1, 2, 1, 0]
