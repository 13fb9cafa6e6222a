"""/files and /undo: the owner's files, and the way back from what a task changed.

/files            the list         /files report    those whose names hold "report"
/files get NAME   sends one back   /undo, /undo 12  takes the last change (of task 12) back
                                   again: the one before it

No update waits behind these for long: whoever else holds the files is waited for 2 s at most.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.approval_cards import shown
from bot.cards import Card
from bot.delivery import FilePayload
from bot.render import compose
from core.errors import UserFacing
from core.workspace.diff import size_text

if TYPE_CHECKING:
    from bot.outbox_store import OutboxStore
    from bot.route import Route
    from bot.updates import Message
    from core.audit import Audit
    from core.workspace import Entry, OwnerFiles

LISTED = 40
SEND_CAP = 45 * 1024 * 1024


class FilesCommand:
    """Handles both commands; the folder is read in a thread."""

    def __init__(self, *, files: OwnerFiles, audit: Audit, store: OutboxStore) -> None:
        self._files = files
        self._audit = audit
        self._store = store

    async def files(self, route: Route, message: Message, rest: str) -> None:
        """/files."""
        action, _, name = rest.partition(" ")
        if action == "get" and name.strip():
            await self._send(route, message, name.strip())
            return
        glob = f"*{rest.strip()}*" if rest.strip() else "*"
        found = await asyncio.to_thread(self._files.list, glob)
        await route.show(self._store, message.sender.chat_id, files_card(found, rest.strip()))

    async def _send(self, route: Route, message: Message, name: str) -> None:
        content = await asyncio.to_thread(self._files.read, name, cap=SEND_CAP)
        del content  # it exists, is a plain file and is not too large
        payload = FilePayload(
            filename=name.rpartition("/")[2], caption=shown(name),
            path=str(self._files.folder / name), reply_to=message.message_id,
        )  # fmt: skip
        await self._store.enqueue(route.session, message.sender.chat_id, payload, method="file")
        route.has_messages = True

    async def undo(self, route: Route, message: Message, rest: str) -> None:
        """/undo. The update's number names the undo, so that a repeated one does nothing twice."""
        wanted = rest.strip().removeprefix("#")
        if wanted and (not wanted.isdecimal() or len(wanted) > 9):
            raise UserFacing("Say whose changes to take back: /undo 12, or /undo for the last.")
        done = await asyncio.to_thread(
            self._files.undo, int(wanted) if wanted else None,
            commit_id=f"undo-{message.update_id}",
        )  # fmt: skip
        names = ", ".join(shown(change.path) for change in done.changes[:10])
        body = {"task": done.task, "files": len(done.changes)}
        await self._audit.append(route.session, "files.undone", body)
        await route.say(
            self._store, message.sender.chat_id,
            f"Undone: what task #{done.task} changed in {names}. /undo takes back what was before.",
        )  # fmt: skip


def files_card(found: list[Entry], wanted: str) -> Card:
    """The answer to /files."""
    if not found:
        text = (
            f"No file's name holds {shown(wanted)}."
            if wanted
            else ("You have no files yet. What tasks leave in their folder `files` comes here.")
        )
        return Card(piece=compose(text))
    newest = sorted(found, key=lambda entry: entry.modified, reverse=True)
    parts: list[str | tuple[str, str]] = [("bold", f"Your files: {len(found)}"), "\n"]
    for entry in newest[:LISTED]:
        facts = f" · {size_text(entry.size)} · {entry.modified:%d %b %H:%M}"
        parts += ["\n", ("code", shown(entry.path, 120)), facts]
    if len(found) > LISTED:
        parts.append(f"\n… and {len(found) - LISTED} more. /files WORD finds them.")
    parts.append("\n\n/files get NAME sends one. /undo takes the last change back.")
    return Card(piece=compose(*parts))
