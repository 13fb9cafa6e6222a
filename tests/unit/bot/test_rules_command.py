"""What the owner reads when an order was not kept."""

from bot.rules_command import MISSED_SHOWN, missed_card
from coordinator.standing import TOO_LONG, Missed


def test_what_is_not_kept_is_named_with_the_reason() -> None:
    text = missed_card([Missed(text="never\u202e write", why=TOO_LONG)]).piece.text
    assert text.startswith("Not kept as a standing rule:")
    assert "⟨U+202E⟩" in text
    assert TOO_LONG in text


def test_many_of_them_are_counted() -> None:
    missed = [Missed(text=f"never {n}", why=TOO_LONG) for n in range(MISSED_SHOWN + 2)]
    assert "… and 2 more." in missed_card(missed).piece.text
