"""/docs: the owner's documents, with or without a model.

/docs                the list, with buttons      /docs add           with a file, or as a reply
/docs ask WORDS      the passages that answer    /docs find WORDS    the same
/docs remove NAME    deletes it, after a tap

    o:r:12  asks whether to remove document 12    o:x:12  removes it
    o:p:34  sends passage 34, quoted

Threat: a tap removes something else than was shown. Numbers are never used again, and what a number
names is said again before anything is deleted.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from bot.cards import Card, short
from bot.files import MAX_BYTES, too_big
from bot.render import compose
from coordinator.knowledge.formats import is_code, refuse
from coordinator.knowledge.ingest import discard
from coordinator.knowledge.types import DocumentId, DocumentState
from coordinator.memory.recall import excerpt
from coordinator.memory.trust import telling_words
from core.errors import UserFacing
from core.workspace.diff import size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.files import FileStore
    from bot.outbox_store import OutboxStore
    from bot.route import Route
    from bot.updates import Message, Press
    from coordinator.knowledge.index import Index
    from coordinator.knowledge.search import Search
    from coordinator.knowledge.store import Store
    from coordinator.knowledge.types import Document, Passage

LISTED = 20
SHOWN = 5
NEAREST = 2
GOOD = 0.5  # of the best one's score
QUOTE = 320
PASSAGE_CAP = 3_500
HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)
TOO_OLD = "This button is too old."
USAGE = """Documents that I can answer from.

