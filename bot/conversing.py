"""Ordinary messages, replies to tasks, corrections, documents: what the owner says.

Threat: text that somebody else or the model wrote becomes the owner's words. So what we add stands
on lines of its own, which `core.tasks.seen` leaves out, and forwarded text stays marked as such
when it is corrected.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.cards import short
from bot.files import MAX_BYTES, too_big
from bot.pictures import is_picture
from bot.texts import UNKNOWN_KIND
from coordinator.store import NewMessage
from core.tasks import TaskState, answer_key, has_ended
from core.tasks.seen import FILE_NOTE, PHOTO_NOTE, TASK_NOTE, notes_of

if TYPE_CHECKING:
    from bot.files import FileStore
    from bot.looking import Looking
    from bot.outbox_store import OutboxStore, Shown
    from bot.route import Route
    from bot.rules_command import RulesCommand
    from bot.updates import Message
    from bot.voice_in import VoiceIn
    from coordinator.store import Conversation
    from core.tasks import Task, TaskStore

CHECKS_FILE = "HEARTBEAT.md"  # sent back: it gets a card, and the model has no part in that
NEAR_LIMIT = 4000  # Telegram cuts what the owner pastes at 4,096 units
CONTINUES_WITHIN_S = 1.5
ALBUM_WITHIN_S = 1.0
TOO_LATE = "#{no} no longer listens, so your correction did not reach it. Please send it anew."
NO_COMMAND = "An edited message gives no command. Please send it as a new one."


@dataclass(frozen=True, kw_only=True, slots=True)
class _Filed:
    """What became of a message's file: our line about it, and its number when it will come."""

    line: str = ""
    number: int | None = None


