"""Which of the owner's messages a memory is said to come from."""

from datetime import UTC, datetime

import pytest

from coordinator.extracting import candidates
from coordinator.memory.types import Words

SAID = tuple(
    Words(message_id=number, text=text, at=datetime(2026, 5, 3, tzinfo=UTC))
    for number, text in enumerate(
        ("My brother Tom plays chess.", "My sister Anna lives in Lisbon.", "Ich trinke gern Tee."),
        start=10,
    )
)


@pytest.mark.parametrize(
    ("text", "named", "origin"),
    [
        ("Sister Anna lives in Lisbon", 1, 11),
        ("Sister Anna lives in Lisbon", 0, 11),  # the model has mixed them up
        ("Brother Tom plays chess", 2, 10),
        ("Likes a hot drink", 2, 12),  # no word is shared: the model is believed
        ("", 1, 11),
    ],
)
def test_a_memory_comes_from_the_message_that_says_it(text: str, named: int, origin: int) -> None:
    fact = {"text": text, "action": "add", "supersedes": [], "layer": "fact", "said": named}
    (candidate,) = candidates([fact], SAID)
    assert candidate.message_id == origin
