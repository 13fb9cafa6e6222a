"""When a proposal is worth it."""

import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skills.proposals import State
from skills.proposals_habits import (
    ALIKE,
    REPEATS,
    DoneTask,
    Earlier,
    Occasion,
    find_occasion,
    likeness,
    tokens_of,
)

REPORT = "Write the weekly sales report from the table {} and list the regions by turnover"
OTHER = "Find a cheap flight from Vienna to Lisbon in {} with one suitcase"


def task(no: int, text: str = REPORT, **more: object) -> DoneTask:
    plain = DoneTask(no=no, instructions=text.format(f"week{no}.csv"), asked=f"m{no}")
    return replace(plain, **more)  # type: ignore[arg-type]


def done(*tasks: DoneTask) -> tuple[DoneTask, ...]:
    return tuple(sorted(tasks, key=lambda t: -t.no))


def found(tasks: tuple[DoneTask, ...], *earlier: Earlier, editable: tuple[str, ...] = ()) -> (
    Occasion | None
):  # fmt: skip
    return find_occasion(tasks, earlier, editable=editable)


def before(occasion: Occasion | None, state: State) -> Earlier:
    assert occasion is not None
    return Earlier(
        kind=occasion.kind, skill=occasion.skill, tokens=occasion.tokens, state=state,
        newest_task=occasion.tasks[0],
    )  # fmt: skip


THREE = done(task(1), task(2), task(3))


def test_three_tasks_of_one_kind_are_a_habit_and_two_are_none() -> None:
    occasion = found(THREE)
    assert occasion is not None
    assert (occasion.kind, occasion.skill, occasion.tasks) == ("new", "", (3, 2, 1))
    assert not occasion.is_corrected
    assert not occasion.is_untrusted
    assert found(THREE[:2]) is None
    assert len(THREE) == REPEATS


@pytest.mark.parametrize(
    ("name", "tasks"),
    [
        ("of two kinds", done(task(1), task(2), task(3, OTHER), task(4, OTHER))),
        ("of one request", done(*(task(n, asked="m1") for n in range(1, 6)))),
        ("with a skill", done(*(task(n, skill="report") for n in range(1, 6)))),
        ("too short to tell", done(*(task(n, "do it") for n in range(1, 6)))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_habit_comes_from_tasks(name: str, tasks: tuple[DoneTask, ...]) -> None:
    assert found(tasks) is None, name


@pytest.mark.parametrize("state", list(State))
def test_what_was_proposed_comes_back_only_when_it_came_to_nothing(state: State) -> None:
    earlier = before(found(THREE), state)
    assert found(THREE, earlier) is None
    two_more = done(*THREE, task(4), task(5))
    assert found(two_more, earlier) is None
    again = found(done(*two_more, task(6)), earlier)
    is_open_again = state in {State.POOR, State.DROPPED, State.STALE}
    assert (again is not None) is is_open_again
    if again is not None:
        assert again.tasks == (6, 5, 4)


def test_a_refused_kind_stays_refused_in_other_words() -> None:
    refused = before(found(THREE), State.REJECTED)
    drifted = "Write the weekly sales report from the table {} and send regions by email, sorted"
    assert found(done(*THREE, *(task(n, drifted) for n in range(4, 9))), refused) is None
    flights = found(done(*THREE, *(task(n, OTHER) for n in range(4, 8))), refused)
    assert flights is not None
    assert {"flight", "lisbon"} <= flights.tokens


def test_one_corrected_task_is_enough() -> None:
    occasion = found(done(task(1, corrections=("Use euros, please.",))))
    assert occasion is not None
    assert (occasion.kind, occasion.tasks, occasion.is_corrected) == ("new", (1,), True)
    rerun = found(done(task(1), task(2, again_of=(1,))))
    assert rerun is not None
    assert rerun.is_corrected
    assert found(done(task(1, OTHER), task(2, again_of=(1,)))) is None
    assert found(done(task(2, again_of=(1,)))) is None


def test_a_corrected_task_of_a_skill_leads_to_an_edit_of_the_owners_own() -> None:
    tasks = done(task(1, skill="report", corrections=("Always list amounts in euros",)))
    occasion = found(tasks, editable=("report",))
    assert occasion is not None
    assert (occasion.kind, occasion.skill) == ("edit", "report")
    assert found(tasks, editable=()) is None
    refused = before(occasion, State.REJECTED)
    assert found(tasks, refused, editable=("report",)) is None
    other = done(*tasks, task(2, skill="report", corrections=("Put the newest month on top",)))
    second = found(other, refused, editable=("report",))
    assert second is not None
    assert second.tasks == (2,)
    assert second.task_kind != occasion.task_kind
    assert found(other, before(occasion, State.OFFERED), editable=("report",)) is None


def test_foreign_text_in_one_task_marks_the_whole_occasion() -> None:
    occasion = found(done(task(1), task(2, is_untrusted=True), task(3)))
    assert occasion is not None
    assert occasion.is_untrusted


words = st.frozensets(st.text(string.ascii_lowercase, min_size=3, max_size=5), max_size=12)


@given(words, words)
def test_likeness_is_symmetric_and_bounded(one: frozenset[str], other: frozenset[str]) -> None:
    assert likeness(one, other) == likeness(other, one)
    assert 0 <= likeness(one, other) <= 1
    assert likeness(one, one) in {0.0, 1.0}


@given(st.text(max_size=300))
def test_tokens_of_anything_are_bounded_words_and_repeat_themselves(text: str) -> None:
    found_words = tokens_of(text)
    assert all(3 <= len(word) <= 120 for word in found_words)
    assert tokens_of(" ".join(sorted(found_words))) <= tokens_of(text.casefold()) | found_words
    assert not tokens_of("12 345,67 2026-01-02")


def test_figures_do_not_make_two_tasks_different() -> None:
    one, other = tokens_of(REPORT.format("week07.csv")), tokens_of(REPORT.format("week31.csv"))
    assert likeness(one, other) == 1.0 > ALIKE
