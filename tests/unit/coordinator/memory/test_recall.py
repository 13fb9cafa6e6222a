"""What comes to mind is bounded, framed and about the message."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.memory.recall import about, excerpt, holds, line_of, packed, worth_it
from coordinator.memory.types import Found, Label, MemoryId

AT = datetime(2026, 5, 3, tzinfo=UTC)


def found(
    text: str = "My sister is Anna", *, label: Label = "owner", coverage: float = 1.0,
    nearness: float = 0.0, memory: int | None = 1, role: str = "owner",
) -> Found:  # fmt: skip
    return Found(
        id=1, text=text, role=role, label=label, at=AT, score=1.0, coverage=coverage,
        nearness=nearness, memory_id=MemoryId(memory) if memory else None,
        layer="fact" if memory else None,
    )  # fmt: skip


def test_a_line_says_when_and_whose() -> None:
    assert line_of(found()) == "- 2026-05-03 fact: My sister is Anna"
    assert line_of(found("Paris it is", memory=None, role="assistant")).endswith(
        "you said: Paris it is"
    )


def test_what_is_only_the_best_of_nothing_does_not_come_to_mind() -> None:
    assert not worth_it(found(coverage=0.1, nearness=0.8), near=0.85)
    assert worth_it(found(coverage=0.1, nearness=0.9), near=0.85)
    assert worth_it(found(coverage=0.4), near=0.85)


def test_what_others_wrote_never_comes_to_mind_by_itself() -> None:
    assert not worth_it(found(label="untrusted"), near=0.0)


def test_without_room_there_is_nothing() -> None:
    assert packed([found()], budget=100) == ""


@given(st.lists(st.builds(found, st.text(max_size=600)), max_size=20), st.integers(0, 3_000))
def test_the_block_never_exceeds_its_budget(items: list[Found], budget: int) -> None:
    assert len(packed(items, budget=budget).encode()) <= budget


def test_of_a_long_message_what_was_asked_about_is_shown() -> None:
    filler = "weather garden meeting " * 40
    said = f"{filler}The locker of my sister has the code quixotic. {filler}"
    line = line_of(found(said), "what is the code of my sister's locker?")
    assert "quixotic" in line
    assert len(line) < 300
    assert "…" in line


@given(st.text(max_size=900), st.text(max_size=60), st.integers(20, 400))
def test_an_excerpt_is_short_and_stands_in_the_text(text: str, query: str, cap: int) -> None:
    cut = excerpt(text, query, cap)
    assert len(cut) <= cap
    if len(text) <= cap:
        assert cut == text
    else:
        assert cut.removeprefix("…").removesuffix("…") in text


def test_a_search_leaves_out_what_only_fills_the_list() -> None:
    fits, near = found(coverage=0.9), found(nearness=0.9)
    noise = [found(coverage=0.1, nearness=0.8)] * 6
    assert about([fits, *noise, near], near=0.85) == [fits, near]


def test_a_search_without_a_fit_shows_the_nearest_few() -> None:
    noise = [found(coverage=0.1, nearness=0.8)] * 6
    assert about(noise, near=0.85) == noise[:3]


@pytest.mark.parametrize(
    ("text", "words", "is_held"),
    [
        ("My sister Anna lives in Lisbon.", "Anna", True),
        ("My sister Anna lives in Lisbon.", "sisters", True),
        ("I am allergic to peanuts.", "Anna", False),
        ("Got it.", "Anna", False),
        ("the bins go out on Friday", "binns", True),
        ("the code is 4711", "4711", True),
        ("Bob came by", "Bob", True),
        ("Tom came by", "Bob", False),
        ("我的姐姐住在里斯本", "姐姐", True),
        ("", "Anna", False),
    ],
)
def test_only_what_holds_a_word_itself_is_called_so(text: str, words: str, is_held: bool) -> None:
    assert holds(text, words) is is_held
