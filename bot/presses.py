"""Pressed buttons. The data names what to do; what it means stands in Postgres, not in the button.

    c:12     cancel task 12          c:all    cancel everything
    s        refresh /status         a:0      the first choice of a question
    r        resume what a stop paused
    h:… d:… j:… t:…  checks, schedules and triggers (see `bot.autonomy_desk`)
    k:…      a decision on a skill (see `bot.skills_desk`)
    m:…      memories: keep, forget (see `bot.memory_command`)
    n:3      lift standing rule 3 (see `bot.rules_command`)
    o:…      documents and their passages (see `bot.docs_command`)
    v:…      voices, and when I speak (see `bot.voice_command`)
    f:…      the owner's files (see `bot.files_cards`)
    w:…      a decision on a proposal (see `bot.proposals_command`)
    g:3      take grant 3 back       p:…:o    a decision on an approval (see `bot.approving`)

Anything else, and whatever has been dealt with, is answered as too old.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Protocol

from bot.updates import Message
from coordinator.store import NewMessage
from core.errors import AgentAIError

if TYPE_CHECKING:
    from bot.approving import Approving
    from bot.commands import Commands
    from bot.docs_command import DocsCommand
    from bot.files_command import FilesCommand
    from bot.memory_command import MemoryCommand
    from bot.outbox_store import OutboxStore
    from bot.proposals_command import ProposalsCommand
    from bot.route import Route
    from bot.rules_command import RulesCommand
    from bot.skills_desk import SkillsDesk
    from bot.stopping import Stopping
    from bot.task_lists import TaskLists
    from bot.telegram_api import TelegramApi
    from bot.updates import Press
    from bot.voice_command import VoiceCommand
    from coordinator.store import Conversation

    class Desk(Protocol):
        """Whoever deals with the buttons of checks, schedules and triggers."""

        async def pressed(self, route: Route, press: Press) -> str:
            """Does what the button says; returns the short answer for the owner."""

    class Counter(Protocol):
        """Whoever deals with one kind of buttons; `what` follows the kind in their data."""

        async def pressed(self, route: Route, press: Press, what: str) -> str:
            """Does what the button says; returns the short answer for the owner."""


log = logging.getLogger(__name__)

TOO_OLD = "This button is too old."
# Telegram shows a message before its answer to us is written down; a press may be faster than that.
NOTED_WITHIN_S, LOOK_EVERY_S = 2.0, 0.05


class Presses:
    """Handles a press in its update's transaction; the answer to Telegram follows the commit."""

    skills: SkillsDesk | None = None
    proposals: ProposalsCommand | None = None
    autonomy: Desk | None = None
    memory: MemoryCommand | None = None
    rules: RulesCommand | None = None
    docs: DocsCommand | None = None
    files: FilesCommand | None = None
    voice: VoiceCommand | None = None
    stopping: Stopping | None = None
    lists: TaskLists | None = None

    def __init__(
        self, *, commands: Commands, store: OutboxStore, conversation: Conversation,
        api: TelegramApi, approving: Approving,
    ) -> None:  # fmt: skip
        self._approving = approving
        self._commands = commands
        self._store = store
        self._conversation = conversation
        self._api = api

    async def wait_until_noted(self, about: Press | Message) -> None:
        """Lets the sending of what is pressed or replied to be written down first: two seconds.

        Call it outside a transaction: it waits for another one.
        """
        chat_id = about.sender.chat_id
        message_id = about.reply_to if isinstance(about, Message) else about.message_id
        for _ in range(round(NOTED_WITHIN_S / LOOK_EVERY_S)):
            if message_id is None or not await self._store.is_unnoted(chat_id, message_id):
                return
            await asyncio.sleep(LOOK_EVERY_S)

    async def handle(self, route: Route, press: Press) -> None:
        """Does what the button says; every press is answered, so that it stops spinning."""
        kind, _, what = press.data.partition(":")
        match kind:
            case "c" if what == "all":
                text = await self._commands.cancel_all(route)
                self._show_list_again(route, press)
            case "c" if what.isdecimal() and len(what) < 10:
                text = await self._commands.cancel(route, int(what))
                self._show_list_again(route, press)
            case "s":
                text = ""
                self._show_list_again(route, press)
            case "r" if self.stopping is not None:
                text = await self.stopping.pressed(route, press)
            case "a" if what.isdecimal() and len(what) < 4:
                text = await self._choose(route, press, int(what))
            case "p":
                text = await self._approving.pressed(route, press, what)
            case "g" if what.isdecimal() and len(what) < 10:
                text = await self._approving.taken_back(route, int(what))
            case "h" | "d" | "j" | "t" if self.autonomy is not None:
                text = await self.autonomy.pressed(route, press)
            case _:
                counter = self._counter(kind)
                text = await counter.pressed(route, press, what) if counter else TOO_OLD
        route.later.append(lambda: self._answer(press, text))

    def _show_list_again(self, route: Route, press: Press) -> None:
        """After the commit: the pressed list of tasks shows no button for what is over."""
        if (lists := self.lists) is not None:
            chat_id, message_id = press.sender.chat_id, press.message_id
            route.later.append(lambda: lists.show_again(chat_id, message_id))

    def _counter(self, kind: str) -> Counter | None:
        """Who deals with buttons of this kind."""
        counters: dict[str, Counter | None] = {
            "w": self.proposals, "m": self.memory, "o": self.docs, "v": self.voice,
            "n": self.rules, "f": self.files, "k": self.skills,
        }  # fmt: skip
        return counters.get(kind)

    async def _choose(self, route: Route, press: Press, choice: int) -> str:
        """Takes the owner's choice as their message, once; its wording stays the model's."""
        chat_id = press.sender.chat_id
        if press.message_id is None:
            return TOO_OLD
        shown = await self._store.shown(route.session, chat_id, press.message_id)
        choices = shown.payload.get("choices", []) if shown else []
        if shown is None or choice >= len(choices):
            return TOO_OLD
        if await self._store.choose(route.session, shown.id, choice) is None:
            return "You have already answered."
        text = str(choices[choice])
        new = NewMessage(chat_id=chat_id, text=text, is_chosen=True)
        await self._conversation.add(route.session, new)
        route.lanes.add(chat_id)
        message_id = press.message_id
        route.later.append(lambda: self._remove_keys(chat_id, message_id))
        return text[:190]

    async def _answer(self, press: Press, text: str) -> None:
        await self._try(
            "answerCallbackQuery", callback_query_id=press.callback_id, text=text[:190] or None
        )

    async def _remove_keys(self, chat_id: int, message_id: int) -> None:
        await self._try("editMessageReplyMarkup", chat_id=chat_id, message_id=message_id)

    async def _try(self, method: str, **fields: Any) -> None:  # noqa: ANN401 - JSON of the Bot API
        """A call whose failure costs the owner nothing: the button only spins a little longer."""
        try:
            await self._api.call(method, **fields)
        except AgentAIError as error:
            log.info("%s failed: %s", method, error)
