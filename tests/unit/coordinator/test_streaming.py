"""A streamed answer: its events, and when the growing text is shown."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.streaming import DraftPace, Events


def test_a_quick_answer_is_never_shown_half() -> None:
    pace = DraftPace()
    assert not pace.is_due(now=100.0)
    assert not pace.is_due(now=100.99)


def test_a_slow_answer_is_shown_after_a_second_and_then_at_telegrams_pace() -> None:
    pace = DraftPace()
    due = [t / 10 for t in range(1000, 1060) if pace.is_due(now=t / 10)]
    assert due == [101.0, 102.5, 104.0, 105.5]


@pytest.mark.parametrize(
    ("stream", "wanted"),
    [
        (b"data: {}\n\n", [b"{}"]),
        (b"data:{}\r\n\r\n", [b"{}"]),
        (b": OPENROUTER PROCESSING\n\ndata: a\n\n", [b"a"]),
        (b"event: x\nid: 7\ndata: a\ndata: b\n\n", [b"a\nb"]),
        (b"data: a\n\ndata: [DONE]\n\ndata: b\n\n", [b"a"]),
        (b"data: not ended yet\n", []),
        ("data: one\u2028line\x85\n\n".encode(), ["one\u2028line\x85".encode()]),
        (b"\n\n\n", []),
    ],
)
def test_events_are_read_from_lines(stream: bytes, wanted: list[bytes]) -> None:
    assert Events().take(stream) == wanted


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_it_does_not_matter_where_the_bytes_are_cut(stream: bytes, cuts: list[int]) -> None:
    whole, cut = Events(), Events()
    places = [0, *sorted(cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(places)]
    assert [e for piece in pieces for e in cut.take(piece)] == whole.take(stream)
    assert cut.is_done == whole.is_done


def test_the_end_is_seen() -> None:
    events = Events()
    events.take(b"data: [DO")
    assert not events.is_done
    events.take(b"NE]\n\n")
    assert events.is_done


def test_a_line_without_an_end_is_refused() -> None:
    events = Events()
    with pytest.raises(ValueError, match="no end"):
        events.take(b"data: " + b"x" * Events.CAP)


def test_an_event_of_lines_without_an_end_is_refused() -> None:
    events, line = Events(), b"data: " + b"x" * 100_000 + b"\n"
    for _ in range(Events.CAP // 100_000 - 1):
        assert events.take(line) == []
    with pytest.raises(ValueError, match="no end"):
        events.take(line)


def test_many_small_events_are_no_long_one() -> None:
    events, event = Events(), b"data: " + b"x" * 100_000 + b"\n\n"
    for _ in range(Events.CAP // 100_000 + 1):
        assert len(events.take(event)) == 1
