"""When a growing answer is shown."""

from coordinator.streaming import DraftPace


def test_a_quick_answer_is_never_shown_half() -> None:
    pace = DraftPace()
    assert not pace.is_due(now=100.0)
    assert not pace.is_due(now=100.99)


def test_a_slow_answer_is_shown_after_a_second_and_then_at_telegrams_pace() -> None:
    pace = DraftPace()
    due = [t / 10 for t in range(1000, 1060) if pace.is_due(now=t / 10)]
    assert due == [101.0, 102.5, 104.0, 105.5]
