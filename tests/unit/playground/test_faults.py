"""Planned faults and flood control."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from playground.faults import ALL_BURST, ALL_PER_S, CHAT_BURST, CHAT_PER_S, Faults, FloodControl


def test_faults_befall_their_method_in_order_and_as_often_as_planned() -> None:
    faults = Faults()
    faults.add("sendMessage", "500", count=2)
    faults.add("*", "502")
    taken = [faults.take(method) for method in ("getMe", "sendMessage", "sendMessage", "getMe")]
    assert [fault and fault.kind for fault in taken] == ["502", "500", "500", None]


def test_clearing_forgets_all() -> None:
    faults = Faults()
    faults.add("*", "hang", seconds=9)
    faults.flood_control = True
    faults.clear()
    assert faults.take("getMe") is None
    assert faults.flood("sendMessage", 1, 0.0) is None


def test_flood_control_counts_sends_and_edits_only() -> None:
    faults = Faults()
    faults.flood_control = True
    for method in ("getUpdates", "sendChatAction", "answerCallbackQuery"):
        assert all(faults.flood(method, 1, 0.0) is None for _ in range(99))
    sent = [faults.flood("editMessageText", 1, 0.0) for _ in range(CHAT_BURST + 1)]
    assert sent[:-1] == [None] * CHAT_BURST
    assert sent[-1] is not None
    assert sent[-1].retry_after == 1


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 2)), max_size=80),
)
def test_no_window_ever_holds_more_than_the_rate_allows(calls: list[tuple[str, float]]) -> None:
    flood, now = FloodControl(), 1000.0
    passed: list[tuple[str, float]] = []
    for chat, pause in calls:
        now += pause
        wait = flood.wait_s(chat, now)
        if wait == 0:
            passed.append((chat, now))
        else:
            assert FloodControl.wait_s(flood, chat, now) > 0
    for index, (chat, start) in enumerate(passed):
        later = [(c, at) for c, at in passed[index:]]
        for count, (_, at) in enumerate([one for one in later if one[0] == chat], 1):
            assert count <= (at - start) * CHAT_PER_S + CHAT_BURST + 1e-3
        for count, (_, at) in enumerate(later, 1):
            assert count <= (at - start) * ALL_PER_S + ALL_BURST + 1e-3


@given(st.integers(1, 40))
def test_waiting_as_long_as_told_is_enough(burst: int) -> None:
    flood = FloodControl()
    while (wait := flood.wait_s("a", 0.0)) == 0:
        burst -= 1
    assert flood.wait_s("a", wait) == 0
