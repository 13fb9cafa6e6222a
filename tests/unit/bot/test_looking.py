"""Words to a task that only ask to see its browser."""

import pytest

from bot.looking import wants_look


@pytest.mark.parametrize(
    "text",
    [
        "show me", "Show me!", "please show me the page", "let me see", "could you show me it now?",
        "what do you see?", "show me what you see", "look", "/look", "show me, please.",
        "ok, show me\nthe browser", "what does the page look like now?",
    ],
)  # fmt: skip
def test_a_wish_to_see_is_one(text: str) -> None:
    assert wants_look(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "show me the cheapest flight", "look for a blue one", "what do you see in the table?",
        "let me see the prices first", "don't show me", "show", "the page", "show me it and buy it",
    ],
)  # fmt: skip
def test_work_for_the_task_is_not_taken_for_it(text: str) -> None:
    assert not wants_look(text)
