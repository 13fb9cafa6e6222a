"""/remember, /recall, /forget and /memory: they work without any model.

/remember TEXT            keeps it           /recall WORDS   finds memories and earlier messages
/forget WORDS, /forget N  shows what would go, with buttons
/memory                   the list           /memory search WORDS   /memory edit N TEXT
/memory forget N          /memory history N  /memory export         sends all as a file

    m:k:12  keep a doubtful memory    m:x:12  drop it
    m:f:m12 forget memory 12          m:f:p34 forget message 34      m:a  all that the card shows
    m:d     delete in the chat what the answer to /forget counted

Threat: a tap deletes something else than the card showed. The names of what a card shows stand in
the kept message itself, ids are never used again, and nothing is deleted without a button.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.delivery import FilePayload, text_payload
from bot.memory_cards import (
    LISTED,
    all_of,
    doubtful_card,
    forget_card,
    found_card,
    history_text,
    memories_card,
    name_of,
)
from bot.memory_export import write_export
from bot.memory_gone import say_gone, unsay
from coordinator.memory.recall import KINDS, about, holds, near_of
from coordinator.memory.turns import OFF, SWITCH_ON
from coordinator.memory.types import Found, NewMemory, Query
from core.errors import UserFacing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from bot.outbox_store import OutboxStore
    from bot.route import Route
    from bot.updates import Message, Press
    from coordinator.memory.search import Search
    from coordinator.memory.store import MemoryStore
    from coordinator.memory.types import Memory
    from core.config import ConfigStore
    from core.db import Session

TOO_OLD = "This button is too old."
RECALL_USAGE = "Say what to look for: /recall birthday"
FORGET_USAGE = "Say what to forget: /forget WORDS, or /forget N. /memory lists what I know."
EDIT_USAGE = "Say what to change: /memory edit 3 my sister's name is Anna"
EMBED_S = 0.3
FORGET_LIMIT = 8
RELATED = 0.2
NEAREST = 3
GOOD = 0.7  # of the best one's score


class MemoryCommand:
    """Commands and buttons about memory."""

    def __init__(
        self, *, memories: MemoryStore, search: Search, store: OutboxStore, config: ConfigStore,
        wake: Callable[[], None], exports: Path,
    ) -> None:  # fmt: skip
        self._memories = memories
        self._exports = exports
        self._search = search
        self._store = store
        self._config = config
        self._wake = wake

    # --- commands ---

    async def remember(self, route: Route, message: Message, rest: str) -> None:
        """/remember."""
        if not (await self._config.current()).switch("memory.enabled"):
            raise UserFacing(OFF, SWITCH_ON)
        new = NewMemory(text=rest, key=f"update:{message.update_id}")
        number = await self._memories.add(route.session, new)
        self._after(route)
        text = f"I will remember that ({number})." if number else "I know that already."
        await route.say(self._store, message.sender.chat_id, text)

    async def recall(self, route: Route, message: Message, rest: str) -> None:
        """/recall."""
        if not rest.strip():
            raise UserFacing(RECALL_USAGE)
        await self._show(route, message, Query(text=rest, limit=10, embed_s=EMBED_S))

    async def _show(self, route: Route, message: Message, query: Query) -> None:
        """What holds the words, and what is nearly as good; else the nearest, said to be that."""
        found = about(await self._search.find(query), near=near_of(self._search))
        saying = {one.id for one in found if holds(one.text, query.text)}
        enough = GOOD * max([one.score for one in found], default=0.0)
        fit = [one for one in found if one.id in saying or (saying and one.score >= enough)]
        card = found_card(fit or found[:NEAREST], is_said=bool(saying))
        await route.show(self._store, message.sender.chat_id, card)

    async def forget(self, route: Route, message: Message, rest: str) -> None:
        """/forget: shows what would go."""
        wanted = rest.strip().removeprefix("#")
        if not wanted:
            raise UserFacing(FORGET_USAGE)
        found = [await self._one(wanted)] if _is_number(wanted) else await self._related(wanted)
        if not found:
            raise UserFacing("I remember nothing about that, so there is nothing to forget.")
        card = forget_card(found)
        names = tuple(name_of(one) for one in found)
        payload = text_payload(card.piece, keys=card.keys, choices=names)
        await self._store.enqueue(route.session, message.sender.chat_id, payload, method="text")
        route.has_messages = True

    async def memory(self, route: Route, message: Message, rest: str) -> None:
        """/memory and what follows it."""
        action, _, what = rest.strip().partition(" ")
        match action.lower():
            case "":
                await self._list(route, message)
            case "search":
                await self._look(route, message, what)
            case "edit":
                await self._edit(route, message, what)
            case "forget":
                await self.forget(route, message, what)
            case "history":
                await self._history(route, message, what)
            case "export":
                await self._export(route, message)
            case _:
                await self._look(route, message, rest)

    async def _list(self, route: Route, message: Message) -> None:
        active = await self._memories.newest("active", limit=LISTED)
        doubtful = await self._memories.newest("quarantined", limit=8)
        counts = await self._memories.counts()
        card = memories_card(
            active, doubtful, count=counts.get("active", 0), waiting=await self._memories.waiting()
        )
        await route.show(self._store, message.sender.chat_id, card)

    async def _look(self, route: Route, message: Message, words: str) -> None:
        if not words.strip():
            raise UserFacing("Say what to look for: /memory search birthday")
        query = Query(text=words, limit=LISTED, kinds="memories", embed_s=EMBED_S)
        await self._show(route, message, query)

    async def _edit(self, route: Route, message: Message, what: str) -> None:
        number, _, text = what.strip().removeprefix("#").partition(" ")
        if not _is_number(number) or not text.strip():
            raise UserFacing(EDIT_USAGE)
        if not await self._memories.edit(route.session, int(number), text):
            raise _unknown(number)
        self._after(route)
        await route.say(self._store, message.sender.chat_id, f"{number} is changed.")

    async def _history(self, route: Route, message: Message, what: str) -> None:
        memory = await self._known(what.strip().removeprefix("#"))
        text = history_text(memory, await self._memories.history(memory.id))
        await route.say(self._store, message.sender.chat_id, text)

    async def _export(self, route: Route, message: Message) -> None:
        memories = await self._memories.all()
        paths = await asyncio.to_thread(
            write_export, self._exports, memories, update_id=message.update_id
        )
        for number, path in enumerate(paths, start=1):
            part = f" Part {number} of {len(paths)}." if len(paths) > 1 else ""
            payload = FilePayload(
                filename=f"memory-{number}.json" if part else "memory.json", path=str(path),
                reply_to=message.message_id,
                caption=f"{all_of(len(memories))}, with those that were replaced.{part}",
            )  # fmt: skip
            await self._store.enqueue(route.session, message.sender.chat_id, payload, method="file")
        route.has_messages = True

    # --- what is meant ---

    async def _known(self, number: str) -> Memory:
        memory = await self._memories.get(int(number)) if _is_number(number) else None
        if memory is None:
            raise _unknown(number)
        return memory

    async def _one(self, number: str) -> Found:
        memory = await self._known(number)
        return Found(
            id=0, text=memory.text, role="owner", label=memory.label, at=memory.created_at,
            score=1.0, memory_id=memory.id, layer=memory.layer,
        )  # fmt: skip

    async def _related(self, words: str) -> list[Found]:
        """Memories and messages that hold the words themselves.

        What is only near in meaning stays, and so does what only stood beside it in the talk.
        """
        found: list[Found] = []
        for kind in KINDS:
            query = Query(text=words, limit=FORGET_LIMIT, kinds=kind, embed_s=0.0)
            found += [
                one for one in await self._search.find(query)
                if one.coverage >= RELATED and holds(one.text, words)
            ]  # fmt: skip
        return found[: 2 * FORGET_LIMIT]

    # --- buttons ---

    async def pressed(self, route: Route, press: Press, what: str) -> str:
        """Does what a button says; returns the short answer for the owner."""
        kind, _, name = what.partition(":")
        if kind == "k" and _is_number(name):
            return await self._keep(route, int(name))
        if kind == "x" and _is_number(name):
            return await self._forget(route, press, (f"m{name}",))
        if kind == "f":
            return await self._forget(route, press, (name,))
        if kind in {"a", "d"} and press.message_id is not None:
            chat_id = press.sender.chat_id
            shown = await self._store.shown(route.session, chat_id, press.message_id)
            choices = shown.payload.get("choices", ()) if shown else ()
            if kind == "d":
                return await unsay(self._store, route, chat_id, choices)
            return await self._forget(route, press, choices)
        return TOO_OLD

    async def _keep(self, route: Route, memory_id: int) -> str:
        if not await self._memories.confirm(route.session, memory_id):
            return TOO_OLD
        self._after(route)
        return "I will remember that."

    async def _forget(self, route: Route, press: Press, names: Sequence[str]) -> str:
        memories = [int(n[1:]) for n in names if n.startswith("m") and _is_number(n[1:])]
        messages = [int(n[1:]) for n in names if n.startswith("p") and _is_number(n[1:])]
        gone = await self._memories.forget_all(route.session, memories=memories, messages=messages)
        if not gone.memories and not gone.messages:
            return TOO_OLD
        await say_gone(self._store, route, press.sender.chat_id, gone.reached)
        self._after(route)  # the pass that takes the words out elsewhere begins after the commit
        return "Forgotten."

    # --- doubtful ones ---

    async def ask(self, session: Session, chat_id: int, memory_id: int, *, text: str) -> None:
        """The port `MemoryKeeper`: shows the card in the caller's transaction."""
        card = doubtful_card(memory_id, text)
        payload = text_payload(card.piece, keys=card.keys)
        await self._store.enqueue(
            session, chat_id, payload, method="text", key=f"memory:{memory_id}"
        )

    def _after(self, route: Route) -> None:
        async def wake() -> None:
            self._wake()

        route.later.append(wake)


def _is_number(text: str) -> bool:
    return text.isdecimal() and text.isascii() and 0 < len(text) < 10


def _unknown(number: str) -> UserFacing:
    return UserFacing(f"I have no memory {number[:20]}.", "/memory lists what I know.")
