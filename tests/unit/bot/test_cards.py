"""A task's messages: what is left of the progress message, the result, and lists of tasks."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.cards import progress_card, result_event, result_markdown, status_card, which_card
from bot.render import render, utf16_len
from core.tasks import Task, TaskNo, TaskState
from tests.unit.executors.in_memory import NOW, TASK

ENDED = replace(TASK, no=TaskNo(12), title="Sort the papers", kind="agent", steps=3,
                ended_at=NOW + timedelta(seconds=12), cost_usd=Decimal("0.0021"))  # fmt: skip


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (TaskState.DONE, "#12 · Done in 12 s · 3 steps · $0.0021"),
        (TaskState.FAILED, "#12 · Failed after 12 s · 3 steps · $0.0021"),
        (TaskState.CANCELLED, "#12 · Cancelled after 12 s · 3 steps · $0.0021"),
        (TaskState.UNKNOWN, "#12 · Ended in doubt after 12 s · 3 steps · $0.0021"),
    ],
)
def test_at_the_end_one_short_line_without_buttons_is_left(state: TaskState, line: str) -> None:
    card = progress_card(replace(ENDED, state=state))
    assert (card.piece.text, card.keys) == (line, ())


def test_a_task_that_never_began_has_no_duration() -> None:
    never = replace(ENDED, state=TaskState.CANCELLED, started_at=None, steps=0, kind="shell",
                    cost_usd=Decimal(0))  # fmt: skip
    assert progress_card(never).piece.text == "#12 · Cancelled before it began."


def test_the_result_says_what_came_out_and_nothing_of_what_the_line_says() -> None:
    done = replace(ENDED, state=TaskState.DONE, result="All sorted.")
    (piece,) = render(result_markdown(done)).pieces
    assert piece.text == "#12 done · Sort the papers\n\nAll sorted."
    assert "12 s" not in piece.text
    assert "12 s" in result_event(done)


@pytest.mark.parametrize("count", [1, 5, 10, 11, 20, 60])
def test_a_list_of_tasks_fits_into_one_message_however_long_their_texts(count: int) -> None:
    task = replace(TASK, title="t" * 500, progress="p" * 500)
    tasks = [replace(task, no=TaskNo(number)) for number in range(1000, 1000 + count)]
    card = status_card(tasks, now=NOW, trouble="x" * 300)
    assert utf16_len(card.piece.text) <= 4096
    assert all(len(what) <= 64 for row in card.keys for _, what in row)


def test_what_is_being_stopped_is_not_offered_to_be_stopped() -> None:
    stopping = replace(TASK, no=TaskNo(1), cancel_requested_at=NOW)
    card = status_card([stopping, replace(TASK, no=TaskNo(2))], now=NOW)
    labels = [label for row in card.keys for label, _ in row]
    assert labels == ["Cancel #2", "Refresh"]
    assert "stopping" in card.piece.text


def test_the_question_which_one_ends_when_nothing_runs() -> None:
    tasks: list[Task] = [replace(TASK, no=TaskNo(number)) for number in (1, 2)]
    assert [what for row in which_card(tasks).keys for _, what in row] == ["c:1", "c:2", "c:all"]
    assert (which_card([]).piece.text, which_card([]).keys) == ("Nothing is running.", ())
