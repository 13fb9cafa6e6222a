"""Which checks are due, and what comes of answers."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat.cadence import Cadence, Every, cron
from heartbeat.checks import Budget, Check, CheckState, Importance, Quiet
from heartbeat.deciding import (
    Caps,
    Due,
    Load,
    Nothing,
    Notify,
    Start,
    after_answer,
    after_beat,
    after_feedback,
    after_look,
    counted,
    digest_of,
    first_state,
    next_look,
    what_is_due,
)

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
HALF = Every(every=timedelta(minutes=30))
CAPS = Caps()


def check(name: str = "a", **fields: object) -> Check:
    return replace(Check(name=name, line=1, instructions="look", cadence=HALF), **fields)  # type: ignore[arg-type]


def state(name: str = "a", **fields: object) -> CheckState:
    old = first_state(check(name), NOON - timedelta(hours=1))
    return replace(old, **fields)  # type: ignore[arg-type]


def due_at(one: Check, then: CheckState, now: datetime = NOON, load: Load | None = None) -> Due:
    return what_is_due([one], {one.name: then}, now=now, caps=CAPS, load=load or Load())


def test_a_check_is_due_when_its_cadence_has_come_round() -> None:
    assert due_at(check(), state()).checks
    assert not due_at(check(), state(last_run=NOON - timedelta(minutes=29))).checks


def test_a_check_seen_for_the_first_time_is_only_noted() -> None:
    found = what_is_due([check()], {}, now=NOON, caps=CAPS, load=Load())
    assert ([c.name for c in found.fresh], found.checks) == (["a"], ())


def test_quiet_hours_hold_back_all_but_high_importance() -> None:
    quiet = Quiet(start=time(11), end=time(13))
    assert not due_at(check(quiet=quiet), state()).checks
    assert due_at(check(quiet=quiet, importance=Importance.HIGH), state()).checks
    assert due_at(check(quiet=quiet), state(), now=NOON + timedelta(hours=1)).checks


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 1439))
def test_quiet_hours_over_midnight_hold_what_lies_between(start: int, end: int, now: int) -> None:
    def clock(minutes: int) -> time:
        return time(minutes // 60, minutes % 60)

    quiet = Quiet(start=clock(start), end=clock(end))
    at = datetime.combine(NOON.date(), clock(now), UTC)
    inside = (now - start) % 1440 < (end - start) % 1440
    assert quiet.holds(at, "UTC") == inside


def test_busy_times_hold_back_all_but_high_importance() -> None:
    busy = Load(is_busy=True)
    assert not due_at(check(), state(), load=busy).checks
    assert due_at(check(importance=Importance.HIGH), state(), load=busy).checks


def test_the_check_s_own_budget_counts_by_its_own_day() -> None:
    spent = state(day="2026-06-01", calls_today=24)
    assert not due_at(check(), spent).checks
    assert due_at(check(), spent, now=NOON + timedelta(days=1)).checks
    assert not due_at(check(), state(day="2026-06-01", cost_today=Decimal("0.10"))).checks
    assert not due_at(check(budget=Budget(calls=1)), state(day="2026-06-01", calls_today=1)).checks


def test_the_caps_of_the_day_hold_for_every_check() -> None:
    for load in (Load(calls_today=100), Load(cost_today=Decimal("0.5"))):
        found = due_at(check(importance=Importance.HIGH), state(), load=load)
        assert (found.checks, found.is_capped) == ((), True)


def test_a_muted_or_paused_check_keeps_still() -> None:
    assert not due_at(check(), state(muted_until=NOON + timedelta(seconds=1))).checks
    assert due_at(check(), state(muted_until=NOON)).checks
    assert not due_at(check(), state(is_paused=True)).checks


def test_one_beat_takes_a_few_checks_the_important_first() -> None:
    checks = [check(f"c{n}", importance=Importance(n % 3)) for n in range(12)]
    states = {c.name: state(c.name) for c in checks}
    found = what_is_due(checks, states, now=NOON, caps=Caps(per_beat=4), load=Load())
    assert [c.importance for c in found.checks] == [Importance.HIGH] * 4


@pytest.mark.parametrize("cadence", [HALF, cron("0 9 * * *", "Europe/Berlin")])
def test_feedback_stretches_the_cadence_and_takes_it_back(cadence: Cadence) -> None:
    one, before = check(cadence=cadence), state()
    slower = after_feedback(before, "not_now", NOON)
    assert next_look(one, slower) > next_look(one, before)
    assert slower.muted_until == NOON + timedelta(hours=4)
    assert next_look(one, after_feedback(slower, "useful", NOON)) == next_look(one, before)
    for _ in range(9):
        slower = after_feedback(slower, "not_now", NOON)
    assert slower.factor == 8
    never = after_feedback(before, "never", NOON)
    assert not due_at(one, never, now=NOON + timedelta(days=9000)).checks


def test_a_stretched_daily_check_keeps_its_time_of_day() -> None:
    one = check(cadence=cron("0 9 * * *", "UTC"))
    found = next_look(one, state(last_run=NOON, factor=2.0))
    assert found == datetime(2026, 6, 3, 9, tzinfo=UTC)


def test_an_answer_is_said_once_and_never_again() -> None:
    answer = Notify(text="Invoice 7 is overdue.", reason="r")
    act = after_answer(check(), answer, recent=())
    assert (act.kind, act.text, act.why) == ("say", "Invoice 7 is overdue.", "r")
    again = Notify(text="  invoice 7   is OVERDUE! ")
    assert after_answer(check(), again, recent=[act.digest]).kind == "silent"
    other = Notify(text="Invoice 8 is overdue.")
    assert after_answer(check(), other, recent=[act.digest]).kind == "say"


def test_nothing_and_emptiness_stay_silent() -> None:
    for answer in (Nothing(), Notify(text="  "), Start(title="t", instructions=" ")):
        assert after_answer(check(), answer, recent=()).kind == "silent"


def test_a_task_is_started_once() -> None:
    answer = Start(title="", instructions="do it")
    act = after_answer(check(), answer, recent=())
    assert (act.kind, act.text, act.why) == ("start", "do it", "a")
    assert after_answer(check(), answer, recent=[act.digest]).kind == "silent"


@given(st.text(max_size=40))
def test_a_digest_does_not_see_case_spacing_and_the_time_of_day(text: str) -> None:
    assert digest_of(text) == digest_of(f" {text}  ") == digest_of(f"{text} 12:30")


def test_texts_of_signs_only_differ() -> None:
    assert digest_of("!!") != digest_of("??")


def test_states_count_calls_and_money_by_day() -> None:
    one = check()
    called = counted(one, counted(one, state(), NOON), NOON)
    assert called.calls_today == 2
    seen = after_beat(one, called, NOON, look="new", usd=Decimal("0.01"))
    assert (seen.look, seen.last_run, seen.cost_today) == ("new", NOON, Decimal("0.01"))
    assert counted(one, seen, NOON + timedelta(days=1)).calls_today == 1
    assert after_look(one, seen, NOON, look=None).look == "new"
