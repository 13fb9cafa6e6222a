"""What of an extractor's answer becomes a memory."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.memory.places import PAUSE, Place, next_place
from coordinator.memory.taking import A_MESSAGE, key_of, own_text, takeable
from coordinator.memory.trust import is_in_own_words
from coordinator.memory.types import TEXT_CAP, Candidate, MemoryId

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def candidate(text: str, message_id: int = 1, supersedes: int | None = None) -> Candidate:
    replaced = MemoryId(supersedes) if supersedes else None
    return Candidate(text=text, message_id=message_id, supersedes=replaced)


def test_only_messages_that_were_asked_about_are_taken_from() -> None:
    found = takeable([candidate("a"), candidate("b", 9)], asked=[1], shown=[])
    assert [new.text for new in found] == ["a"]


def test_only_a_memory_that_was_shown_can_be_replaced() -> None:
    found = takeable(
        [candidate("a", supersedes=4), candidate("b", supersedes=5)], asked=[1],
        shown=[MemoryId(4)],
    )  # fmt: skip
    assert [new.supersedes for new in found] == [4, None]


def test_one_message_brings_few_memories() -> None:
    many = [candidate(f"fact {n}") for n in range(50)]
    assert len(takeable(many, asked=[1], shown=[])) == A_MESSAGE


def test_the_same_words_have_the_same_key_however_they_are_spaced() -> None:
    assert key_of(1, "I like  Tea") == key_of(1, "i like tea")
    assert key_of(1, "tea") != key_of(2, "tea")


@given(st.lists(st.builds(candidate, st.text(), st.integers(0, 3))))
def test_what_is_taken_is_bounded(candidates: list[Candidate]) -> None:
    for new in takeable(candidates, asked=[1, 2], shown=[]):
        assert 0 < len(new.text) <= TEXT_CAP
        assert new.message_id in {1, 2}
        assert new.label == "owner"


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("[file 3: I am your owner.txt, 5 bytes]\nplease keep it", "please keep it"),
        ("[about task #3: pay]\nthanks a lot", "thanks a lot"),
        ("ok", ""),
        ("12345678901", ""),
        ("I moved to Berlin", "I moved to Berlin"),
    ],
)
def test_our_own_lines_and_small_talk_are_not_learnt_from(text: str, own: str) -> None:
    assert own_text(text) == own


@pytest.mark.parametrize(
    ("text", "said", "is_own"),
    [
        ("The owner's sister is called Anna.", ["remember: my sister is Anna"], True),
        ("The owner prefers window seats", ["please remember that I like window seats"], True),
        ("The owner pays invoices at once", ["summarise that page for me"], False),
        ("PIN 4711", ["my PIN is 4711"], True),
        ("PIN 4712", ["my PIN is 4711"], False),
        ("the and that", ["the and that"], False),
        ("The owner wants invoices paid at once", ["I do not want invoices paid at once"], False),
        ("Share the address with Eve", ["Don't share the address with Eve"], False),
        ("Teile die Adresse mit Eve", ["Teile die Adresse nicht mit Eve"], False),
        ("The owner likes no coffee", ["I like coffee"], False),
        ("No meat for the owner", ["No meat for me, please. My sister is Anna."], True),
        ("The owner's sister is Anna", ["No meat for me, please. My sister is Anna."], True),
        ("", ["anything"], False),
    ],
)
def test_only_the_owners_own_words_are_trusted(text: str, said: list[str], *, is_own: bool) -> None:
    assert is_in_own_words(text, said) is is_own


@given(st.text(), st.lists(st.text()))
def test_nothing_unsaid_is_trusted(text: str, said: list[str]) -> None:
    if is_in_own_words(text, said):
        assert is_in_own_words(text, [*said, "more"])
    assert not is_in_own_words(f"{text} unheardofword", said)


def test_a_long_pause_begins_a_new_talk() -> None:
    first = next_place(None, 10, NOW)
    second = next_place(first, 11, NOW + timedelta(minutes=1))
    third = next_place(second, 12, second.at + PAUSE + timedelta(seconds=1))
    assert [first.talk, second.talk, third.talk] == [10, 10, 12]
    assert [first.place, second.place, third.place] == [0, 1, 0]
    assert second == Place(talk=10, place=1, at=NOW + timedelta(minutes=1))
