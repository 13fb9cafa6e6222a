"""Summarises what has become too old for the prompt.

In the background, one at a time; failing costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from coordinator.context import SUMMARY_CAP, clip, to_summarise
from coordinator.prompt import SUMMARISE
from core.errors import Retryable, UserFacing

if TYPE_CHECKING:
    from coordinator.model import ModelCaller
    from coordinator.store import Conversation
    from core.config import ConfigStore
    from core.spawn import Spawner
    from core.tasks import TaskStore

log = logging.getLogger(__name__)

INPUT_CAP = 60_000


class Summariser:
    """Keeps the summary of each chat up to date."""

    def __init__(
        self, *, conversation: Conversation, model: ModelCaller, config: ConfigStore,
        tasks: TaskStore, spawner: Spawner,
    ) -> None:  # fmt: skip
        self._conversation = conversation
        self._model = model
        self._config = config
        self._tasks = tasks
        self._spawner = spawner
        self._busy = asyncio.Lock()

    def consider(self, chat_id: int) -> None:
        """After a turn: summarises when enough has grown old."""
        if not self._busy.locked():
            self._spawner.spawn(self._run(chat_id), name=f"summary {chat_id}")

    async def _run(self, chat_id: int) -> None:
        async with self._busy:
            try:
                await self.summarise(chat_id)
            except (Retryable, UserFacing) as error:
                log.info("no summary this time: %s", error)

    async def summarise(self, chat_id: int) -> bool:
        """One summary if it is worth one; False when not. Cancelling leaves the old one."""
        config = await self._config.current()
        history = await self._conversation.history(chat_id, without=None)
        old = to_summarise(history, config.whole("chat.history_kb") * 1024)
        if not old or not self._model.is_configured(config):
            return False
        talk = "\n".join(f"{said.role}: {said.text}" for said in old)
        before = await self._conversation.summary(chat_id)
        answer = await self._model.ask(
            [
                {"role": "system", "content": SUMMARISE},
                {"role": "user", "content": clip(f"{before}\n\n{talk}".strip(), INPUT_CAP)},
            ],
            tools=(),
        )
        text = clip(answer.text, SUMMARY_CAP)
        await self._conversation.save_summary(chat_id, up_to=old[-1].id, text=text)
        await self._tasks.record_usage(
            answer.usage, role="coordinator", model=answer.model, purpose="summary", outcome="ok"
        )
        return True
