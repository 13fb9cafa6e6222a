"""The lane of a chat: one turn at a time, and further messages join the turn under way.

A turn starts at once. A message that arrives before it has acted or answered ends the attempt and
starts one with both; after `MAX_JOINS` the turn is left to finish, so that a stream of messages
cannot keep an answer away for ever. Tasks are never waited for.

Threat: a picture, a paste or a model's answer on which our own code fails every time, and the chat
with it, since the same turn begins again and again. So a turn is tried `TRIES` times; then it ends
with a sentence. What is only away (`Retryable`) is waited for, however long.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from coordinator.store import Held, Work
from coordinator.turn import Turn
from core.errors import ConfigError, Retryable
from core.spawn import forever, held
from core.wake import again_on_failure

if TYPE_CHECKING:
    from coordinator.summary import Summariser
    from coordinator.turn_parts import TurnParts
    from core.spawn import Spawner

log = logging.getLogger(__name__)

MAX_JOINS = 20
TRIES = 3
FAILED_TEXT = "Something in this made my program fail ({error}). Please say it another way."


class Lane:
    """Runs the turns of one chat."""

    def __init__(self, chat_id: int, *, parts: TurnParts, summariser: Summariser) -> None:
        self._chat_id = chat_id
        self._parts = parts
        self._summariser = summariser
        self._news = asyncio.Event()
        self._failures = 0

    def wake(self) -> None:
        """There may be new messages, or pending ones have changed."""
        self._news.set()

    async def step(self) -> None:
        """Waits for work and does all there is. Raises `Retryable` while Postgres is away."""
        await self._news.wait()
        with again_on_failure(self._news):
            await self._drain()

    async def _drain(self) -> None:
        joins = 0
        while True:
            self._news.clear()
            found = await self._parts.conversation.next_work(self._chat_id)
            match found:
                case None:
                    return
                case Held(seconds=seconds):
                    await self._wait_for_news(seconds)
                case Work() as work:
                    joins = joins + 1 if await self._was_joined(work, joins) else 0
                    was_open = work.turn_id is not None  # others may wait behind it since a crash
                    if not (joins or was_open or self._news.is_set()):
                        return  # whoever adds a message says so

    async def _wait_for_news(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return

    async def _was_joined(self, work: Work, joins: int) -> bool:
        """Runs one attempt; True when it was given up because further messages came."""
        turn = Turn(self._parts, work)
        async with (
            held(turn.run(), name=f"turn of chat {self._chat_id}") as attempt,
            held(self._news.wait(), name="news") as news,
        ):
            waiting: set[asyncio.Task[Any]] = {attempt, news} if joins < MAX_JOINS else {attempt}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not (attempt.done() or turn.has_acted or joins >= MAX_JOINS):
                return True
            await self._ended(turn, attempt)
        self._summariser.consider(self._chat_id)
        return False

    async def _ended(self, turn: Turn, attempt: asyncio.Task[None]) -> None:
        """Waits for the attempt; one that failed too often is ended with a sentence."""
        try:
            await attempt
        except (Retryable, ConfigError):
            raise
        except Exception as error:  # the gate around a turn: one that always fails must end
            self._failures += 1
            if self._failures < TRIES:
                raise
            log.exception("a turn is given up", extra={"chat": self._chat_id})
            await turn.give_up(FAILED_TEXT.format(error=type(error).__name__))
        self._failures = 0


class Lanes:
    """The lanes of all chats. One owner has one chat; the tests and the future may have more."""

    def __init__(self, *, parts: TurnParts, summariser: Summariser, spawner: Spawner) -> None:
        self._parts = parts
        self._summariser = summariser
        self._spawner = spawner
        self._lanes: dict[int, Lane] = {}

    def wake(self, chat_id: int) -> None:
        """Something is new in `chat_id`."""
        if chat_id not in self._lanes:
            lane = Lane(chat_id, parts=self._parts, summariser=self._summariser)
            self._lanes[chat_id] = lane
            self._spawner.spawn(forever(lane.step, name=f"lane {chat_id}"), name=f"lane {chat_id}")
        self._lanes[chat_id].wake()

    async def resume(self) -> None:
        """After a start: goes on wherever the last process left work."""
        while True:
            try:
                for chat_id in await self._parts.conversation.chats_with_work():
                    self.wake(chat_id)
            except Retryable as error:
                log.warning("cannot look for unfinished turns yet: %s", error)
                await asyncio.sleep(error.after_s)
            else:
                return
