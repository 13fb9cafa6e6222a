"""/files and /undo with the bot's real code, while a task's changes are being written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.workspace import store
from core.workspace.journal import Journals
from tests.security.regressions.desk import Desk, a_desk, message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def desk(tmp_path: Path, database_url: str, redis_url: str) -> AsyncIterator[Desk]:
    async with a_desk(tmp_path / "home", database_url, redis_url) as made:
        yield made


async def test_no_update_waits_behind_files_that_are_being_changed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "OWNER_WAITS_S", 0.05)
    (desk.home / "workspace").mkdir(exist_ok=True)
    (desk.home / "workspace" / "notes.md").write_text("one")
    with Journals(desk.home / "versions").lock():
        for number, text in enumerate(["/undo", "/undo 3", "/files", "/files get notes.md"]):
            await desk.hears(message=message(text, message_id=5000 + number))
    said = "\n".join(await desk.said())
    assert said.count("Your files are being changed right now; try again in a moment.") == 2
    assert "Your files: 1" in said
    assert await desk.database.fetchval("select count(*) from inbox where error is not null") == 0
    assert await desk.database.fetchval("select count(*) from outbox where method = 'file'") == 1
    await desk.hears(message=message("/undo", message_id=5010))
    assert "There is nothing to undo." in "\n".join(await desk.said())
