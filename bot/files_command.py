"""/files and /undo: the owner's files, and the way back from what a task or the owner changed.

/files            folders and files     /files find WORDS   those whose names hold the words
/files get NAME   sends one back        /files delete NAME  asks first, with the exact content
/undo, /undo 12   takes the last change (of task 12) back; again: the one before it

Threat: a name shown is not the file deleted. So a deletion is asked on a card with name, size and
SHA-256; the tap holds once, for 15 minutes, and only while the file is still that content. The tap
and the intent are committed before the file goes, the outcome after: a `kill -9` in between is
finished when the update is handled again. No update waits behind these for long: whoever else holds
the files is waited for 2 s at most.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from bot.approval_cards import shown
from bot.delivery import FilePayload, text_payload
from bot.files_cards import (
    KEEP,
    Deletion,
    deletion_card,
    file_card,
    folder_card,
    folders_of,
    found_card,
    name_hash,
    read_deletion,
)
from bot.render import compose
from coordinator.named_files import choose
from core.errors import Retryable, UserFacing
from core.workspace.receiving import delete, state_of
from core.workspace.types import THE_OWNER

if TYPE_CHECKING:
    from bot.cards import Card
    from bot.outbox_store import OutboxStore, Shown
    from bot.route import Route
    from bot.updates import Message, Press
    from core.audit import Audit
    from core.db import Database
    from core.workspace import Entry, OwnerFiles

SEND_CAP = 45 * 1024 * 1024
ASKED_FOR_S = 15 * 60.0
TOO_OLD = "This button is too old."
ANSWERED = "You have already answered."
TOLD = "file-deletion:"
BUSY = "Your files are being changed right now; try again in a moment."


class FilesCommand:
    """Handles both commands and their buttons; the folder is read in a thread."""

    def __init__(
        self, *, database: Database, files: OwnerFiles, audit: Audit, store: OutboxStore
    ) -> None:
        self._db = database
        self._files = files
        self._audit = audit
        self._store = store

    # --- commands ---

    async def files(self, route: Route, message: Message, rest: str) -> None:
        """/files."""
        action, _, words = rest.strip().partition(" ")
        chat_id, words = message.sender.chat_id, words.strip()
        found = await asyncio.to_thread(self._files.list)
        if action == "get" and words:
            await self._send(route, chat_id, choose(words, found), reply_to=message.message_id)
        elif action == "delete" and words:
            await self._ask(route, chat_id, choose(words, found))
        elif action == "find" and words:
            await route.show(self._store, chat_id, found_card(found, words))
        elif rest.strip() in folders_of(found):
            await route.show(self._store, chat_id, folder_card(found, rest.strip()))
        else:
            await route.show(self._store, chat_id, found_card(found, rest))

    async def _send(
        self, route: Route, chat_id: int, path: str, *, reply_to: int | None = None
    ) -> None:
        content = await asyncio.to_thread(self._files.read, path, cap=SEND_CAP)
        del content  # it exists, is a plain file and is not too large
        payload = FilePayload(
            filename=path.rpartition("/")[2], caption=shown(path),
            path=str(self._files.folder / path), reply_to=reply_to,
        )  # fmt: skip
        await self._store.enqueue(route.session, chat_id, payload, method="file")
        route.has_messages = True

    async def _ask(self, route: Route, chat_id: int, path: str) -> None:
        """Asks whether to delete it, as it is now."""
        try:
            state = await asyncio.to_thread(state_of, self._files, path)
        except Retryable as error:
            raise UserFacing(BUSY) from error
        if state is None:
            raise UserFacing(f"There is no file {shown(path)}.")
        wanted = Deletion(path=path, state=state, until=time.time() + ASKED_FOR_S)
        card = deletion_card(wanted)
        payload = text_payload(card.piece, keys=card.keys, choices=(wanted.to_text(), KEEP))
        await self._store.enqueue(route.session, chat_id, payload, method="text")
        route.has_messages = True

    # --- buttons ---

    async def pressed(self, route: Route, press: Press, what: str) -> str:
        """Does what the button says; returns the short answer."""
        chat_id = press.sender.chat_id
        if press.message_id is None:
            return TOO_OLD
        card = await self._store.shown(route.session, chat_id, press.message_id)
        if card is None:
            return TOO_OLD
        kind, _, mark = what.partition(":")
        if kind == "x":
            return await self._decided(route, chat_id, card, mark)
        found = await asyncio.to_thread(self._files.list)
        if kind == "o":
            return await self._open(route, chat_id, card, found, mark)
        entry = next((e for e in found if name_hash(e.path) == mark), None)
        if entry is None:
            return TOO_OLD
        try:
            return await self._act(route, chat_id, card, entry, kind)
        except UserFacing as error:
            return error.text

    async def _act(  # noqa: PLR0913, RUF100 - where the press stands
        self, route: Route, chat_id: int, card: Shown, entry: Entry, kind: str
    ) -> str:
        match kind:
            case "s":
                await self._turn(route, chat_id, card, file_card(entry))
            case "g":
                await self._send(route, chat_id, entry.path)
            case "d":
                await self._ask(route, chat_id, entry.path)
            case _:
                return TOO_OLD
        return ""

    async def _open(  # noqa: PLR0913, RUF100 - where the press stands
        self, route: Route, chat_id: int, card: Shown, found: list[Entry], what: str
    ) -> str:
        mark, _, page = what.partition(":")
        folder = next((f for f in folders_of(found) if name_hash(f) == mark), None)
        if folder is None or not page.isdecimal() or len(page) > 6:
            return TOO_OLD
        await self._turn(route, chat_id, card, folder_card(found, folder, int(page)))
        return ""

    async def _turn(self, route: Route, chat_id: int, card: Shown, new: Card) -> None:
        """Shows another card in the same message."""
        payload = text_payload(new.piece, keys=new.keys)
        await self._store.enqueue(route.session, chat_id, payload, method="edit", edit_of=card.id)
        route.has_messages = True

    async def _decided(self, route: Route, chat_id: int, card: Shown, which: str) -> str:
        """The owner's tap on a deletion: it holds once."""
        choices = card.payload.get("choices", [])
        if which not in {"0", "1"} or len(choices) != 2:
            return TOO_OLD
        wanted = read_deletion(str(choices[0]))
        if which == "1" or wanted is None:
            is_first = await self._store.choose(route.session, card.id, 1) is not None
            return "Kept." if is_first else ANSWERED
        if card.payload.get("chosen") is None:
            if time.time() > wanted.until:
                return "You took too long, so it was kept. Ask again: /files delete NAME"
            if not await self._intend(card, wanted):
                return ANSWERED
        elif await self._is_settled(route, card):
            return ANSWERED
        return await self._delete(route, chat_id, card, wanted)

    async def _intend(self, card: Shown, wanted: Deletion) -> bool:
        """Commits the tap and what it leads to, before anything happens; False: answered before."""
        async with self._db.transaction() as session:
            if await self._store.choose(session, card.id, 0) is None:
                return False
            body = {"card": card.id, "files": 1, "sha256": wanted.state.sha256}
            await self._audit.append(session, "files.deleting", body)
        return True

    async def _is_settled(self, route: Route, card: Shown) -> bool:
        """Whether the tap was for keeping, or what came of a deletion has been said."""
        told = await self._store.by_key(route.session, f"{TOLD}{card.id}")
        return card.payload.get("chosen") != 0 or told is not None

    async def _delete(self, route: Route, chat_id: int, card: Shown, wanted: Deletion) -> str:
        """Deletes what was intended, once, and says what came of it in the update's transaction."""
        trouble = ""
        try:
            await asyncio.to_thread(
                delete, self._files, wanted.path, wanted.state, commit_id=f"deleted-{card.id}"
            )
        except UserFacing as error:
            trouble = error.sentence()
        except Retryable:
            trouble = BUSY
        except OSError as error:
            trouble = f"The disk did not let me delete it ({error.strerror})."
        kind = "files.kept" if trouble else "files.deleted"
        body = {"card": card.id, "files": 1, "sha256": wanted.state.sha256}
        await self._audit.append(route.session, kind, body)
        text = trouble or f"Deleted: {shown(wanted.path)}. /undo brings it back."
        payload = text_payload(compose(text))
        await self._store.enqueue(
            route.session, chat_id, payload, method="text", key=f"{TOLD}{card.id}"
        )
        route.has_messages = True
        return "It was kept." if trouble else "Deleted."

    # --- undo ---

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
        text = f"Undone: what task #{done.task} changed in {names}."
        if done.task == THE_OWNER:
            text = f"Undone: {names} is back."
        more = "/undo again takes back the change before it."
        await route.say(self._store, message.sender.chat_id, f"{text} {more}")
