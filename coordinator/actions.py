"""Carries out the tool calls of a turn.

This happens inside the transaction that also keeps the turn's transcript. So a call takes effect
exactly once: after a crash the transcript shows it as done, or neither happened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from coordinator.tools import (
    AskOwner,
    CancelTask,
    ChangeSetting,
    Delegate,
    ListTasks,
    Look,
    ProposeSchedule,
    RecallMemory,
    Remember,
    SearchDocs,
    SearchSkills,
    StandingRule,
    SteerTask,
    ToolCall,
    parse_call,
)
from core.config import SPECS
from core.errors import UserFacing
from core.tasks import NewTask, TaskFile, TaskState, answer_key, has_ended

if TYPE_CHECKING:
    from coordinator.knowledge.answering import Knowledge
    from coordinator.memory.turns import TurnMemory
    from coordinator.named_files import NamedFiles
    from coordinator.ports import Planner, Voice
    from coordinator.skills import Skills
    from coordinator.standing_store import StandingRules
    from coordinator.store import Conversation, TurnId, Work
    from core.config import ConfigStore
    from core.db import Session
    from core.tasks import Task, TaskStore

DETAIL_CAP = 4_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """What a call did: the text its model is told, and what follows after the commit."""

    text: str
    question: AskOwner | None = None
    has_queued: bool = False
    has_control: bool = False


class Actions:
    """The coordinator's hands: tasks and settings, nothing else."""

    planner: Planner | None = None
    memory: TurnMemory | None = None
    knowledge: Knowledge | None = None
    named: NamedFiles | None = None
    rules: StandingRules | None = None

    def __init__(
        self, *, tasks: TaskStore, conversation: Conversation, config: ConfigStore, voice: Voice,
        skills: Skills | None = None,
    ) -> None:  # fmt: skip
        self._tasks = tasks
        self._conversation = conversation
        self._config = config
        self._voice = voice
        self._skills = skills

    async def carry_out(
        self, session: Session, work: Work, turn_id: TurnId, call: ToolCall
    ) -> Effect:
        """Does what `call` asks for.

        A call that cannot be done is told to the model, not raised.
        """
        try:
            match parse_call(call):
                case Delegate() as wanted:
                    return await self._delegate(session, work, turn_id, wanted)
                case SearchSkills(query=query):
                    return Effect(text=self._need_skills().find(query))
                case ListTasks(no=no):
                    return Effect(text=await self._look(no))
                case CancelTask(no=no):
                    return await self._cancel(session, no)
                case SteerTask() as wanted:
                    return await self._steer(session, wanted, f"turn:{turn_id}:{call.id}")
                case AskOwner() as question:
                    return Effect(text="The owner was asked.", question=question)
                case ProposeSchedule() as wanted:
                    return await self._propose(session, work, wanted)
                case SearchDocs() | Remember() | RecallMemory() | StandingRule() as wanted:
                    return await self._known(session, work, turn_id, call.id, wanted)
                case Look(photo=photo):
                    return Effect(text=await self._look_at(work.chat_id, photo))
                case ChangeSetting() as wanted:
                    return Effect(text=await self._set(wanted))
                case other:
                    assert_never(other)
        except UserFacing as error:
            return Effect(text=f"error: {error.sentence()}")

    async def _delegate(
        self, session: Session, work: Work, turn_id: TurnId, wanted: Delegate
    ) -> Effect:
        files = await self._files(work.chat_id, wanted.files)
        new = NewTask(
            kind="agent", title=wanted.title, instructions=wanted.instructions,
            chat_id=work.chat_id, turn_id=turn_id,
            origin_message_id=work.telegram_ids[-1] if work.telegram_ids else None,
            files=files,
            box="browser" if wanted.browser else "executor",
        )  # fmt: skip
        if wanted.skill:
            new = await self._skilled(session, new, wanted.skill)
        no = await self._tasks.add(session, new)
        await self._voice.announce_task(session, no)
        return Effect(text=f"Task #{no} is queued.", has_queued=True)

    async def _files(self, chat_id: int, wanted: list[int | str]) -> tuple[TaskFile, ...]:
        """Files by the numbers of those that were sent, or by the names of the owner's."""
        numbers = [int(n) for n in wanted if isinstance(n, int) or _is_number(n)]
        names = [n for n in wanted if isinstance(n, str) and not _is_number(n)]
        rows = await self._conversation.files(chat_id, numbers)
        missing = set(numbers) - {row["id"] for row in rows}
        if missing:
            raise UserFacing(f"There is no file {min(missing)}.")
        sent = tuple(TaskFile(name=row["name"], path=row["path"]) for row in rows)
        if not names:
            return sent
        if self.named is None:
            raise UserFacing("Name files by their numbers.")
        return (*sent, *await self.named.find(names))

    async def _look_at(self, chat_id: int, photo: int) -> str:
        """What is answered at once; the turn shows the picture itself (`coordinator.vision`)."""
        rows = await self._conversation.pictures(chat_id, [photo])
        if not rows or rows[0]["path"] is None:
            raise UserFacing(f"There is no photo {photo}.")
        return f"Photo {photo} follows."

    async def _skilled(self, session: Session, new: NewTask, name: str) -> NewTask:
        order = await self._need_skills().order(
            name, new.instructions, by_model=True, session=session
        )
        return replace(new, skill=order.skill, manifest=order.manifest)

    def _need_skills(self) -> Skills:
        if self._skills is None:
            raise UserFacing("There are no skills here.")
        return self._skills

    async def _known(  # noqa: PLR0913, RUF100 - where the call stands
        self, session: Session, work: Work, turn_id: TurnId, call_id: str,
        wanted: SearchDocs | Remember | RecallMemory | StandingRule,
    ) -> Effect:  # fmt: skip
        """What memory, documents and standing rules say."""
        if isinstance(wanted, StandingRule):
            return await self._rule(session, work, wanted)
        if isinstance(wanted, SearchDocs):
            return Effect(text=await self._need_knowledge().ask(wanted.query))
        if isinstance(wanted, RecallMemory):
            return Effect(text=await self._need_memory().recall(wanted.query))
        told = await self._need_memory().remember(
            session, work, turn_id, call_id=call_id, text=wanted.text
        )
        return Effect(text=told)

    async def _rule(self, session: Session, work: Work, wanted: StandingRule) -> Effect:
        if self.rules is None:
            raise UserFacing("There are no standing rules here.")
        text, is_held = await self.rules.from_model(
            session, work, wanted.text, restrains=wanted.restrains
        )
        return Effect(text=text, has_control=is_held)

    def _need_knowledge(self) -> Knowledge:
        if self.knowledge is None:
            raise UserFacing("There are no documents here.")
        return self.knowledge

    def _need_memory(self) -> TurnMemory:
        if self.memory is None:
            raise UserFacing("There is no memory here.")
        return self.memory

    async def _look(self, no: int | None) -> str:
        if no is None:
            listed = await self._tasks.recent(limit=12)
            return "\n".join(one_line(task) for task in listed) or "There are no tasks yet."
        task = await self._tasks.get(no)
        if task is None:
            raise UserFacing(f"There is no task #{no}.")
        parts = [one_line(task), f"Instructions: {task.instructions}", f"Result: {task.result}"]
        return "\n".join(parts)[:DETAIL_CAP]

    async def _cancel(self, session: Session, no: int) -> Effect:
        if await self._tasks.request_cancel(session, no) is None:
            raise UserFacing(f"Task #{no} is not running.")
        return Effect(text=f"Task #{no} is being stopped.", has_control=True)

    async def _steer(self, session: Session, wanted: SteerTask, key: str) -> Effect:
        task = await self._tasks.get(wanted.no, session=session)
        if task is None or has_ended(task.state):
            raise UserFacing(f"Task #{wanted.no} is not running.", "Delegate new work instead.")
        step = task.question_step
        if task.state is not TaskState.WAITING or not await self._tasks.add_input(
            session, wanted.no, "answer", text=wanted.text, step=step,
            key=answer_key(wanted.no, step or 0),
        ):  # fmt: skip
            await self._tasks.add_input(session, wanted.no, "steer", text=wanted.text, key=key)
        return Effect(text=f"Task #{wanted.no} was told.", has_control=True)

    async def _propose(self, session: Session, work: Work, wanted: ProposeSchedule) -> Effect:
        if self.planner is None:
            raise UserFacing("There are no schedules here.")
        await self.planner.propose(session, work.chat_id, wanted.when, what=wanted.what)
        return Effect(text="The owner was shown a card; nothing is scheduled until they confirm.")

    async def _set(self, wanted: ChangeSetting) -> str:
        spec = SPECS.get(wanted.name)
        if spec is None or not spec.model_may_change:
            raise UserFacing("Only the owner can change that.", "They can use /config.")
        config = await self._config.set(wanted.name, wanted.value, actor="agent")
        return f"{wanted.name} is now {config.shown(wanted.name)}."


def _is_number(text: str) -> bool:
    """Whether a text is a file's number; longer ones are names."""
    return text.isdecimal() and len(text) < 19


def one_line(task: Task) -> str:
    """A task in one line for the model."""
    note = task.question or task.progress or task.reason or ""
    return f"#{task.no} [{task.state}] {task.title}" + (f" · {note[:160]}" if note else "")
