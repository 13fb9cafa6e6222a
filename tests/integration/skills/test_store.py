"""What Postgres remembers of skills."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from skills.activation import Active, Disabled, Trust, Waiting, decide_change
from skills.store import SkillStore
from tests.unit.skills.texts import FULL, asking, skill

if TYPE_CHECKING:
    from core.db import Database

    pass

SHOP = skill(FULL, path="shop/SKILL.md")
REACHES = asking("  network: [a.example]")


@pytest.fixture
def store(database: Database) -> SkillStore:
    return SkillStore(database)


async def test_an_approval_comes_back_as_it_was_given(store: SkillStore) -> None:
    await store.see(SHOP, "waiting")
    row = await store.row(SHOP.name)
    assert row is not None
    assert (row.state, row.approved_permissions, row.trust) == ("waiting", None, Trust.ASK)
    assert isinstance(decide_change(row, SHOP), Waiting)
    await store.approve(SHOP)
    row = (await store.rows())[SHOP.name]
    assert row.approved_permissions == SHOP.permissions
    assert (row.approved_digest, row.approved_code) == (SHOP.digest, SHOP.code_digest)
    assert decide_change(row, SHOP) == Active(permissions=SHOP.permissions)
    assert await store.revoke(SHOP.name)
    assert isinstance(decide_change(await store.row(SHOP.name), SHOP), Waiting)
    assert not await store.revoke("nobody")


async def test_disabled_stays_disabled_until_enabled(store: SkillStore) -> None:
    await store.approve(SHOP)
    await store.disable(SHOP)
    await store.see(SHOP, "enabled")
    assert decide_change(await store.row(SHOP.name), SHOP) == Disabled()
    assert await store.enable(SHOP.name)
    assert not await store.enable(SHOP.name)
    assert isinstance(decide_change(await store.row(SHOP.name), SHOP), Active)


async def test_a_namesake_from_elsewhere_begins_anew(store: SkillStore) -> None:
    await store.approve(SHOP)
    assert await store.set_trust(SHOP.name, Trust.WORDING)
    shipped = replace(SHOP, source="builtin")
    await store.see(shipped, "enabled")
    row = await store.row(SHOP.name)
    assert row is not None
    assert (row.source, row.approved_permissions, row.trust) == ("builtin", None, Trust.ASK)
    await store.see(SHOP, "waiting")
    assert isinstance(decide_change(await store.row(SHOP.name), SHOP), Waiting)


async def test_trust_lets_other_words_pass(store: SkillStore) -> None:
    await store.approve(REACHES)
    reworded = asking("  network: [a.example]", body="Do it well.")
    assert decide_change(await store.row("asking"), reworded) == Waiting(diff=(), reason="text")
    await store.set_trust("asking", Trust.WORDING)
    assert isinstance(decide_change(await store.row("asking"), reworded), Active)
    assert not await store.set_trust("nobody", Trust.ASK)


async def test_uses_are_counted_and_a_skill_can_be_forgotten(store: SkillStore) -> None:
    await store.used(SHOP)
    await store.used(SHOP)
    row = await store.row(SHOP.name)
    assert row is not None
    assert row.uses == 2
    assert row.used_at is not None
    assert await store.forget(SHOP.name)
    assert not await store.forget(SHOP.name)
    assert await store.row(SHOP.name) is None
