from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentai.health import (
    LONGEST_DELAY_S,
    LONGEST_LINE,
    Beat,
    Verdict,
    Vitals,
    Word,
    beaten,
    delay_s,
    ended,
    judge,
    read_beats,
    started,
)

NEVER = Vitals()
RUNS = started(NEVER, 100.0)
BEATS = beaten(RUNS, 110.0)
REFUSED = ended(RUNS, 101.0, code=2)
CRASHED = ended(RUNS, 101.0, code=1)


@pytest.mark.parametrize(
    ("vitals", "now", "beats", "verdict"),
    [
        (NEVER, 0.0, True, Verdict.START),
        (NEVER, 0.0, False, Verdict.START),
        (RUNS, 130.0, True, Verdict.LEAVE),
        (RUNS, 161.0, True, Verdict.KILL),
        (RUNS, 10_000.0, False, Verdict.LEAVE),
        (BEATS, 115.0, True, Verdict.LEAVE),
        (BEATS, 115.1, True, Verdict.KILL),
        (CRASHED, 101.1, True, Verdict.LEAVE),
        (CRASHED, 101.2, True, Verdict.START),
        (REFUSED, 101.0, True, Verdict.GIVE_UP),
        (REFUSED, 101.0, False, Verdict.LEAVE),
        (REFUSED, 102.0, False, Verdict.START),
    ],
)
def test_a_part_is_judged_by_its_life_signs(
    vitals: Vitals, now: float, beats: bool, verdict: Verdict
) -> None:
    assert judge(now, vitals, beats=beats) is verdict


@pytest.mark.parametrize(
    ("failures", "delay"), [(0, 0.2), (1, 0.4), (2, 0.8), (7, 25.6), (8, 30.0), (10_000, 30.0)]
)
def test_the_delay_doubles_up_to_half_a_minute(failures: int, delay: float) -> None:
    assert delay_s(failures) == pytest.approx(delay)


def test_a_minute_of_health_clears_the_record() -> None:
    vitals = NEVER
    for _ in range(6):
        vitals = ended(started(vitals, 0.0), 1.0, code=1)
    assert vitals.failures == 6
    healed = ended(started(vitals, 0.0), 60.0, code=1)
    assert healed.failures == 1
    assert healed.start_at == pytest.approx(60.2)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20))
def test_a_part_that_ended_is_always_started_again(runs: list[float]) -> None:
    vitals, now = NEVER, 0.0
    for ran_s in runs:
        now += ran_s
        vitals = ended(started(vitals, now - ran_s), now, code=1)
        assert judge(now + LONGEST_DELAY_S, vitals, beats=True) is Verdict.START
        now = vitals.start_at


@pytest.mark.parametrize(
    ("text", "beats", "rest"),
    [
        (b"alive\n", (Beat(word=Word.ALIVE),), b""),
        (b"alive\nali", (Beat(word=Word.ALIVE),), b"ali"),
        (b"ready polls as @bot\n", (Beat(word=Word.READY, text="polls as @bot"),), b""),
        (b"say \xe2\x86\x92 x\x1b[0m\n", (Beat(word=Word.SAY, text="→ x [0m"),), b""),
        (b"nonsense\n\nalive?\n", (), b""),
        (b"x" * (LONGEST_LINE + 1), (), b""),
    ],
)
def test_lines_from_a_part_are_read(text: bytes, beats: tuple[Beat, ...], rest: bytes) -> None:
    assert read_beats(text) == (beats, rest)


@given(st.binary(max_size=300))
def test_any_bytes_from_a_part_do_no_harm(noise: bytes) -> None:
    beats, rest = read_beats(noise + b"\nalive\n")
    assert beats[-1] == Beat(word=Word.ALIVE)
    assert rest == b""
    assert all(beat.text.isprintable() for beat in beats)
