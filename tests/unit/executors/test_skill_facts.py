"""What the kernel is told about a task of a skill."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from core.manifests import grant_to_json
from core.policy import Budget, Decision, Grant, HostRule, SecretRule, decide
from core.policy.reasons import Reason
from core.skill_orders import SkillOrder, order_to_json
from executors.effects import Effects
from executors.egress import egress_effect
from tests.unit.executors.in_memory import TASK, Books

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from core.policy import Effect, Verdict

API, OTHER = "api.example.com", "other.example.com"
ORDER = SkillOrder(name="shop", digest="d", body="b", tools=("read_file",), is_seen=True)
DECLARED = Grant(
    hosts=(HostRule(host=API, methods=("GET", "DELETE"), paths=("/v1/",)),),
    secrets=(SecretRule(name="TOKEN", host=API),), budget=Budget(calls=3, cost=Decimal("0.5")),
)  # fmt: skip
MANIFEST: Mapping[str, Any] = {**grant_to_json(DECLARED), **order_to_json(ORDER)}


def effects_of(manifest: Mapping[str, Any] | None, books: Books) -> Effects:
    task = replace(TASK, skill="shop", manifest=manifest)
    made = Effects(books.effects._p, task, books.config, books._waits)
    made.know_secrets([SecretRule(name="TOKEN", host=API), SecretRule(name="OTHER", host=API)])
    return made


async def verdict(effect: Effect, manifest: Mapping[str, Any] | None = MANIFEST) -> Verdict:
    books = Books()
    books.grant(OTHER)
    return decide(effect, await effects_of(manifest, books).context())


async def test_what_an_active_skill_declares_needs_no_second_permission() -> None:
    allowed = await verdict(egress_effect(API, 443, "GET", path="/v1/x"))
    assert allowed.decision is Decision.ALLOW
    with_secret = replace(egress_effect(API, 443, "GET", path="/v1/x"), secrets=("TOKEN",))
    assert (await verdict(with_secret)).decision is Decision.ALLOW


async def test_a_shipped_skill_that_the_owner_has_not_seen_asks_for_its_hosts() -> None:
    unseen = {**grant_to_json(DECLARED), **order_to_json(replace(ORDER, is_seen=False))}
    asked = await verdict(egress_effect(API, 443, "GET", path="/v1/x"), unseen)
    assert (asked.decision, asked.code) == (Decision.ASK, Reason.ACCESS)


async def test_what_destroys_asks_though_it_is_declared() -> None:
    asked = await verdict(egress_effect(API, 443, "DELETE", path="/v1/x"))
    assert (asked.decision, asked.code) == (Decision.ASK, Reason.DESTRUCTIVE)


async def test_what_is_not_declared_is_denied_though_the_owner_granted_it_to_all() -> None:
    for effect in (
        egress_effect(OTHER, 443, "GET"), egress_effect(API, 443, "POST", path="/v1/x"),
        egress_effect(API, 443, "GET", path="/admin"), egress_effect(API, 80, "GET", path="/v1/x"),
    ):  # fmt: skip
        denied = await verdict(effect)
        assert (denied.decision, denied.code) == (Decision.DENY, Reason.MANIFEST)
    foreign = replace(egress_effect(API, 443, "GET", path="/v1/x"), secrets=("OTHER",))
    assert (await verdict(foreign)).code is Reason.FOREIGN_SECRET


async def test_a_manifest_without_a_skill_only_narrows() -> None:
    narrow = grant_to_json(DECLARED)
    asked = await verdict(egress_effect(API, 443, "GET", path="/v1/x"), narrow)
    assert (asked.decision, asked.code) == (Decision.ASK, Reason.ACCESS)
    assert (await verdict(egress_effect(OTHER, 443, "GET"), narrow)).code is Reason.MANIFEST


async def test_budgets_and_tools_are_the_smaller_of_both() -> None:
    facts = effects_of(MANIFEST, Books(policy__calls=2, policy__task_usd=4.0)).facts
    assert (facts.budget().calls, facts.budget().cost) == (2, Decimal("0.5"))
    assert not facts.allows_tool("shell")
    assert facts.allows_tool("read_file")
    assert effects_of(None, Books()).facts.allows_tool("shell")


async def test_a_refusal_is_written_down_once_with_the_skills_name() -> None:
    books = Books()
    effects = effects_of(MANIFEST, books)
    for _ in range(3):
        await effects.trail.refused("tool:shell", Reason.MANIFEST)
    ((kind, body),) = books.ledger.lines
    assert kind == "effect.denied"
    assert (body["skill"], body["scope"]) == ("shop", "tool:shell")
