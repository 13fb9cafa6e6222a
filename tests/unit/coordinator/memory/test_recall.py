"""What comes to mind is bounded, framed and about the message."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from coordinator.memory.recall import line_of, packed, worth_it
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
