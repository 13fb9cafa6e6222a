"""What "Always" means on a card of a skill's task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.security.approvals_scene import OWNER, Scene
from bench.security.approvals_wanted import remembered, request
from core.approvals import Choice, Given
from core.db import Database
from core.manifests import grant_to_json
from core.migrate import migrate
from core.policy import Grant
from core.tasks import NewTask

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from core.policy.action import Json
    from core.tasks import Task


@pytest.fixture
async def scene(database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    database = await Database.connect(database_url)
    await migrate(database)
    yield Scene(database, tmp_path)
    await database.close()


async def task_of(scene: Scene, skill: str) -> Task:
    new = NewTask(
        kind="shell", title="t", instructions="x", chat_id=OWNER, skill=skill,
        manifest=grant_to_json(Grant.everything()),
    )  # fmt: skip
    async with scene.database.transaction() as session:
        await scene.tasks.add(session, new)
    task = await scene.tasks.claim_next(host="h", parallel=1000, lease_s=600)
    assert task is not None
    return task


async def test_always_in_a_skills_task_counts_for_that_skill_only(scene: Scene) -> None:
    first = await task_of(scene, "shop")
    wanted = remembered(request(first.no))
    approval = await scene.ask(first, wanted, may_remember=True)
    given = Given(choice=Choice.ALWAYS, user_id=OWNER, chat_id=OWNER, message_id=1, via="button")
    async with scene.database.transaction() as session:
        refusal = await scene.approvals.decide(session, approval, given, owner_id=OWNER, card_id=1)
    assert refusal is None
    (grant,) = await scene.approvals.live_grants()
    assert (grant.skill, grant.task_no) == ("shop", None)
    again, other, plain = [
        await task_of(scene, "shop"), await task_of(scene, "mail"), await scene.task()
    ]  # fmt: skip
    assert await scene.approvals.grants(again.no) == (grant,)
    assert await scene.approvals.grants(other.no) == ()
    assert await scene.approvals.grants(plain.no) == ()


async def test_a_host_that_the_owner_allowed_to_all_tasks_counts_for_skills_too(
    scene: Scene,
) -> None:
    task = await task_of(scene, "shop")
    rule: dict[str, Json] = {"host": "a.example", "ports": [443], "methods": [], "paths": []}
    async with scene.database.transaction() as session:
        await scene.approvals.allow(session, rule)
    (grant,) = await scene.approvals.grants(task.no)
    assert grant.skill == ""
