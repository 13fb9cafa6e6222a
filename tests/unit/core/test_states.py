"""A task's states."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.tasks.states import LOST_AFTER_S, TaskState, has_ended, may_become, sweep

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ENDED = {TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED, TaskState.UNKNOWN}


@pytest.mark.parametrize("state", list(TaskState))
def test_only_final_states_have_ended(state: TaskState) -> None:
    assert has_ended(state) == (state in ENDED)


@given(st.sampled_from(sorted(ENDED)), st.sampled_from(list(TaskState)))
def test_nothing_follows_an_ended_state(state: TaskState, following: TaskState) -> None:
    assert not may_become(state, following)


@pytest.mark.parametrize(
    ("state", "overdue_s", "has_cancel", "verdict"),
    [
        (TaskState.QUEUED, None, False, "leave"),
        (TaskState.QUEUED, None, True, "leave"),
        (TaskState.RUNNING, -1, True, "leave"),
        (TaskState.RUNNING, 0, True, "leave"),
        (TaskState.RUNNING, 1, True, "cancel"),
        (TaskState.WAITING, 1, True, "cancel"),
        (TaskState.RUNNING, 1, False, "leave"),
        (TaskState.RUNNING, LOST_AFTER_S, False, "leave"),
        (TaskState.RUNNING, LOST_AFTER_S + 1, False, "give_up"),
        (TaskState.WAITING, LOST_AFTER_S + 1, False, "give_up"),
        (TaskState.DONE, LOST_AFTER_S + 1, True, "leave"),
    ],
)
def test_a_task_without_a_host_is_swept_by_the_rules(
    state: TaskState, overdue_s: float | None, has_cancel: bool, verdict: str
) -> None:
    lease = None if overdue_s is None else NOW - timedelta(seconds=overdue_s)
    assert sweep(state=state, lease_until=lease, has_cancel=has_cancel, now=NOW) == verdict
