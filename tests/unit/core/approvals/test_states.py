"""Whether a decision counts: every branch as a row, and what must hold for all decisions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.approvals import Approval, Choice, Given, Refusal, State, judge

OWNER, CARD = 7, 70
MADE = datetime(2026, 1, 1, tzinfo=UTC)
ENDS = MADE + timedelta(minutes=15)
NOW = MADE + timedelta(minutes=1)
APPROVAL = Approval(
    id=1, nonce="n", code="abc234", task_no=3, chat_id=OWNER, reason="always_asks", detail="",
    is_production=False, may_remember=False, state=State.PENDING, scope=None, created_at=MADE,
    expires_at=ENDS, decided_at=None, shown=None,
)  # fmt: skip
TAP = Given(choice=Choice.ONCE, user_id=OWNER, chat_id=OWNER, message_id=CARD, via="button")
TYPED = replace(TAP, via="command", message_id=5, code="abc234")
NO = replace(TAP, choice=Choice.DENY)
PRODUCTION = replace(APPROVAL, is_production=True)
WIDE = replace(APPROVAL, may_remember=True)


def of(
    approval: Approval,
    decision: Given,
    *,
    owner_id: int | None = OWNER,
    card_id: int | None = CARD,
    now: datetime = NOW,
) -> Refusal | None:
    return judge(approval, decision, owner_id=owner_id, card_id=card_id, now=now)


@pytest.mark.parametrize(
    ("approval", "decision", "expected"),
    [
        (APPROVAL, TAP, None),
        (APPROVAL, NO, None),
        (APPROVAL, TYPED, None),
        (APPROVAL, replace(TAP, user_id=8), Refusal.NOT_OWNER),
        (APPROVAL, replace(TYPED, user_id=8), Refusal.NOT_OWNER),
        (APPROVAL, replace(NO, user_id=8), Refusal.NOT_OWNER),
        (APPROVAL, replace(TAP, chat_id=-100), Refusal.NOT_OWNER),
        (replace(APPROVAL, chat_id=9), TAP, Refusal.NOT_OWNER),
        (APPROVAL, replace(TAP, message_id=71), Refusal.WRONG_PLACE),
        (APPROVAL, replace(TAP, message_id=None), Refusal.WRONG_PLACE),
        (APPROVAL, replace(NO, message_id=71), Refusal.WRONG_PLACE),
        (replace(APPROVAL, state=State.APPROVED), TAP, Refusal.DECIDED),
        (replace(APPROVAL, state=State.DENIED), TAP, Refusal.DECIDED),
        (replace(APPROVAL, state=State.APPROVED), NO, Refusal.DECIDED),
        (replace(APPROVAL, state=State.EXPIRED), TYPED, Refusal.EXPIRED),
        (replace(APPROVAL, state=State.WITHDRAWN), TYPED, Refusal.WITHDRAWN),
        (PRODUCTION, TAP, Refusal.NEEDS_CODE),
        (PRODUCTION, NO, None),
        (PRODUCTION, TYPED, None),
        (PRODUCTION, replace(TYPED, code=""), Refusal.WRONG_CODE),
        (APPROVAL, replace(TYPED, code="abc235"), Refusal.WRONG_CODE),
        (APPROVAL, replace(TYPED, code="abc234 "), Refusal.WRONG_CODE),
        (APPROVAL, replace(TYPED, code="\u0430bc234"), Refusal.WRONG_CODE),
        (APPROVAL, replace(TYPED, choice=Choice.DENY, code=""), None),
        (APPROVAL, replace(TAP, choice=Choice.TASK), Refusal.ONLY_ONCE),
        (APPROVAL, replace(TAP, choice=Choice.ALWAYS), Refusal.ONLY_ONCE),
        (WIDE, replace(TAP, choice=Choice.TASK), None),
        (WIDE, replace(TAP, choice=Choice.ALWAYS), None),
        (WIDE, TAP, None),
    ],
)
def test_a_decision_is_judged(
    approval: Approval, decision: Given, expected: Refusal | None
) -> None:
    assert of(approval, decision) is expected


def test_nobody_decides_before_the_bot_has_an_owner() -> None:
    assert of(APPROVAL, TAP, owner_id=None) is Refusal.NOT_OWNER


def test_a_card_that_never_arrived_has_no_buttons() -> None:
    assert of(APPROVAL, TAP, card_id=None) is Refusal.WRONG_PLACE
    assert of(APPROVAL, replace(TAP, message_id=None), card_id=None) is Refusal.WRONG_PLACE
    assert of(APPROVAL, TYPED, card_id=None) is None


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (MADE - timedelta(microseconds=1), Refusal.EXPIRED),
        (MADE, None),
        (ENDS - timedelta(microseconds=1), None),
        (ENDS, Refusal.EXPIRED),
        (ENDS + timedelta(days=1), Refusal.EXPIRED),
    ],
)
@pytest.mark.parametrize("decision", [TAP, NO, TYPED])
def test_a_card_is_good_from_when_it_was_made_until_it_ends(
    now: datetime, expected: Refusal | None, decision: Given
) -> None:
    assert of(APPROVAL, decision, now=now) is expected


@given(
    approval=st.builds(
        replace, st.just(APPROVAL), is_production=st.booleans(), may_remember=st.booleans(),
        state=st.sampled_from(State),
    ),
    decision=st.builds(
        Given, choice=st.sampled_from(Choice), user_id=st.sampled_from([OWNER, 8]),
        chat_id=st.sampled_from([OWNER, 8]), message_id=st.sampled_from([CARD, 71, None]),
        via=st.sampled_from(["button", "command"]),
        code=st.one_of(st.just("abc234"), st.text(max_size=8)),
    ),
    owner_id=st.sampled_from([OWNER, 8, None]), card_id=st.sampled_from([CARD, 71, None]),
    now=st.sampled_from([MADE - timedelta(1), NOW, ENDS]),
)  # fmt: skip
def test_a_yes_has_the_owner_the_place_the_time_and_the_code(
    approval: Approval, decision: Given, owner_id: int | None, card_id: int | None, now: datetime
) -> None:
    if of(approval, decision, owner_id=owner_id, card_id=card_id, now=now) is not None:
        return
    assert decision.user_id == owner_id
    assert decision.chat_id == approval.chat_id
    assert approval.state is State.PENDING
    assert now == NOW
    if decision.via == "button":
        assert decision.message_id == card_id is not None
    if decision.choice is not Choice.DENY:
        assert decision.code == approval.code or decision.via == "button"
        assert not (decision.via == "button" and approval.is_production)
        assert approval.may_remember or decision.choice is Choice.ONCE
        assert not approval.is_production or decision.choice is Choice.ONCE


def test_every_refusal_is_a_sentence() -> None:
    assert all(one.value.endswith(".") and len(one.value) < 100 for one in Refusal)
