"""What the coordinator needs from the layers above it. The bot implements these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from coordinator.standing import Missed, Rule
    from core.db import Session

    Begin = Callable[[Session], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One answer of a turn: Markdown, and choices that are shown as buttons.

    `passages` are those of the owner's documents that it cites; a button each shows them.
    `is_whole_turn`: nothing of this turn can stand in the chat yet.
    """

    chat_id: int
    turn_id: int
    markdown: str
    choices: tuple[str, ...] = ()
    passages: tuple[int, ...] = ()
    is_whole_turn: bool = False


class Voice(Protocol):
    """How the coordinator speaks.

    Nothing said is lost: a reply is part of the caller's transaction.
    """

    async def reply(self, session: Session, reply: Reply) -> None:
        """Says the turn's answer once the transaction commits.

        Replaces the turn's draft if one is shown.
        """

    async def open_draft(self, session: Session, reply: Reply) -> None:
        """Shows the beginning of an answer once the transaction commits."""

    def update_draft(self, reply: Reply) -> None:
        """Shows more of it, as soon as Telegram's pace allows; the newest text wins."""

    async def announce_task(self, session: Session, no: int) -> None:
        """Shows the progress message of a newly queued task once the transaction commits."""

    def sending(self) -> AbstractAsyncContextManager[Begin]:
        """Goes around a transaction: what it gives begins the sending in that very commit.

        To be called once, as the transaction's last statement.
        """

    def wake(self) -> None:
        """To be called after a commit: there is something to send."""

    def typing(self, chat_id: int) -> AbstractAsyncContextManager[None]:
        """Shows "typing…" while the block runs."""


class Planner(Protocol):
    """Who asks the owner about schedules. Nothing repeats before the owner has confirmed it."""

    async def propose(self, session: Session, chat_id: int, when: str, *, what: str) -> None:
        """Shows the owner a card in the caller's transaction; `UserFacing` tells what is wrong."""


class MemoryKeeper(Protocol):
    """Who asks the owner whether to keep what is not in their own words."""

    async def ask(self, session: Session, chat_id: int, memory_id: int, *, text: str) -> None:
        """Shows the owner a card in the caller's transaction."""


class RuleTeller(Protocol):
    """Who shows the owner how an order of theirs was understood, with a way to lift it."""

    async def tell(self, session: Session, chat_id: int, rule: Rule) -> None:
        """Shows the owner a card in the caller's transaction."""

    async def tell_missed(self, session: Session, chat_id: int, missed: Sequence[Missed]) -> None:
        """Says which orders were not kept, and why, in the caller's transaction."""