/docs add with a file, or as a reply to one
/docs ask WORDS shows what they say
/docs remove NAME"""
ADD_USAGE = "Send a document with /docs add as its caption, or reply to a document with /docs add."
ASK_USAGE = "Say what to look for: /docs ask notice period"
REMOVE_USAGE = "Say which one: /docs remove NAME"
NONE_SAY_IT = "None of your documents holds these words. The nearest in meaning:"
READING = "I am reading it. You will hear when it is done."
FIRST = "It is your first: what reads documents may have to be made ready once, a minute or two."


class DocsCommand:
    """The command and its buttons."""

    def __init__(  # noqa: PLR0913, RUF100 - wired once
        self, *, documents: Store, search: Search, index: Index, store: OutboxStore,
        files: FileStore, wake: Callable[[], None],
    ) -> None:  # fmt: skip
        self._documents = documents
        self._search = search
        self._index = index
        self._store = store
        self._files = files
        self._wake = wake

    async def handle(self, route: Route, message: Message, rest: str) -> None:
        """/docs …."""
        action, _, words = rest.partition(" ")
        words = words.strip()
        match action.lower():
            case "":
                await self._list(route, message)
            case "add":
                await self._add(route, message)
            case "ask" | "find":
                await self._ask(route, message, words)
            case "remove":
                await self._remove(route, message, words)
            case _:
                raise UserFacing(USAGE)

    async def _list(self, route: Route, message: Message) -> None:
        if message.file is not None:
            await self._add(route, message)
            return
        found = await self._documents.documents()
        await route.show(self._store, message.sender.chat_id, documents_card(found))

    async def _add(self, route: Route, message: Message) -> None:
        chat_id = message.sender.chat_id
        if message.file is not None:
            if message.file.size > MAX_BYTES:
                raise UserFacing(too_big(message.file), "Put it into the folder `docs` instead.")
            refuse(message.file.name, message.file.size)
            wanted = [await self._files.add(route.session, message, error=None)]
            route.has_files = True
        elif message.reply_to is not None:
            stored = await self._files.of_message(route.session, chat_id, message.reply_to)
            wanted = [file.id for file in stored]
            names = [file.name for file in stored if file.error]
            if names:
                raise UserFacing(f"{names[0]} could not be fetched. Please send it again.")
        else:
            wanted = []
        if not wanted:
            raise UserFacing(ADD_USAGE)
        for number in wanted:
            await self._documents.want(route.session, number, chat_id)
        text = f"{READING} {FIRST}" if await self._index.is_empty() else READING
        await route.say(self._store, chat_id, text)
        route.later.append(self._woken)

    async def _woken(self) -> None:
        self._wake()

    async def _ask(self, route: Route, message: Message, words: str) -> None:
        if not words:
            raise UserFacing(ASK_USAGE)
        found = await self._search.find(words, limit=SHOWN)
        if not found:
            is_empty = await self._index.is_empty()
            text = (
                "You have no documents yet." if is_empty else "Your documents do not speak of it."
            )
            raise UserFacing(text, ADD_USAGE if is_empty else "")
        await route.show(self._store, message.sender.chat_id, passages_card(found, words))

    async def _remove(self, route: Route, message: Message, name: str) -> None:
        if not name:
            raise UserFacing(REMOVE_USAGE, "/docs lists them, with buttons.")
        found = called(name, await self._documents.documents())
        if not found:
            raise UserFacing(f"There is no document “{short(name, 80)}”.", "/docs lists them.")
        if len(found) > 1:
            names = ", ".join(short(document.name, 40) for document in found[:SHOWN])
            raise UserFacing(f"Several are called so: {names}.", "Say the whole name.")
        await route.show(self._store, message.sender.chat_id, removal_card(found[0]))

    # --- buttons ---

    async def pressed(self, route: Route, press: Press, what: str) -> str:
        """Does what a button says; returns the short answer for the owner."""
        action, _, number = what.partition(":")
        if not number.isdecimal() or len(number) > 9:
            return TOO_OLD
        match action:
            case "p":
                return await self._quote(route, press, int(number))
            case "r":
                return await self._confirm(route, press, DocumentId(int(number)))
            case "x":
                return await self._removed(route, press, DocumentId(int(number)))
        return TOO_OLD

    async def _quote(self, route: Route, press: Press, number: int) -> str:
        around = await self._index.around(number, reach=0)
        if not around:
            return "That document was replaced or removed."
        await route.show(self._store, press.sender.chat_id, passage_card(around[0]))
        return ""

    async def _confirm(self, route: Route, press: Press, number: DocumentId) -> str:
        for document in await self._documents.documents():
            if document.id == number:
                await route.show(self._store, press.sender.chat_id, removal_card(document))
                return ""
        return "It is gone already."

    async def _removed(self, route: Route, press: Press, number: DocumentId) -> str:
        name = await self._documents.name_of(route.session, number)
        if not name:
            return "It is gone already."
        paths = await self._documents.remove(route.session, name)
        route.later.append(lambda: asyncio.to_thread(discard, paths))
        await route.say(self._store, press.sender.chat_id, f"{short(name, 80)} is removed.")
        return "Removed."


def called(name: str, documents: Sequence[Document]) -> list[Document]:
    """The documents of this name; if there is none, those whose name holds it. Pure."""
    wanted = name.casefold()
    exact = [one for one in documents if one.name.casefold() == wanted]
    return exact or [one for one in documents if wanted in one.name.casefold()]


def documents_card(found: Sequence[Document]) -> Card:
    """The answer to /docs. Pure."""
    if not found:
        return Card(piece=compose("You have no documents yet.\n\n", ADD_USAGE))
    parts: list[str | tuple[str, str]] = [("bold", f"Your documents: {len(found)}"), "\n"]
    for document in found[:LISTED]:
        parts += ["\n", ("bold", short(document.name, 80)), f" · {facts_of(document)}"]
    if len(found) > LISTED:
        parts.append(f"\n… and {len(found) - LISTED} more. /docs ask searches all of them.")
    parts.append("\n\n/docs ask WORDS shows what they say.")
    keys = tuple(((f"Remove {short(d.name, 40)}", f"o:r:{d.id}"),) for d in found[:LISTED])
    return Card(piece=compose(*parts), keys=keys)


def facts_of(document: Document) -> str:
    """Size and state of a document in a few words. Pure."""
    parts = [size_text(document.size)]
    if document.pages:
        parts.append(f"{document.pages} page{'s' * (document.pages != 1)}")
    match document.state:
        case DocumentState.QUEUED:
            parts.append("waits to be read")
        case DocumentState.READING:
            parts.append("is being read")
        case DocumentState.EMBEDDING:
            share = 100 * document.done // max(document.chunks, 1)
            parts.append(f"answers by words; by meaning: {share} %")
        case DocumentState.FAILED:
            parts.append(f"cannot be used: {short(document.error or '', 160)}")
        case DocumentState.READY:
            parts.append("ready")
    return " · ".join(parts)


def passages_card(found: Sequence[Passage], question: str) -> Card:
    """The passages that answer, what fits best of each, with a button for the whole. Pure.

    Of what holds none of the words only the best is shown; if nothing holds one, that is said.
    """
    telling = telling_words(question)
    saying = {p.id for p in found if not telling.isdisjoint(telling_words(f"{p.place} {p.text}"))}
    parts: list[str | tuple[str, str]] = [] if saying else [NONE_SAY_IT, "\n\n"]
    enough = GOOD * found[0].score
    shown = [p for p in found if p.id in saying or (p.score >= enough and saying)]
    shown = shown or list(found[:NEAREST])
    for number, passage in enumerate(shown, start=1):
        text = short(excerpt(quoted(passage), question, QUOTE), QUOTE)
        parts += [("bold", f"{number}. {short(passage.place, 160)}"), "\n", text, "\n\n"]
    keys = (tuple((f"Passage {n}", f"o:p:{p.id}") for n, p in enumerate(shown, start=1)),)
    return Card(piece=compose(*parts), keys=keys)


def quoted(passage: Passage) -> str:
    """A passage in one line: no heading that its place names already, others with a colon. Pure."""
    if is_code(passage.document):
        return " ".join(passage.text.split())

    def told(match: re.Match[str]) -> str:
        heading = match[1].strip()
        return "" if heading in passage.place else f"{heading.rstrip(':')}:"

    return " ".join(HEADING.sub(told, passage.text).split()).removesuffix(":")


def passage_card(passage: Passage) -> Card:
    """One passage in full, with its lines, its headings without their marks. Pure."""
    text = passage.text if is_code(passage.document) else HEADING.sub(r"\1", passage.text)
    whole = text.strip()
    cut = whole if len(whole) <= PASSAGE_CAP else f"{whole[: PASSAGE_CAP - 1].rstrip()}…"
    return Card(piece=compose(("bold", short(passage.place, 160)), "\n", ("blockquote", cut)))


def removal_card(document: Document) -> Card:
    """What would be deleted. Pure."""
    text = f"Remove {short(document.name, 120)}? I will no longer answer from it."
    return Card(piece=compose(text), keys=((("Remove", f"o:x:{document.id}"),),))
