"""What the owner sees of what is remembered."""

from datetime import UTC, datetime

import pytest

from bot.memory_cards import NEAREST, NOTHING, SOON, all_of, found_card, memories_card
from coordinator.memory.types import Found, Waiting

AT = datetime(2026, 5, 3, tzinfo=UTC)


def said(text: str, role: str) -> Found:
    return Found(id=1, text=text, role=role, label="owner", at=AT, score=1.0, message_id=4)


def test_what_is_only_near_in_meaning_is_said_to_be_that() -> None:
    found = [said("I like tea", "owner")]
    assert found_card(found).piece.text == "You: I like tea · 03 May 2026"
    assert found_card(found, is_said=False).piece.text.startswith(f"{NEAREST}\n\nYou: I like tea")


def test_the_mark_of_a_passage_in_an_earlier_answer_is_not_shown() -> None:
    answer = found_card([said("Three months [d1], in writing [d22].", "assistant")]).piece.text
    assert answer == "I: Three months, in writing. · 03 May 2026"
    assert "[d1]" in found_card([said("it said [d1]", "owner")]).piece.text


@pytest.mark.parametrize(("count", "told"), [(1, "Your 1 memory"), (2, "All 2 memories")])
def test_an_export_says_how_much_it_holds(count: int, told: str) -> None:
    assert all_of(count) == told


@pytest.mark.parametrize(
    ("to_extract", "failed", "told"),
    [(0, 0, ""), (2, 0, SOON), (2, 1, "2 messages wait to be learnt from")],
)
def test_the_list_says_what_is_still_to_be_learnt(to_extract: int, failed: int, told: str) -> None:
    waiting = Waiting(to_index=0, to_extract=to_extract, to_embed=0, failed=failed)
    text = memories_card((), (), count=0, waiting=waiting).piece.text
    assert text.startswith(NOTHING)
    assert told in text
    assert told or text == NOTHING
