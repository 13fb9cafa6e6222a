"""Folds what grows old into the summary, in the background, one call at a time.

What no summary holds yet is at most one history budget, and that much of the newest talk stands in
every prompt: so each message is in the prompt, in the summariser's input, or both. All of it can
still be searched. The summariser reads the summary so far and the next batch of messages, never the
whole conversation.

`kill -9` before the summary is saved: nothing happened, and the same messages are folded after the
next turn. A failure costs nothing either. `/new` and `/forget` change the summary's version; what
was made from older facts is then not kept.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from coordinator.context import SUMMARY_CAP, batch, clip, to_summarise
from coordinator.prompt import SUMMARISE
from core.errors import Retryable, UserFacing

if TYPE_CHECKING:
    from coordinator.model import ModelCaller
    from coordinator.store import Conversation
    from core.config import ConfigStore
    from core.spawn import Spawner
    from core.tasks import TaskStore

log = logging.getLogger(__name__)

INPUT_CAP = 48_000
MESSAGE_CAP = 6_000
A_RUN = 20  # batches: after an outage there may be several
WITHIN_S = 180.0
AFTER_S = 0.3


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
                await asyncio.sleep(AFTER_S)  # the answer's way to the owner goes first
                for _ in range(A_RUN):
                    if not await self.summarise(chat_id):
                        return
            except (Retryable, UserFacing, TimeoutError) as error:
                log.info("no summary this time: %s", type(error).__name__)

    async def summarise(self, chat_id: int) -> bool:
        """One batch if it is worth one; False when not. Cancelling leaves the old summary."""
        config = await self._config.current(within_s=AFTER_S * 2)
        if not self._model.is_configured(config):
            return False
        budget = config.whole("chat.history_kb") * 1024
        if not to_summarise(await self._conversation.unsummarised(chat_id), budget):
            return False
        now = await self._conversation.to_fold(chat_id)
        old = to_summarise(now.said, budget)
        if not old:
            return False
        lines = batch(old, INPUT_CAP, message_cap=MESSAGE_CAP)
        before = clip(now.summary, SUMMARY_CAP)
        talk = "\n".join(lines)
        given = f"The summary so far:\n{before or '(none)'}\n\nWhat was said after it:\n{talk}"
        asked = [{"role": "system", "content": SUMMARISE}, {"role": "user", "content": given}]
        async with asyncio.timeout(WITHIN_S):
            answer = await self._model.ask(asked, tools=(), is_cheap=True)
        text = clip(answer.text.strip(), SUMMARY_CAP)
        if not text:
            raise Retryable("the summary is empty", 60.0)
        is_kept = await self._conversation.save_summary(
            chat_id, up_to=old[len(lines) - 1].id, text=text, version=now.version
        )
        await self._tasks.record_usage(
            answer.usage, role="coordinator", model=answer.model, purpose="summary", outcome="ok"
        )
        return is_kept