class Conversing:
    """Keeps messages for the coordinator, or hands them to the task they belong to."""

    listening: VoiceIn | None = None
    rules: RulesCommand | None = None
    looking: Looking | None = None

    def __init__(
        self, *, conversation: Conversation, tasks: TaskStore, store: OutboxStore, files: FileStore
    ) -> None:
        self._conversation = conversation
        self._tasks = tasks
        self._store = store
        self._files = files

    # --- new messages ---

    async def message(self, route: Route, message: Message) -> None:
        """A new message that is no command; speech is listened to first."""
        if self.listening is None or not await self.listening.arrived(route, message):
            await self.take(route, message)

    async def take(self, route: Route, message: Message) -> None:
        """A message as it is: what was spoken has become text by now."""
        if self.rules is not None:
            await self.rules.heard(route, message)
        about = await self._task_replied_to(route, message)
        is_own = not (message.file or message.content or message.is_forwarded)
        if about is not None and not has_ended(about.state) and is_own and message.text:
            if self.looking is not None and await self.looking.said_to(about, message.text):
                return  # the picture is the answer
            await self._tell_task(route, message, about)
            return
        if not (message.text or message.file or message.content):
            await self._not_understood(route, message)
            return
        filed = await self._file(route, message)
        lines = [filed.line, *message.notes, message.text]
        if filed.number is None and not message.content and not message.text:
            return  # the refusal of its file was the answer
        if message.file is not None and message.file.name == CHECKS_FILE and not message.text:
            return  # the card about it is the answer
        if about is not None:
            lines.insert(0, f"{TASK_NOTE}#{about.no}: {short(about.title, 80)}]")
        await self._keep(route, message, "\n".join(filter(None, lines)), filed)

    async def _not_understood(self, route: Route, message: Message) -> None:
        """Says so; what Telegram itself reports, such as a pinned message, needs no answer."""
        if message.unknown:
            text = UNKNOWN_KIND.format(kind=message.unknown)
            await route.say(self._store, message.sender.chat_id, text, reply_to=message.message_id)

    async def _task_replied_to(self, route: Route, message: Message) -> Task | None:
        if message.reply_to is None:
            return None
        shown: Shown | None = await self._store.shown(
            route.session, message.sender.chat_id, message.reply_to
        )
        if shown is None or shown.task_no is None:
            return None
        return await self._tasks.get(shown.task_no, session=route.session)

    async def _tell_task(self, route: Route, message: Message, task: Task) -> None:
        key = f"{_source(message)}:{message.update_id}"
        if await self._answers(route, message, task):
            text = f"#{task.no} has your answer."
        elif task.kind == "shell":
            text = f"#{task.no} is a plain command and does not listen. /cancel {task.no} stops it."
        else:
            said = _with_quote(message)
            await self._tasks.add_input(route.session, task.no, "steer", text=said, key=key)
            text = f"#{task.no} was told."
        route.has_control = True
        chat_id = message.sender.chat_id
        await route.say(self._store, chat_id, text, reply_to=message.message_id)

    async def _answers(self, route: Route, message: Message, task: Task) -> bool:
        """Whether this is the answer to the task's open question; a question has one answer."""
        step = task.question_step
        if task.state is not TaskState.WAITING or step is None:
            return False
        key = answer_key(task.no, step)
        return await self._tasks.add_input(
            route.session, task.no, "answer", text=message.text, step=step, key=key
        )

    async def _file(self, route: Route, message: Message) -> _Filed:
        """Notes the message's file, to be fetched soon; says why when it is too big."""
        if message.file is None:
            return _Filed()
        chat_id, sent = message.sender.chat_id, message.file
        refusal = too_big(sent) if sent.size > MAX_BYTES else None
        number = await self._files.add(route.session, message, error=refusal)
        if refusal is not None:
            await route.say(self._store, chat_id, refusal, reply_to=message.message_id)
            return _Filed(line=f"{FILE_NOTE}{sent.name} was too big to receive]")
        route.has_files = True
        note = PHOTO_NOTE if is_picture(sent.name, sent.mime) else FILE_NOTE
        return _Filed(line=f"{note}{number}: {sent.name}, {sent.size} bytes]", number=number)

    async def _keep(self, route: Route, message: Message, text: str, filed: _Filed) -> None:
        chat_id, session = message.sender.chat_id, route.session
        route.lanes.add(chat_id)
        is_cut = len(message.text) >= NEAR_LIMIT and not message.is_spoken
        hold_s = CONTINUES_WITHIN_S if is_cut else 0.0
        new = NewMessage(
            chat_id=chat_id, text=text, telegram_id=message.message_id, reply_to=message.reply_to,
            album=message.album, hold_s=ALBUM_WITHIN_S if message.album else hold_s,
            is_forwarded=message.is_forwarded, is_spoken=message.is_spoken,
            files=() if filed.number is None else (filed.number,),
            has_foreign=message.has_foreign or bool(filed.line),  # its name is not the owner's
        )  # fmt: skip
        if message.album is not None:
            if await self._conversation.join_album(session, new):
                return
        elif (
            text == message.text  # nothing of ours may slip into the middle of theirs
            and not message.is_forwarded
            and not message.is_spoken
            and await self._continues(route, chat_id, text, hold_s)
        ):
            return
        await self._conversation.add(session, new)

    async def _continues(self, route: Route, chat_id: int, text: str, hold_s: float) -> bool:
        """Joins the continuation of a split paste to the piece that waits for it."""
        newest = await self._conversation.newest_pending(route.session, chat_id)
        if newest is None or not newest["is_held"]:
            return False
        return await self._conversation.append_pending(
            route.session, newest["id"], text=text, hold_s=hold_s
        )

    # --- edits ---

    async def edited(self, route: Route, message: Message) -> None:
        """A correction: of what is pending, of the task it led to, or of what was answered."""
        chat_id = message.sender.chat_id
        kept = await self._conversation.find(route.session, chat_id, message.message_id)
        is_foreign = message.is_forwarded or (kept is not None and kept["is_forwarded"])
        if message.text.startswith("/") and not is_foreign:
            await self._command_edited(route, message)
            return
        if kept is None:
            await self._reply_edited(route, message)
            return
        if not (message.text or message.content):
            return
        if kept["is_spoken"]:  # only what was written beside the recording can be edited
            words = kept["text"].rpartition("\n")[2]
            message = replace(message, text=f"{message.text}\n{words}", is_spoken=True)
        text = "\n".join(filter(None, [*_notes(message, kept["text"]), message.text]))
        if text == kept["text"]:
            return
        if self.rules is not None and not is_foreign:
            await self.rules.heard(route, message)
        is_live = message.is_live  # one that moves all the time never begins its turn anew
        if not is_live and await self._conversation.replace_pending(
            route.session, kept["id"], text
        ):
            route.lanes.add(chat_id)
            return
        if is_live or not message.text:  # a place that moved on, a poll that got votes
            await self._conversation.refresh(route.session, kept["id"], text)
            return
        led_to = await self._tasks.of_origin(chat_id, message.message_id)
        live = [t for t in led_to if not has_ended(t.state) and t.kind == "agent"]
        if live and not is_foreign:  # what others wrote steers no task
            await self._correct_tasks(route, message, live)
            return
        new = NewMessage(
            chat_id=chat_id, text=text, telegram_id=message.message_id,
            corrects=kept["original"], is_forwarded=is_foreign, files=tuple(kept["files"]),
            has_foreign=kept["has_foreign"] or message.has_foreign, is_spoken=message.is_spoken,
        )  # fmt: skip
        await self._conversation.add(route.session, new)
        route.lanes.add(chat_id)

    async def _reply_edited(self, route: Route, message: Message) -> None:
        """What a reply told a task is told it anew, while it can still hear."""
        about = await self._task_replied_to(route, message)
        if about is None or message.is_forwarded or not message.text:
            return
        if self.rules is not None:
            await self.rules.heard(route, message)
        if about.kind == "agent" and not has_ended(about.state):
            await self._correct_tasks(route, message, [about])
            return
        await route.say(
            self._store, message.sender.chat_id, TOO_LATE.format(no=about.no),
            reply_to=message.message_id,
        )  # fmt: skip

    async def _correct_tasks(self, route: Route, message: Message, live: list[Task]) -> None:
        for task in live:
            text = f"The owner corrected the request. It now reads: {message.text}"
            key = f"{_source(message)}:{message.update_id}:{task.no}"
            await self._tasks.add_input(route.session, task.no, "steer", text=text, key=key)
        route.has_control = True
        names = ", ".join(f"#{task.no}" for task in live)
        text = f"{names} knows about your correction."
        await route.say(self._store, message.sender.chat_id, text, reply_to=message.message_id)

    async def _command_edited(self, route: Route, message: Message) -> None:
        """An edited /run or /task changes what has not started yet.

        It never starts a second one.
        """
        _, _, written = message.text.partition(" ")
        led_to = await self._tasks.of_origin(message.sender.chat_id, message.message_id)
        if not led_to:
            chat_id, to = message.sender.chat_id, message.message_id
            await route.say(self._store, chat_id, NO_COMMAND, reply_to=to)
        for task in led_to:
            rest = _without_skill(written.strip(), task.skill)
            if task.instructions == rest.strip() or not rest.strip():
                continue
            if await self._tasks.replace_queued(route.session, task.no, instructions=rest.strip()):
                text = f"#{task.no} will run the corrected text."
            elif task.kind == "agent" and not has_ended(task.state):
                await self._correct_tasks(route, message, [task])
                continue
            else:
                text = f"#{task.no} had already started. Send the command again to run it anew."
            chat_id = message.sender.chat_id
            await route.say(self._store, chat_id, text, reply_to=message.message_id)


def _notes(message: Message, kept: str) -> list[str]:
    """The lines of ours about an edited message: its file and its task are the same."""
    has_notes = message.file is not None or message.reply_to is not None
    same = (FILE_NOTE, PHOTO_NOTE, TASK_NOTE)
    ours = [line for line in notes_of(kept) if line.startswith(same)] if has_notes else []
    return [*ours, *message.notes]


def _source(message: Message) -> str:
    """A key of "update:" makes it the owner's literal words, which a recogniser's are not."""
    return "voice" if message.is_spoken else "update"


def _with_quote(message: Message) -> str:
    """What a task is told: the owner's words, and what they quoted of the task's."""
    quoted = [line for line in message.context if line.startswith("[quoting")]
    return "\n".join([*quoted, message.text])


def _without_skill(text: str, skill: str) -> str:
    """What follows the skill's name in `/skill NAME WORDS`; all of it for other commands."""
    first, _, rest = text.partition(" ")
    return rest.strip() if skill and first.lower().replace("_", "-") == skill else text
