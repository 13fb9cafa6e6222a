"""Telegram's pace."""

from bot.pacing import BURST, CAREFUL_FOR_S, RATE, Pacer


def sent_within(pacer: Pacer, *, start: float, seconds: float) -> int:
    now, count = start, 0
    while True:
        now += pacer.wait_s(1, now=now)
        if now > start + seconds:
            return count
        pacer.take(1, now=now)
        count += 1


def test_a_burst_goes_at_once_and_then_at_the_rate_of_all_chats() -> None:
    count = sent_within(Pacer(), start=100.0, seconds=10.0)
    assert BURST + 10 * RATE - 2 <= count <= BURST + 10 * RATE + 2


def test_when_telegram_asks_for_silence_there_is_silence_and_then_care() -> None:
    pacer = Pacer()
    pacer.pause(1, 5.0, now=100.0)
    assert pacer.wait_s(1, now=100.0) == 5.0
    assert sent_within(pacer, start=105.0, seconds=20.0) <= 22
    assert pacer.wait_s(2, now=100.0) == 0.0


def test_care_ends() -> None:
    pacer = Pacer()
    pacer.pause(1, 5.0, now=100.0)
    assert sent_within(pacer, start=105.1 + CAREFUL_FOR_S, seconds=1.0) >= BURST
