"""Memory as turns see it: what comes to mind before, the model's two tools, the work after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coordinator.context import recent
from coordinator.memory.store import SQL
from coordinator.memory.trust import is_in_own_words
from coordinator.memory.types import NewMemory
from core.errors import UserFacing
from core.models import routes
from core.tasks.seen import own_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coordinator.context import Said
    from coordinator.memory.recall import Recall
    from coordinator.memory.store import MemoryStore
    from coordinator.ports import MemoryKeeper
    from coordinator.store import TurnId, Work
    from core.config import Config, ConfigStore
    from core.db import Session

BATCH_WITHIN_S = 300.0
OFF = "Memory is switched off."
SWITCH_ON = "/config memory.enabled on switches it on."


class TurnMemory:
    """Used by turns and by the coordinator's tools. `keeper` asks the owner about doubtful ones."""

    keeper: MemoryKeeper | None = None

    def __init__(
        self, *, store: MemoryStore, recall: Recall, config: ConfigStore, wake: Callable[[], None]
    ) -> None:
        self._store = store
        self._recall = recall
        self._config = config
        self.wake = wake

    async def recalled(self, new: Sequence[Said], history: Sequence[Said], config: Config) -> str:
        """What to add to the system message before a turn; may be empty."""
        if not config.switch("memory.enabled") or not new:
            return ""
        shown = recent(history, config.whole("chat.history_kb") * 1024)
        said = "\n".join(own_words(one.text) for one in new if not one.is_forwarded)
        return await self._recall.before_turn(
            said, before=(*shown, *new)[0].id,
            budget=round(config.number("memory.recall_kb") * 1024),
        )  # fmt: skip

    async def answered(self, session: Session, turn_id: TurnId) -> None:
        """Queues the turn's messages, in the transaction of its answer; call `wake` after it."""
        config = self._config.latest
        if not config.switch("memory.enabled"):
            return
        extract = config.switch("memory.extract") and bool(routes(config, "coordinator"))
        await self._store.queue_turn(session, turn_id, extract=extract, delay_s=BATCH_WITHIN_S)

    async def remember(
        self, session: Session, work: Work, turn_id: TurnId, *, call_id: str, text: str
    ) -> str:
        """The model would like to remember something; says what became of it."""
        if not self._config.latest.switch("memory.enabled"):
            raise UserFacing(OFF, SWITCH_ON)
        ids = [said.id for said in work.messages]
        rows = await session.fetch(SQL["own_messages"], ids)
        is_own = is_in_own_words(text, (own_words(row["text"]) for row in rows))
        new = NewMemory(
            text=text, key=f"turn:{turn_id}:{call_id}", message_id=ids[-1] if ids else None,
            label="owner" if is_own else "untrusted", state="active" if is_own else "quarantined",
        )  # fmt: skip
        memory_id = await self._store.add(session, new)
        if memory_id is None:
            return "That is known already."
        if is_own:
            return "It is remembered."
        if self.keeper is not None:
            await self.keeper.ask(session, work.chat_id, memory_id, text=text)
        return "It is not remembered yet: the owner was asked, since these are not their words."

    async def recall(self, words: str) -> str:
        """What is remembered about `words`, for the model."""
        if not self._config.latest.switch("memory.enabled"):
            raise UserFacing(OFF, SWITCH_ON)
        return await self._recall.answer(words)
