"""The values of the kernel: what they are when nobody says, and that they cannot be changed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.policy import (
    Action,
    Budget,
    Context,
    Decision,
    Effect,
    EffectKind,
    Grant,
    HostRule,
    Label,
    Origin,
    Reason,
    SecretRule,
    Spent,
    Tier,
    VerbRule,
    Verdict,
    explain,
)
from core.policy.reasons import _TEXTS
from tests.support.values import is_a_plain_value

BUDGET, SPENT, EMPTY = Budget(), Spent(), Grant()
EFFECT = Effect(kind=EffectKind.USE, resource="r", verb="v", tier=Tier.READ, digest="d")
CONTEXT = Context(manifest=EMPTY, owner=EMPTY, ceiling=EMPTY)
ACTION = Action(
    task=1, kind="use", resource="r", verb="v", arguments={}, targets=(), files={}, skill="",
    manifest="", config=0,
)  # fmt: skip
VALUES = [
    BUDGET, SPENT, EMPTY, EFFECT, CONTEXT, ACTION, HostRule(host="a"),
    SecretRule(name="a", host="b"), VerbRule(integration="a", verbs=()),
    Verdict(decision=Decision.ASK, code=Reason.READ),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_cannot_be_changed_or_given_more_and_names_its_parts(value: object) -> None:
    is_a_plain_value(value)


def test_a_task_without_a_budget_of_its_own_has_modest_limits() -> None:
    assert (BUDGET.calls, BUDGET.bytes_out, BUDGET.fan_out) == (1_000, 52_428_800, 20)
    assert (BUDGET.cost, BUDGET.seconds, BUDGET.cards) == (Decimal(5), 86_400, 10)


def test_a_task_that_did_nothing_has_spent_nothing() -> None:
    assert (SPENT.calls, SPENT.bytes_out, SPENT.destinations) == (0, 0, frozenset())
    assert (SPENT.cost, SPENT.seconds, SPENT.cards) == (Decimal(0), 0, 0)


def test_an_effect_is_harmless_only_where_it_says_so() -> None:
    assert (EFFECT.path, EFFECT.destinations, EFFECT.targets) == ("", (), ())
    assert (EFFECT.content, EFFECT.secrets, EFFECT.bytes_out) == ((), (), 0)
    assert (EFFECT.cost, EFFECT.is_new, EFFECT.is_production) == (Decimal(0), False, False)
    assert EFFECT.scope == "use:r:v"


def test_a_context_of_which_nothing_is_known_lends_nothing() -> None:
    assert (CONTEXT.origin, CONTEXT.labels) == (Origin.OWNER, frozenset({Label.OWNER}))
    assert (CONTEXT.words, CONTEXT.fields, CONTEXT.approved) == ((), {}, frozenset())
    assert (CONTEXT.plan, CONTEXT.scopes, CONTEXT.spent) == (None, frozenset(), SPENT)
    assert (CONTEXT.is_stopped, CONTEXT.may_ask) == (False, True)
    assert CONTEXT.hold == "none"


def test_every_reason_is_explained_in_a_plain_sentence() -> None:
    assert set(_TEXTS) == set(Reason)
    assert all(explain(reason)[:4] in {"The ", "You ", "This", "It o", "It i", "It a", "Dele",
                                       "Ever", "A gr"} for reason in Reason)  # fmt: skip
