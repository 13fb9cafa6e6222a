"""Who gets in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.gate import Claim, admits, digest_of, may_claim
from bot.updates import Sender

OWNER = Sender(user_id=7, chat_id=7, is_private=True, is_bot=False)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLAIM = Claim(digest=digest_of("token"), expires_at=NOW + timedelta(minutes=15))
IDS = st.integers(-(2**52), 2**52)


def test_the_owner_gets_in() -> None:
    assert admits(OWNER, 7)


@pytest.mark.parametrize(
    "change",
    [{"user_id": 8}, {"chat_id": -100}, {"is_private": False}, {"is_bot": True}],
)
def test_nobody_else_and_nowhere_else(change: dict[str, int]) -> None:
    assert not admits(replace(OWNER, **change), 7)


@given(st.builds(Sender, user_id=IDS, chat_id=IDS, is_private=st.booleans(), is_bot=st.booleans()))
def test_before_the_claim_nobody_gets_in(sender: Sender) -> None:
    assert not admits(sender, None)


def test_the_holder_of_the_link_becomes_the_owner() -> None:
    assert may_claim(OWNER, "token", owner_id=None, claim=CLAIM, now=NOW)


@pytest.mark.parametrize(
    ("sender", "token", "owner_id", "claim", "now"),
    [
        (OWNER, "other", None, CLAIM, NOW),
        (OWNER, "", None, CLAIM, NOW),
        (OWNER, "tokén\ud800", None, CLAIM, NOW),
        (OWNER, "token", 7, CLAIM, NOW),
        (OWNER, "token", None, None, NOW),
        (OWNER, "token", None, CLAIM, CLAIM.expires_at),
        (replace(OWNER, is_private=False), "token", None, CLAIM, NOW),
        (replace(OWNER, is_bot=True), "token", None, CLAIM, NOW),
        (replace(OWNER, chat_id=8), "token", None, CLAIM, NOW),
    ],
)
def test_without_a_valid_link_nobody_does(
    sender: Sender, token: str, owner_id: int | None, claim: Claim | None, now: datetime
) -> None:
    assert not may_claim(sender, token, owner_id=owner_id, claim=claim, now=now)
