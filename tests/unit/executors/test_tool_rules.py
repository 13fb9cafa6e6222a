from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.approvals import Ask
from core.errors import Denied
from core.policy import Action, Effect, EffectKind, Tier
from core.skill_orders import SkillOrder, order_to_json
from executors.asking import QUIET, Wanted
from executors.effects import Effects
from executors.protocol import AskModel
from executors.tool_rules import OWNER_TOOLS, ToolRules
from tests.unit.executors.in_memory import TASK, Books

ALL = ("shell", "read_file", "ask_owner", "request_access", "finish")


def effects_of(books: Books, **changes: Any) -> Effects:
    old = books.effects
    return Effects(old._p, replace(TASK, **changes), books.config, books._waits)


def shown(effects: Effects) -> list[str]:
    tools = [{"type": "function", "function": {"name": name}} for name in ALL]
    wanted = AskModel(step=0, messages=[{"role": "user"}], tools=[*tools, {"type": "odd"}])
    given = ToolRules(effects).shown(wanted).tools
    return [tool["function"]["name"] for tool in given if "function" in tool]


async def test_a_task_of_the_owners_has_every_tool() -> None:
    effects = effects_of(Books())
    assert shown(effects) == list(ALL)
    for tool in ALL:
        await ToolRules(effects).check(tool)


@pytest.mark.parametrize("tool", sorted(OWNER_TOOLS))
async def test_a_quiet_task_has_no_tool_that_asks_the_owner(tool: str) -> None:
    effects = effects_of(Books(), is_quiet=True)
    assert shown(effects) == ["shell", "read_file", "finish"]
    with pytest.raises(Denied) as refused:
        await ToolRules(effects).check(tool)
    assert refused.value.code == QUIET
    with pytest.raises(Denied):
        ToolRules(effects).check_may_ask()
    await ToolRules(effects).check("shell")


async def test_a_skill_has_the_tools_of_its_manifest() -> None:
    books = Books()
    order = SkillOrder(name="s", digest="d", body="", tools=("shell",))
    manifest = {**_nothing(books), **order_to_json(order)}
    effects = effects_of(books, manifest=manifest, skill="s")
    assert shown(effects) == ["shell", "finish"]
    with pytest.raises(Denied, match="does not hold the tool read_file"):
        await ToolRules(effects).check("read_file")


async def test_what_would_ask_is_denied_for_a_quiet_task_and_written_down() -> None:
    books = Books()
    effects = effects_of(books, is_quiet=True, manifest=_everything(books))
    action = Action(
        task=7, kind="files", resource="files", verb="delete", arguments={}, targets=("a",),
        files={}, skill="", manifest="", config=1,
    )  # fmt: skip
    effect = Effect(
        kind=EffectKind.FILES, resource="files", verb="delete", digest=action.digest,
        tier=Tier.DESTRUCTIVE, targets=("a",),
    )  # fmt: skip
    with pytest.raises(Denied) as refused:
        await effects.permit([Wanted(effect=effect, ask=Ask(action=action))])
    assert refused.value.code == QUIET
    assert books.owner.asked == []
    assert ("effect.denied", QUIET) in [(k, b.get("reason")) for k, b in books.ledger.lines]


async def test_a_quiet_task_without_a_manifest_has_nothing() -> None:
    effects = effects_of(Books(), is_quiet=True)
    manifest = effects.facts.manifest
    assert (manifest.hosts, manifest.reads, manifest.writes, manifest.secrets) == ((), (), (), ())


def _nothing(books: Books) -> dict[str, Any]:
    from core.manifests import grant_to_json
    from core.policy import Grant

    return grant_to_json(Grant(budget=books.effects.facts.budget()))


def _everything(books: Books) -> dict[str, Any]:
    from core.manifests import grant_to_json
    from core.policy import Grant

    return grant_to_json(Grant.everything(books.effects.facts.budget()))
