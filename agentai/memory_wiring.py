"""Puts the parts of memory together for `agentai serve`.

Nothing heavy is imported here: vectors and extraction are made in a process that starts when they
are first needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.memory_command import MemoryCommand
from coordinator.embedding import Embedder
from coordinator.extracting import Mem0Extractor
from coordinator.forgetting.store import Forgetting
from coordinator.heavy.client import Heavy
from coordinator.memory.index import PassageIndex
from coordinator.memory.lane import MemoryLane
from coordinator.memory.recall import Recall
from coordinator.memory.search import Search
from coordinator.memory.store import MemoryStore
from coordinator.memory.turns import TurnMemory
from core.models import routes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agentai.foundation import Foundation
    from bot.commands import Handler


class MemoryWiring:
    """Memory, its lanes and its commands, wired to what all parts stand on."""

    def __init__(self, base: Foundation) -> None:
        self._config = base.config
        self.heavy = Heavy(idle_s=lambda: base.config.latest.number("heavy.idle_s"))
        config, tasks = base.config, base.tasks
        self.embedder = Embedder(heavy=self.heavy, config=config, tasks=tasks)
        self._extractor = Mem0Extractor(heavy=self.heavy, config=config, tasks=tasks)
        exports = base.env.home / "memory_exports"
        self._forgetting = Forgetting(base.database, seal=base.seal, exports=exports)
        self.store = MemoryStore(base.database, forgetting=self._forgetting)
        index = PassageIndex(base.database)
        self.search = Search(index, self.embedder)
        self._lane = MemoryLane(
            database=base.database, store=self.store, index=index, search=self.search,
            embedder=self._embedder_now, extractor=self._extractor_now,
        )  # fmt: skip
        self.turns = TurnMemory(
            store=self.store, recall=Recall(self.search), config=base.config,
            wake=self._lane.wake,
        )  # fmt: skip
        self.command = MemoryCommand(
            memories=self.store, search=self.search, store=base.store, config=base.config,
            wake=self._wake, exports=exports,
        )  # fmt: skip
        self.turns.keeper = self.command

    def _wake(self) -> None:
        self._lane.wake()
        self._forgetting.wake()

    async def _embedder_now(self) -> Embedder | None:
        config = await self._config.current()
        return self.embedder if config.switch("memory.enabled") else None

    async def _extractor_now(self) -> Mem0Extractor | None:
        config = await self._config.current()
        is_wanted = config.switch("memory.enabled") and config.switch("memory.extract")
        return self._extractor if is_wanted and routes(config, "coordinator") else None

    def commands(self) -> dict[str, Handler]:
        """The commands about memory, by name."""
        command = self.command
        return {"remember": command.remember, "recall": command.recall, "forget": command.forget,
                "memory": command.memory}  # fmt: skip

    def lanes(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Steps to run forever, by name; only the process that holds the lease runs them."""
        return {"memory index": self._lane.index_step, "memory vectors": self._lane.embed_step,
                "memory learning": self._lane.extract_step,
                "forgetting": self._forgetting.step}  # fmt: skip

    async def close(self) -> None:
        """Ends the heavy processes and the connections."""
        await self.embedder.close()
        await self.heavy.close()
