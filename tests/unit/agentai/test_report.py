from __future__ import annotations

from agentai.report import Repeats, StartReport, State


def state(name: str, *, ready: bool, text: str = "", sayings: tuple[str, ...] = ()) -> State:
    return State(name=name, is_ready=ready, text=text, sayings=sayings)


def test_each_part_is_told_once_when_it_is_ready() -> None:
    report = StartReport()
    assert report.lines([state("serve", ready=False), state("postgres", ready=True)]) == (
        "  postgres    runs",
    )
    both = [state("serve", ready=True, text="polls as @a"), state("postgres", ready=True)]
    assert report.lines(both) == ("  serve       polls as @a", "ready")
    assert report.lines(both) == ()


def test_a_saying_comes_before_ready_and_only_once() -> None:
    report = StartReport()
    states = [state("serve", ready=True, sayings=("chat: http://x",))]
    assert report.lines(states) == ("  serve       runs", "  chat        http://x", "ready")
    states = [
        state("serve", ready=False, sayings=("chat: http://x", "No engine is there: start it"))
    ]
    assert report.lines(states) == ("No engine is there: start it",)


def test_a_part_does_not_repeat_its_own_name() -> None:
    states = [state("serve", ready=True, text="serve: polling")]
    assert StartReport().lines(states)[0] == "  serve       polling"


def test_the_same_warning_is_shown_once_a_minute() -> None:
    repeats = Repeats(every_s=60)
    assert repeats.is_news("05:24:06 polling waits", 0.0)
    assert not repeats.is_news("05:24:07 polling waits", 1.0)
    assert repeats.is_news("05:24:07 something else", 1.0)
    assert repeats.is_news("05:25:07 polling waits", 61.0)
