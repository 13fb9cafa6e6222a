"""Whether a decision counts: every condition by itself, and each edge of the card's time."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.approvals.states import Refusal, judge
from core.approvals.types import (
    Approval,
    ApprovedAction,
    Ask,
    Choice,
    Given,
    Remember,
    State,
    StoredGrant,
    Ticket,
)
from core.policy import Action
from tests.support.values import is_a_plain_value

MADE = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
END = MADE + timedelta(minutes=15)
TICK = timedelta(microseconds=1)
OWNER, CHAT, CARD = 7, 70, 700
CARD_ROW = Approval(
    id=1, nonce="nonce-n", code="code-c", task_no=2, chat_id=CHAT, reason="always_asks", detail="",
    is_production=False, may_remember=True, state=State.PENDING, scope=None, created_at=MADE,
    expires_at=END, decided_at=None, shown=None,
)  # fmt: skip
PRESS = Given(choice=Choice.ONCE, user_id=OWNER, chat_id=CHAT, message_id=CARD, via="button")
TYPED = replace(PRESS, via="command", message_id=None, code="code-c")


def judged(
    approval: Approval = CARD_ROW,
    given: Given = PRESS,
    *,
    owner_id: int | None = OWNER,
    card_id: int | None = CARD,
    now: datetime = MADE,
) -> Refusal | None:
    return judge(approval, given, owner_id=owner_id, card_id=card_id, now=now)


@pytest.mark.parametrize("choice", list(Choice))
@pytest.mark.parametrize("given", [PRESS, TYPED], ids=["pressed", "typed"])
def test_the_owners_decision_on_their_own_card_counts(given: Given, choice: Choice) -> None:
    assert judged(given=replace(given, choice=choice)) is None


@pytest.mark.parametrize("given", [PRESS, TYPED], ids=["pressed", "typed"])
@pytest.mark.parametrize(
    "changes", [{"user_id": OWNER + 1}, {"chat_id": CHAT + 1}, {"user_id": 1, "chat_id": 1}]
)
def test_nobody_else_and_no_other_chat_decides(given: Given, changes: dict[str, int]) -> None:
    assert judged(given=replace(given, **changes)) is Refusal.NOT_OWNER  # type: ignore[arg-type]


def test_without_an_owner_nobody_decides() -> None:
    assert judged(owner_id=None) is Refusal.NOT_OWNER


def test_a_button_counts_only_on_the_message_that_shows_the_card() -> None:
    assert judged(given=replace(PRESS, message_id=CARD + 1)) is Refusal.WRONG_PLACE
    assert judged(given=replace(PRESS, message_id=None)) is Refusal.WRONG_PLACE
    assert judged(card_id=None) is Refusal.WRONG_PLACE
    assert judged(given=replace(PRESS, message_id=None), card_id=None) is Refusal.WRONG_PLACE


def test_a_command_needs_no_card() -> None:
    assert judged(given=TYPED, card_id=None) is None


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (MADE - TICK, Refusal.EXPIRED),
        (MADE, None),
        (END - TICK, None),
        (END, Refusal.EXPIRED),
        (END + TICK, Refusal.EXPIRED),
    ],
)
def test_a_card_is_good_from_its_making_until_just_before_its_end(
    now: datetime, expected: Refusal | None
) -> None:
    assert judged(now=now) is expected


@pytest.mark.parametrize("choice", list(Choice))
@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.APPROVED, Refusal.DECIDED),
        (State.DENIED, Refusal.DECIDED),
        (State.EXPIRED, Refusal.EXPIRED),
        (State.WITHDRAWN, Refusal.WITHDRAWN),
    ],
)
def test_a_card_that_is_closed_stays_closed(
    state: State, expected: Refusal, choice: Choice
) -> None:
    closed = replace(CARD_ROW, state=state)
    assert judged(closed, replace(PRESS, choice=choice)) is expected


def test_what_concerns_production_must_be_typed_but_may_be_denied_by_a_button() -> None:
    grave = replace(CARD_ROW, is_production=True)
    assert judged(grave) is Refusal.NEEDS_CODE
    assert judged(grave, replace(PRESS, choice=Choice.DENY)) is None
    assert judged(grave, TYPED) is None


@pytest.mark.parametrize("code", ["", "code-d", "code-", "code-cc", "CODE-C", "\u0441ode-c"])
def test_a_typed_decision_needs_the_very_code(code: str) -> None:
    assert judged(given=replace(TYPED, code=code)) is Refusal.WRONG_CODE
    assert judged(given=replace(TYPED, code=code, choice=Choice.DENY)) is None


def test_a_decision_carries_no_code_by_itself() -> None:
    assert PRESS.code == ""


@pytest.mark.parametrize("given", [PRESS, TYPED], ids=["pressed", "typed"])
def test_only_what_may_be_remembered_is_approved_for_longer(given: Given) -> None:
    once = replace(CARD_ROW, may_remember=False)
    assert judged(once, given) is None
    for choice in (Choice.TASK, Choice.ALWAYS):
        assert judged(once, replace(given, choice=choice)) is Refusal.ONLY_ONCE
    assert judged(once, replace(given, choice=Choice.DENY)) is None


def stored(*kinds: str) -> tuple[ApprovedAction, ...]:
    return tuple(
        ApprovedAction(digest="d", action=json.dumps({"kind": kind}), display="") for kind in kinds
    )


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [(("access",), True), (("access", "access"), True), (("access", "use"), False),
     (("use", "access"), False), (("use",), False)],
)  # fmt: skip
def test_a_card_is_about_access_when_all_of_it_is(
    kinds: tuple[str, ...], *, expected: bool
) -> None:
    assert replace(CARD_ROW, actions=stored(*kinds)).is_access is expected


def test_neither_the_nonce_nor_the_code_is_shown() -> None:
    assert "nonce-n" not in repr(CARD_ROW)
    assert "code-c" not in repr(CARD_ROW)
    assert "task_no=2" in repr(CARD_ROW)


ACTION = Action(
    task=1, kind="use", resource="r", verb="v", arguments={}, targets=(), files={}, skill="",
    manifest="", config=0,
)  # fmt: skip
VALUES = [
    CARD_ROW, PRESS, Ask(action=ACTION), Remember(kind="host", rule={}), *stored("use"),
    Ticket(approval_id=1, index=0, digest="d"),
    StoredGrant(id=1, task_no=None, skill="s", kind="host", rule={}, created_at=MADE),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_cannot_be_changed_or_given_more_and_names_its_parts(value: object) -> None:
    is_a_plain_value(value)


def test_an_ask_shows_and_remembers_nothing_by_itself() -> None:
    ask = Ask(action=ACTION)
    assert (ask.display, ask.remember) == ("", ())
    assert (stored("use")[0].remember, CARD_ROW.actions) == ((), ())
