from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from core.approvals import Ask, Remember, State
from core.errors import Denied, UserFacing
from core.policy import Action, Effect, EffectKind, Tier
from executors.asking import Wanted
from tests.unit.executors.in_memory import Books

if TYPE_CHECKING:
    from executors.effects import Effects


def wanted(name: str = "a.txt", *, kind: str = "files", **changes: object) -> Wanted:
    action = Action(
        task=7, kind=kind, resource="files", verb="delete", arguments={}, targets=(name,),
        files={}, skill="", manifest="", config=1,
    )  # fmt: skip
    effect = Effect(
        kind=EffectKind.FILES, resource="files", verb="delete", digest=action.digest,
        tier=Tier.DESTRUCTIVE, targets=(name,),
    )  # fmt: skip
    remember = (Remember(kind="scope", rule={"scope": effect.scope}),)
    made = replace(effect, **changes)  # type: ignore[arg-type]
    return Wanted(effect=made, ask=Ask(action=action, remember=remember))


async def refusal(effects: Effects, *wanted: Wanted) -> str:
    with pytest.raises(Denied) as found:
        await effects.permit(wanted, wait_s=0.01)
    return found.value.code


@pytest.mark.parametrize(
    "grave", [wanted(), wanted(tier=Tier.CHANGE, is_production=True)], ids=["deletes", "production"]
)
async def test_what_is_grave_is_never_remembered_whatever_the_ask_says(grave: Wanted) -> None:
    books = Books()
    assert await refusal(books.effects, grave) == "denied_by_owner"
    (card,) = books.owner.asked
    assert not card.may_remember
    assert card.actions[0].remember == ()
    assert card.is_production is grave.effect.is_production


async def test_one_grave_effect_makes_the_whole_card_a_single_yes() -> None:
    books = Books()
    mild = wanted("b.txt", tier=Tier.CHANGE)
    await refusal(books.effects, mild, wanted())
    (card,) = books.owner.asked
    assert not card.may_remember
    assert [action.remember for action in card.actions] == [(), ()]


async def test_a_mild_effect_may_be_remembered() -> None:
    books = Books()
    await refusal(books.effects, wanted(tier=Tier.CHANGE))
    (card,) = books.owner.asked
    assert card.may_remember
    assert len(card.actions[0].remember) == 1


async def test_the_last_card_is_found_again_when_no_other_may_be_asked() -> None:
    books = Books(policy__cards=1)
    books.owner.answer = State.PENDING
    assert await refusal(books.effects, wanted()) == "waiting_for_owner"
    assert await refusal(books.effects, wanted()) == "waiting_for_owner"
    assert await refusal(books.effects, wanted("b.txt")) == "too_many_questions"
    assert books.ledger.kinds() == ["effect.denied"]
    assert len(books.owner.asked) == 1


async def test_cards_that_were_answered_count() -> None:
    books = Books(policy__cards=1)
    assert await refusal(books.effects, wanted()) == "denied_by_owner"
    assert await refusal(books.effects, wanted()) == "too_many_questions"


async def test_what_fails_before_the_effect_uses_up_no_tap() -> None:
    books = Books()
    books.owner.answer = State.APPROVED

    async def fails() -> None:
        raise UserFacing("It is gone.")

    with pytest.raises(UserFacing, match="gone"):
        await books.effects.permit([wanted()], prepare=fails)
    assert books.ledger.lines == []
    assert books.owner.used == set()
    (ticket,) = await books.effects.permit([wanted()])
    assert ticket is not None


async def test_a_tap_is_used_once() -> None:
    books = Books()
    books.owner.answer = State.APPROVED
    (ticket,) = await books.effects.permit([wanted()])
    assert ticket is not None
    books.owner.answer = State.DENIED
    books.effects.wake()
    assert await refusal(books.effects, wanted()) == "denied_by_owner"


async def test_tickets_before_one_that_cannot_be_had_are_closed_as_failed() -> None:
    books = Books()
    books.owner.answer = State.APPROVED
    same = wanted()  # twice on one card, where nobody can use it twice
    with pytest.raises(Denied, match="cannot be used"):
        await books.effects.permit([wanted("b.txt"), same, same])
    ends = [body["outcome"] for kind, body in books.ledger.lines if kind == "effect.outcome"]
    assert ends == ["failed", "failed"]


async def test_what_was_taken_back_while_the_owner_thought_does_not_happen() -> None:
    books = Books()
    books.owner.answer = State.APPROVED
    card_of = books.owner.request

    async def stopped_meanwhile(*args: object, **more: object) -> object:
        books.facts.is_stopped = True
        return await card_of(*args, **more)  # type: ignore[arg-type]

    books.owner.request = stopped_meanwhile  # type: ignore[method-assign,assignment]
    assert await refusal(books.effects, wanted()) == "stopped"
    assert books.owner.used == set()
