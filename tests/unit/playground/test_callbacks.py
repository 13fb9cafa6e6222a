"""Presses wait for one answer, and not for ever."""

from __future__ import annotations

import pytest

from playground.callbacks import LIVES_S, Callbacks
from playground.validation import ApiError


def test_a_press_is_answered_once() -> None:
    callbacks = Callbacks()
    first, second = callbacks.open(5), callbacks.open(6)
    assert (callbacks.answer(second), callbacks.answer(first)) == (6, 5)
    for unknown in (first, "", "nonsense"):
        with pytest.raises(ApiError, match="query is too old"):
            callbacks.answer(unknown)


@pytest.mark.parametrize(("age_s", "is_open"), [(0, True), (LIVES_S, True), (150.001, False)])
def test_a_press_lives_150_seconds(age_s: float, is_open: bool) -> None:
    now = 1000.0
    callbacks = Callbacks()
    callbacks.clock = lambda: now
    press = callbacks.open(5)
    now += age_s
    if is_open:
        assert callbacks.answer(press) == 5
    else:
        with pytest.raises(ApiError, match="query is too old"):
            callbacks.answer(press)


def test_presses_nobody_answers_are_forgotten() -> None:
    now = 0.0
    callbacks = Callbacks()
    callbacks.clock = lambda: now
    for _ in range(100):
        callbacks.open(1)
        now += LIVES_S / 10
    assert len(callbacks._open) <= 12
