"""Cadences in plain words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UserFacing
from heartbeat.cadence import Cron
from heartbeat.phrases import describe, read_cadence


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("every Monday at 9", "every Monday at 09:00 (Europe/Berlin)"),
        ("Mondays at 9:05", "every Monday at 09:05 (Europe/Berlin)"),
        ("every Mon and Thu at 9:15 pm", "every Monday and Thursday at 21:15 (Europe/Berlin)"),
        ("on mon, wed and fri at 7", "every Monday, Wednesday, Friday at 07:00 (Europe/Berlin)"),
        ("weekdays at 18:30", "on weekdays at 18:30 (Europe/Berlin)"),
        ("weekends at 12am", "on weekends at 00:00 (Europe/Berlin)"),
        ("on the 1st at 08:00", "on the 1st of every month at 08:00 (Europe/Berlin)"),
        ("every 22nd at noon", "on the 22nd of every month at 12:00 (Europe/Berlin)"),
        ("the last day at 17", "on the last day of every month at 17:00 (Europe/Berlin)"),
        ("daily at 7", "every day at 07:00 (Europe/Berlin)"),
        ("every day at 7.30", "every day at 07:30 (Europe/Berlin)"),
        ("daily", "every day at 09:00 (Europe/Berlin)"),
        ("weekly", "every Monday at 09:00 (Europe/Berlin)"),
        ("monthly at 6", "on the 1st of every month at 06:00 (Europe/Berlin)"),
        ("hourly", "every hour (Europe/Berlin)"),
        ("every hour", "every hour (Europe/Berlin)"),
        ("every 2 hours", "every 2 hours"),
        ("30m", "every 30 minutes"),
        ("every minute", "every minute"),
        ("every two weeks", "every 2 weeks"),
        ("90 minutes", "every 90 minutes"),
        ("0 9 * * 1", "every Monday at 09:00 (Europe/Berlin)"),
        ("*/5 9-17 * * 1-5", "cron */5 9-17 * * 1-5 (Europe/Berlin)"),
        ("5 * * * *", "every hour at minute 5 (Europe/Berlin)"),
    ],
)  # fmt: skip
def test_a_phrase_is_read_and_said_back(text: str, words: str) -> None:
    assert describe(read_cadence(text, "Europe/Berlin")) == words


@pytest.mark.parametrize(
    "text",
    ["", "sometimes", "every", "at 9", "every Monday at 25", "every Monday at 9:75", "on the 32nd",
     "every 0 minutes", "every 13 pm", "monday at 13pm", "every fooday", "tomorrow at 9", "on"],
)  # fmt: skip
def test_what_is_not_understood_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UserFacing) as caught:
        read_cadence(text)
    assert caught.value.hint


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        cadence = read_cadence(text)
    except UserFacing:
        return
    assert describe(cadence)


@given(st.integers(0, 59), st.integers(0, 23), st.sampled_from(["*", "1", "1-5", "0,6", "2,4"]))
def test_what_is_said_back_of_a_cron_is_read_as_the_same(minute: int, hour: int, day: str) -> None:
    cadence = Cron(expression=f"{minute} {hour} * * {day}", zone="UTC")
    words = describe(cadence).removesuffix(" (UTC)")
    assert read_cadence(words) == cadence
