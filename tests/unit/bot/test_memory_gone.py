"""What the owner reads after /forget: what went, what could not, and never the words."""

import pytest

from bot.memory_gone import gone_text
from coordinator.forgetting.store import Reached


@pytest.mark.parametrize(
    ("reached", "says"),
    [
        (Reached(), "What stands in this chat stays there"),
        (Reached(), "The last traces go within a minute."),
        (Reached(tasks=(12,)), "/cancel 12 stops it"),
        (Reached(kept=(("rule 3", "/rules lift 3"),)), "they stay: rule 3 (/rules lift 3)."),
        (Reached(shown=(5,)), "younger than two days"),
    ],
)
def test_the_answer_says_what_it_reached_and_what_it_did_not(reached: Reached, says: str) -> None:
    text = gone_text(reached)
    assert text.startswith("Forgotten.")
    assert says in text
