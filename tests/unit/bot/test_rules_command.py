"""What the owner reads when an order was not kept."""

from datetime import UTC, datetime

from bot.rules_command import MISSED_SHOWN, missed_card, rules_card
from coordinator.standing import TOO_LONG, Missed, Rule
from core.policy import Hold


def rule(number: int) -> Rule:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Rule(no=number, text=f"always say {number}", hold=Hold.NONE, created_at=at)


def test_what_is_not_kept_is_named_with_the_reason() -> None:
    text = missed_card([Missed(text="never\u202e write", why=TOO_LONG)]).piece.text
    assert text.startswith("Not kept as a standing rule:")
    assert "⟨U+202E⟩" in text
    assert TOO_LONG in text


def test_many_of_them_are_counted() -> None:
    missed = [Missed(text=f"never {n}", why=TOO_LONG) for n in range(MISSED_SHOWN + 2)]
    assert "… and 2 more." in missed_card(missed).piece.text


def test_every_rule_in_the_list_has_its_button_some_in_a_line() -> None:
    rules = tuple(rule(number) for number in range(1, 25))
    keys = rules_card(rules).keys
    assert [what for row in keys for _, what in row] == [f"n:{rule.no}" for rule in rules]
    assert max(len(row) for row in keys) <= 4
