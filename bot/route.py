"""What handling one update leads to: writes in its transaction, and wake-ups after the commit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.delivery import DeletePayload, text_payload
from bot.render import plain, render
from bot.render.split import split
from core.errors import Bug

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from typing import Any

    from bot.cards import Card
    from bot.outbox_store import OutboxStore
    from bot.updates import Message, Press
    from core.bus import Bus
    from core.db import Session
    from core.spawn import Spawner

    Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class Route:
    """Collects what must follow. `session` is the update's transaction."""

    _session: Session | None = None
    lanes: set[int] = field(default_factory=set)
    has_messages: bool = False
    has_queued: bool = False
    has_control: bool = False
    has_config: bool = False
    has_files: bool = False
    later: list[Work] = field(default_factory=list)

    @property
    def session(self) -> Session:
        """The open transaction."""
        if self._session is None:
            raise Bug("a route was used outside its transaction")
        return self._session

    @session.setter
    def session(self, session: Session) -> None:
        self._session = session

    async def say(
        self, store: OutboxStore, chat_id: int, text: str, *, reply_to: int | None = None,
        is_markdown: bool = False,
    ) -> None:  # fmt: skip
        """Says something of the bot's own."""
        rendered = render(text) if is_markdown else plain(text)
        for piece in rendered.pieces:
            payload = text_payload(piece, reply_to=reply_to)
            await store.enqueue(self.session, chat_id, payload, method="text")
        self.has_messages = True

    async def show(
        self, store: OutboxStore, chat_id: int, card: Card, *, reply_to: int | None = None,
        key: str | None = None,
    ) -> None:  # fmt: skip
        """Says a card with buttons; of a long one the last message carries them, and the key."""
        *before, last = split(card.piece) or (card.piece,)
        for piece in before:
            payload = text_payload(piece, reply_to=reply_to)
            await store.enqueue(self.session, chat_id, payload, method="text")
        payload = text_payload(last, keys=card.keys, reply_to=reply_to)
        await store.enqueue(self.session, chat_id, payload, method="text", key=key)
        self.has_messages = True

    async def redraw(self, store: OutboxStore, press: Press, card: Card) -> None:
        """Changes the card that a button stands on, while it is known which one that is."""
        if press.message_id is None:
            return
        chat_id = press.sender.chat_id
        row = await store.shown(self.session, chat_id, press.message_id)
        if row is None:
            return
        payload = text_payload(card.piece, keys=card.keys)
        await store.enqueue(self.session, chat_id, payload, method="edit", edit_of=row.id)
        self.has_messages = True

    async def delete(self, store: OutboxStore, message: Message) -> None:
        """Deletes a message of the owner's that held a secret, for sure and soon."""
        payload = DeletePayload(message_id=message.message_id)
        await store.enqueue(self.session, message.sender.chat_id, payload, method="delete")
        self.has_messages = True


class After:
    """Carries out the wake-ups of handled updates."""

    def __init__(
        self, *, store: OutboxStore, bus: Bus, spawner: Spawner, wake_outbox: Callable[[], None],
        wake_board: Callable[[], None], wake_lane: Callable[[int], None],
        wake_files: Callable[[], None],
    ) -> None:  # fmt: skip
        self.store = store
        self._bus = bus
        self._spawner = spawner
        self._wake_outbox = wake_outbox
        self._wake_board = wake_board
        self._wake_lane = wake_lane
        self._wake_files = wake_files

    def saw(self, message_id: int | None) -> None:
        """Notes a message id of the chat."""
        if message_id is not None:
            self.store.saw(message_id)

    def all(self, routes: Iterable[Route]) -> None:
        """Wakes whoever has something to do now."""
        done = list(routes)
        if any(r.has_messages for r in done):
            self._wake_outbox()
        if any(r.has_files for r in done):
            self._wake_files()
        for chat_id in {lane for r in done for lane in r.lanes}:
            self._wake_lane(chat_id)
        if any(r.has_queued for r in done):
            self._spawner.spawn(self._bus.wake_tasks(), name="wake executors")
        if any(r.has_control or r.has_config for r in done):
            self._wake_board()
            self._spawner.spawn(self._bus.publish("control", kind="tasks"), name="tell hosts")
        for work in (w for r in done for w in r.later):
            self._spawner.spawn(work(), name="after an update")
