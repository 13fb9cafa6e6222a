"""/files and /undo with the bot's real code, while a task's changes are being written."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from core.workspace.journal import Journals
from tests.security.regressions.desk import Desk, message, press
from tests.support.world import OWNER

if TYPE_CHECKING:
    from pathlib import Path

    from playground.state import Shown


async def test_no_update_waits_behind_files_that_are_being_changed(desk: Desk) -> None:
    desk.service.files.owner_waits_s = 0.05
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


async def tapped(desk: Desk, on: str, label: str) -> None:
    """The owner's tap on a button of the message that holds `on`, once its sending is noted."""
    found = await desk.telegram.wait_for(lambda m: on in m.text and label in labels(m))
    async with asyncio.timeout(10), desk.database.session() as session:
        while await desk.service.store.shown(session, OWNER, found.id) is None:
            await asyncio.sleep(0.01)
    data = next(k["callback_data"] for row in found.buttons for k in row if k["text"] == label)
    await desk.hears(callback_query=press(data, found.id))


def labels(shown: Shown) -> list[str]:
    return [key["text"] for row in shown.buttons for key in row]


def put(desk: Desk, path: str, text: str = "one") -> Path:
    target = desk.home / "workspace" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    return target


async def test_a_folder_opens_and_a_file_is_sent_by_its_buttons(desk: Desk) -> None:
    put(desk, "tax/report.md")
    await desk.hears(message=message("/files"))
    await tapped(desk, "Your files: 1", "tax/")
    await tapped(desk, "tax: 1", "report.md")
    await tapped(desk, "tax/report.md", "Send")
    sent = await desk.telegram.wait_for(lambda m: m.document is not None)
    assert desk.telegram.state.files[sent.document or ""].content == b"one"


async def test_a_deletion_asks_shows_the_digest_and_undo_brings_it_back(desk: Desk) -> None:
    target = put(desk, "notes.md")
    await desk.hears(message=message("/files delete notes.md"))
    digest = hashlib.sha256(b"one").hexdigest()
    assert digest in "\n".join(await desk.said())
    assert target.exists()
    await tapped(desk, "Delete this file?", "Delete it")
    assert not target.exists()
    await tapped(desk, "Delete this file?", "Delete it")  # a second tap does nothing
    await desk.hears(message=message("/undo", message_id=5001))
    assert target.read_text() == "one"
    assert "Undone: notes.md is back." in "\n".join(await desk.said())
    kinds = await desk.database.fetch("select kind from audit order by 1")
    assert {"files.deleted", "files.undone"} <= {row["kind"] for row in kinds}


async def test_a_file_that_changed_after_the_question_is_kept(desk: Desk) -> None:
    target = put(desk, "notes.md")
    await desk.hears(message=message("/files delete notes.md"))
    target.write_text("two")
    await tapped(desk, "Delete this file?", "Delete it")
    assert target.read_text() == "two"


async def test_an_old_question_deletes_nothing(desk: Desk) -> None:
    target = put(desk, "notes.md")
    await desk.hears(message=message("/files delete notes.md"))
    await desk.telegram.wait_for(lambda m: "Delete this file?" in m.text)
    await desk.database.execute(
        "update outbox set payload = jsonb_set(payload, '{choices,0}', to_jsonb(regexp_replace("
        "payload #>> '{choices,0}', '[0-9.]+]$', '1]'))) where payload ? 'choices'"
    )
    await tapped(desk, "Delete this file?", "Delete it")
    assert target.exists()


async def test_keeping_keeps_and_cannot_be_turned_into_a_deletion(desk: Desk) -> None:
    target = put(desk, "notes.md")
    await desk.hears(message=message("/files delete notes.md"))
    await tapped(desk, "Delete this file?", "Keep it")
    await tapped(desk, "Delete this file?", "Delete it")
    assert target.exists()
