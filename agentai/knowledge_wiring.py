"""Puts the parts of the knowledge base together for `agentai serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.docs_command import DocsCommand
from bot.docs_notices import DocsNotices
from bot.files import FileStore
from coordinator.knowledge.answering import Knowledge
from coordinator.knowledge.arrivals import Arrivals
from coordinator.knowledge.index import Index
from coordinator.knowledge.ingest import Ingest
from coordinator.knowledge.reading import QuietReader
from coordinator.knowledge.search import Search
from coordinator.knowledge.store import Store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from agentai.foundation import Foundation
    from bot.commands import Handler
    from bot.files import Fetcher
    from bot.presses import Presses
    from coordinator.embedding import Embedder


class KnowledgeWiring:
    """Documents, their lanes, buttons and command, wired to what all parts stand on."""

    def __init__(self, base: Foundation, embedder: Embedder) -> None:
        database, home = base.database, base.env.home
        self._store, index = Store(database), Index(database)
        search = Search(index, embedder)
        self.knowledge = Knowledge(index=index, search=search)
        notices = DocsNotices(store=base.store, wake_outbox=base.outbox.wake)
        self._ingest = Ingest(
            database=database, store=self._store, reader=QuietReader(base.quiet),
            embedder=embedder, notices=notices,
        )  # fmt: skip
        self._arrivals = Arrivals(
            database=database, store=self._store, notices=notices, kept=home / "knowledge",
            folder=home / "docs", on_news=self._ingest.wake,
        )  # fmt: skip
        self._folder = home / "docs"
        self.command = DocsCommand(
            documents=self._store, search=search, index=index, store=base.store,
            files=FileStore(database), wake=self._arrivals.wake,
        )  # fmt: skip

    def join(self, presses: Presses, fetcher: Fetcher) -> None:
        """Connects to the parts that are made after this one."""
        presses.docs = self.command
        before = fetcher.on_fetched

        async def fetched(chat_id: int, number: int, path: Path) -> None:
            self._arrivals.wake()
            if before is not None:
                await before(chat_id, number, path)

        fetcher.on_fetched = fetched

    def commands(self) -> dict[str, Handler]:
        """The command, by name."""
        return {"docs": self.command.handle}

    def lanes(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Steps to run forever, by name; only the process that holds the lease runs them."""
        return {
            "documents sent": self._arrivals.chat_step,
            "documents folder": self._arrivals.folder_step,
            "documents reading": self._ingest.read_step,
            "documents embedding": self._ingest.embed_step,
        }
