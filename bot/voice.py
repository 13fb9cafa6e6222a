"""The coordinator's voice: replies, growing drafts, "typing…".

Implements `coordinator.ports.Voice`.
"""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bot.board import Announcer
from bot.delivery import FilePayload, TextPayload, edit_call, text_payload
from bot.render import render, render_preview
from bot.telegram_api import Flooded
from core.errors import AgentAIError
from core.spawn import held

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from bot.outbox import Outbox
    from bot.outbox_store import OutboxStore
    from bot.pacing import Pacer
    from bot.render import Piece
    from bot.telegram_api import TelegramApi
    from bot.voice_out import VoiceOut
    from coordinator.ports import Begin, Reply
    from core.db import Session
    from core.tasks import TaskStore

log = logging.getLogger(__name__)

TYPING_AFTER_S = 0.25
TYPING_EVERY_S = 4.5  # Telegram shows the action for five seconds
DRAFT_MARK = " …"
DRAFT_WITHIN_S = 5.0  # the final answer waits for a draft edit under way


class TelegramVoice:
    """Speaks through the outbox; only drafts and typing, which may be lost, go directly."""

    aloud: VoiceOut | None = None

    def __init__(
        self, *, store: OutboxStore, outbox: Outbox, api: TelegramApi, pacer: Pacer,
        tasks: TaskStore,
    ) -> None:  # fmt: skip
        self._store = store
        self._outbox = outbox
        self._api = api
        self._pacer = pacer
        self._announcer = Announcer(store=store, tasks=tasks)
        self._drafts: dict[int, str] = {}
        self._draft_news = asyncio.Event()
        self._draft_lock = asyncio.Lock()

    async def reply(self, session: Session, reply: Reply) -> None:
        """See the port. A draft that is shown becomes the first piece of the answer."""
        self._drafts.pop(reply.turn_id, None)
        async with self._draft_lock:  # a draft edit under way ends before the final text is sent
            rendered = render(reply.markdown)
            pieces = rendered.pieces or render("Done.").pieces
            for index, piece in enumerate(pieces):
                is_last = index == len(pieces) - 1
                payload = _with_choices(piece, reply) if is_last else text_payload(piece)
                await self._say(session, reply, index, payload)
        for index, attachment in enumerate(rendered.attachments):
            file = FilePayload(
                filename=attachment.filename, content=b64encode(attachment.content).decode()
            )
            key = f"turn:{reply.turn_id}:file:{index}"
            await self._store.enqueue(session, reply.chat_id, file, method="file", key=key)
        if self.aloud is not None:
            await self.aloud.answered(session, reply)

    async def _say(self, session: Session, reply: Reply, index: int, payload: TextPayload) -> None:
        may_have_draft = index == 0 and not reply.is_whole_turn
        draft = await self._store.by_key(session, _draft_key(reply)) if may_have_draft else None
        if draft is not None and await self._store.replace_queued(session, draft["id"], payload):
            return
        await self._store.enqueue(
            session, reply.chat_id, payload, method="edit" if draft else "text",
            key=f"turn:{reply.turn_id}:{index}", edit_of=draft["id"] if draft else None,
        )  # fmt: skip

    async def open_draft(self, session: Session, reply: Reply) -> None:
        """See the port."""
        payload = text_payload(_preview(reply.markdown))
        key = _draft_key(reply)
        await self._store.enqueue(session, reply.chat_id, payload, method="text", key=key)

    def update_draft(self, reply: Reply) -> None:
        """See the port: the newest text wins, `step` sends it."""
        self._drafts[reply.turn_id] = reply.markdown
        self._draft_news.set()

    async def announce_task(self, session: Session, no: int) -> None:
        """See the port."""
        await self._announcer.announce(session, no)

    def sending(self) -> AbstractAsyncContextManager[Begin]:
        """See the port."""
        return self._outbox.lent()

    def wake(self) -> None:
        """See the port."""
        self._outbox.wake()
        if self.aloud is not None:
            self.aloud.wake_if_due()

    async def step(self) -> None:
        """Sends the draft edits that are wanted; run it forever.

        A failed edit is simply left out.
        """
        await self._draft_news.wait()
        self._draft_news.clear()
        for turn_id in list(self._drafts):
            async with self._draft_lock:
                markdown = self._drafts.pop(turn_id, None)
                if markdown is not None:
                    await self._edit_draft(turn_id, markdown)

    async def _edit_draft(self, turn_id: int, markdown: str) -> None:
        row = await self._store.sent_draft(f"turn:{turn_id}:draft")
        now = asyncio.get_running_loop().time()
        if row is None or self._pacer.wait_s(row.chat_id, now=now) > 0:
            return
        fields = edit_call(text_payload(_preview(markdown)), row.chat_id, row.message_id)
        try:
            await self._api.call("editMessageText", timeout_s=DRAFT_WITHIN_S, **fields)
        except Flooded as error:
            self._pacer.pause(row.chat_id, error.after_s, now=now)
        except AgentAIError as error:
            log.info("a draft edit did not arrive: %s", error)

    @asynccontextmanager
    async def typing(self, chat_id: int) -> AsyncIterator[None]:
        """See the port. A quick answer never shows it."""
        async with held(self._keep_typing(chat_id), name="typing"):
            yield

    async def _keep_typing(self, chat_id: int) -> None:
        await asyncio.sleep(TYPING_AFTER_S)
        while True:
            try:
                await self._api.call("sendChatAction", chat_id=chat_id, action="typing")
            except AgentAIError as error:
                log.info("typing not shown: %s", error)
            await asyncio.sleep(TYPING_EVERY_S)


def _draft_key(reply: Reply) -> str:
    return f"turn:{reply.turn_id}:draft"


def _preview(markdown: str) -> Piece:
    return render_preview(markdown + DRAFT_MARK)


def _with_choices(piece: Piece, reply: Reply) -> TextPayload:
    """The last piece carries the choices.

    What each means stands in the payload, not in the button.
    """
    keys = [[(choice[:60], f"a:{index}")] for index, choice in enumerate(reply.choices)]
    keys += [
        [(f"Passage {n}", f"o:p:{passage}") for n, passage in group]
        for group in (list(enumerate(reply.passages, start=1)),)
        if group
    ]
    return text_payload(piece, keys=keys, choices=reply.choices)
