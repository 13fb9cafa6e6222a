"""One turn: asks the model, carries out its calls, says the answer.

States of a turn and what a `kill -9` leaves in each:

    thinking   nothing durable; the messages are still pending and the turn starts anew
    acted      a row `open` with the steps so far; the turn goes on after the last step
    shown      `open`, and the beginning of an answer stands in the chat; the turn is asked again
               and the final text replaces that beginning
    answered   answer, usage and outbox rows are one commit; nothing is left to do

Before `has_acted` is set a turn may be cancelled at any await without a trace: that is how a
further message joins it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from coordinator.gathering import gather, may_look
from coordinator.knowledge.answering import growing, numbered
from coordinator.packing import pack
from coordinator.ports import Reply
from coordinator.streaming import DraftPace
from coordinator.tools import Offer, ToolCall, offered
from coordinator.vision import NO_VISION
from core.db import storable
from core.errors import Retryable, UserFacing
from core.models import routes
from core.spawn import held
from core.tasks.seen import own_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coordinator.actions import Effect
    from coordinator.context import ChatMessage, Said
    from coordinator.model import Answer
    from coordinator.store import Around, TurnId, Work
    from coordinator.tools import AskOwner
    from coordinator.turn_parts import TurnParts
    from core.config import Config
    from core.db import Session
    from core.models import Role

log = logging.getLogger(__name__)

ROUNDS = 8
CALLS_CAP = 20  # of one answer
TOO_MANY_CALLS = "error: not done, too many calls at once. Make fewer."
LEARN_AFTER_S = 0.3
RETRIES_S = (1.0, 4.0, 10.0, 20.0)
NO_MODEL = """No model is set up yet, so I can only do what commands ask for.

• Add a key from openrouter.ai: `/config model.api_key KEY`
• Or use your own service: `/config model.base_url ADDRESS` and `/config model.coordinator NAME`
• Without any model: `/run COMMAND` in a container, `/remember`, `/docs`, `/files`; see /help"""
TOO_MANY_ROUNDS = (
    "I could not come to an answer in a reasonable number of steps. Please say it another way."
)


class Turn:
    """One pass over the messages in `work`."""

    def __init__(self, parts: TurnParts, work: Work) -> None:
        self._p = parts
        self._work = work
        self._steps: list[ChatMessage] = list(work.steps)
        self._pace = DraftPace()
        self._commits = asyncio.Lock()  # an opening draft commits before the answer does
        self._draft_wanted = asyncio.Event()
        self._so_far: Callable[[], str] = str
        self._recalled: str | None = None
        self._around: Around | None = None  # None: to be asked anew
        self._offer = Offer()
        self._role: Role = "coordinator"
        self._is_blind = False  # there are pictures, and no model that sees any
        self._may_look = False
        self.has_acted = work.turn_id is not None

    async def run(self) -> None:
        """Answers. Raises `Retryable` when Postgres is away; the lane then runs the turn again."""
        config = await self._p.config.current()
        if not routes(config, "coordinator"):
            await self._answer(NO_MODEL)
            return
        await self._look_for_pictures(config)
        if self._is_blind and not any(own_words(s.text).strip() for s in self._work.messages):
            await self._answer("")
            return
        async with self._p.voice.typing(self._work.chat_id):
            for _ in range(ROUNDS):
                answer = await self._ask(config)
                if answer is None or not answer.tool_calls:
                    return
                if await self._act(answer):
                    return
            await self._answer(TOO_MANY_ROUNDS)

    async def give_up(self, text: str) -> None:
        """Ends the turn with `text` after it failed for good."""
        self._is_blind = False
        await self._answer(text)

    async def _ask(self, config: Config) -> Answer | None:
        """The model's next word; None when the turn ended because no model answers."""
        messages = await self._messages(config)
        for pause_s in (*RETRIES_S, None):
            try:
                answer = await self._ask_and_show(messages, config)
            except UserFacing as error:
                await self._answer(error.sentence())
                return None
            except Retryable as error:
                if pause_s is None:
                    await self._answer(f"{error}\nPlease try again in a while.")
                    return None
                await asyncio.sleep(max(pause_s, min(error.after_s, 30.0)))
            else:
                if not answer.tool_calls:
                    await self._answer(answer.text, answer=answer)
                return answer
        return None

    async def _look_for_pictures(self, config: Config) -> None:
        vision, work = self._p.vision, self._work
        self._around = around = await self._p.conversation.around(work.chat_id)
        if vision is None:
            return
        if routes(config, "vision"):
            self._may_look = may_look(config, around)
        elif any(said.files for said in work.messages):
            self._is_blind = await vision.has_pictures(work.chat_id, work.messages)

    async def _with_pictures(self) -> tuple[Sequence[Said], Sequence[ChatMessage]]:
        """The turn's messages and steps, with what is to be seen in them."""
        if self._p.vision is None or not self._may_look:
            return self._work.messages, self._steps
        new, steps, has_any = await self._p.vision.shown(
            self._work.chat_id, self._work.messages, self._steps
        )
        self._role = "vision" if has_any else "coordinator"
        return new, steps

    async def _messages(self, config: Config) -> list[ChatMessage]:
        """The prompt; what comes to mind is looked up once a turn."""
        around = self._around or await self._p.conversation.around(self._work.chat_id)
        parts, self._offer = await gather(
            self._p, config, work=self._work, remembered=self._recalled, around=around
        )
        self._recalled = parts.memory
        new, steps = await self._with_pictures()
        parts = replace(parts, new=new, steps=steps)
        budget = config.whole("chat.history_kb") * 1024
        return list(pack(parts, history_budget=budget).messages)

    async def _ask_and_show(self, messages: list[ChatMessage], config: Config) -> Answer:
        """Asks the model and meanwhile shows what it has written so far."""
        tools = offered(self._offer)
        if not config.switch("chat.streaming"):
            return await self._p.model.ask(messages, tools=tools, role=self._role)
        async with held(self._show(), name="draft"):
            return await self._p.model.ask(
                messages, tools=tools, on_text=self._on_text, role=self._role
            )

    def _on_text(self, so_far: Callable[[], str]) -> None:
        self._so_far = so_far
        now = asyncio.get_running_loop().time()
        if self._pace.is_due(now=now):
            self._draft_wanted.set()

    async def _show(self) -> None:
        """Shows the growing answer: a first message, then edits.

        Loses nothing when it is cancelled.
        """
        while True:
            await self._draft_wanted.wait()
            self._draft_wanted.clear()
            text = growing(self._so_far())
            if len(text) < DraftPace.MIN_CHARACTERS:
                continue
            if self._pace.is_open:
                self._p.voice.update_draft(self._reply(text))
                continue
            self.has_acted = True  # from here on nothing joins this turn
            await asyncio.shield(self._open_draft(text))

    async def _open_draft(self, text: str) -> None:
        before = self._work
        try:
            async with self._commits, self._p.database.transaction() as session:
                await self._make_durable(session)
                await self._p.voice.open_draft(session, self._reply(text))
        except BaseException:
            self._work = before  # nothing of this was committed
            raise
        self._pace.is_open = True
        self._p.voice.wake()

    def _reply(self, text: str, choices: tuple[str, ...] = ()) -> Reply:
        return Reply(
            chat_id=self._work.chat_id, turn_id=self._work.turn_id or 0, markdown=text,
            choices=choices,
        )  # fmt: skip

    async def _make_durable(self, session: Session) -> TurnId:
        if self._work.turn_id is None:
            turn_id = await self._p.conversation.start(session, self._work)
            self._work = replace(self._work, turn_id=turn_id)
        assert self._work.turn_id is not None  # noqa: S101 - set in the line above
        return self._work.turn_id

    async def _act(self, answer: Answer) -> bool:
        """Carries out the calls; True when that ended the turn (a question to the owner)."""
        self.has_acted = True
        return await asyncio.shield(self._act_in_one_commit(answer))

    async def _act_in_one_commit(self, answer: Answer) -> bool:
        before = self._work
        calls = [_storable(call) for call in answer.tool_calls]
        steps = [_as_step(answer.text, calls)]
        effects: list[Effect] = []
        try:
            async with self._commits, self._p.database.transaction() as session:
                turn_id = await self._make_durable(session)
                for index, call in enumerate(calls):
                    told = TOO_MANY_CALLS
                    if index < CALLS_CAP:
                        effect = await self._p.actions.carry_out(session, self._work, turn_id, call)
                        effects.append(effect)
                        told = effect.text
                    steps.append({"role": "tool", "tool_call_id": call.id, "content": told})
                await self._p.conversation.save_steps(session, turn_id, [*self._steps, *steps])
                await self._record(session, answer)
                if question := next((e.question for e in effects if e.question), None):
                    await self._say_question(session, question)
        except BaseException:
            self._work = before  # nothing of this was committed
            raise
        self._steps += steps
        self._around = None
        await self._after_commit(effects)
        return question is not None

    async def _say_question(self, session: Session, question: AskOwner) -> None:
        turn_id = await self._p.conversation.answer(session, self._work, question.question)
        await self._learn(session, turn_id)
        reply = self._reply(question.question, tuple(question.choices))
        await self._p.voice.reply(session, reply)

    async def _after_commit(self, effects: list[Effect]) -> None:
        self._p.voice.wake()
        if any(e.has_queued for e in effects):
            await self._p.bus.wake_tasks()
        if any(e.has_control for e in effects):
            await self._p.bus.publish("control", kind="tasks")

    async def _answer(self, text: str, *, answer: Answer | None = None) -> None:
        """Ends the turn.

        Not cancellable once begun: a commit is never left in doubt by a joining message.
        """
        self.has_acted = True
        if self._is_blind:
            text = f"{text}\n\n{NO_VISION}".strip()
        await asyncio.shield(self._answer_in_one_commit(text or "Done.", answer))

    async def _answer_in_one_commit(self, text: str, answer: Answer | None) -> None:
        async with (
            self._commits, self._p.voice.sending() as begin,
            self._p.database.transaction() as session,
        ):  # fmt: skip
            turn_id = await self._p.conversation.answer(session, self._work, text)
            await self._learn(session, turn_id)
            work = replace(self._work, turn_id=turn_id)
            shown, passages = numbered(text)
            reply = Reply(
                chat_id=work.chat_id, turn_id=turn_id, markdown=shown, passages=passages,
                is_whole_turn=self._work.turn_id is None,
            )  # fmt: skip
            await self._p.voice.reply(session, reply)
            if answer is not None:
                await self._record(session, answer, turn_id=turn_id)
            await begin(session)
        self._p.voice.wake()
        if self._p.memory is not None:  # the answer's way to the owner goes first
            asyncio.get_running_loop().call_later(LEARN_AFTER_S, self._p.memory.wake)

    async def _learn(self, session: Session, turn_id: TurnId) -> None:
        """What was said in this turn is for the memory to look at, later."""
        if self._p.memory is not None:
            await self._p.memory.answered(session, turn_id)

    async def _record(
        self, session: Session, answer: Answer, *, turn_id: TurnId | None = None
    ) -> None:
        await self._p.tasks.record_usage(
            answer.usage, role=self._role, model=answer.model, purpose="turn", outcome="ok",
            turn_id=turn_id or self._work.turn_id, session=session,
        )  # fmt: skip


def _storable(call: ToolCall) -> ToolCall:
    """Without what neither Postgres nor a request can hold."""
    return ToolCall(
        id=storable(call.id), name=storable(call.name), arguments=storable(call.arguments)
    )


def _as_step(text: str, tool_calls: Sequence[ToolCall]) -> ChatMessage:
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": _valid_json(call.arguments)},
        }
        for call in tool_calls
    ]
    return {"role": "assistant", "content": storable(text) or None, "tool_calls": calls}


def _valid_json(arguments: str) -> str:
    """Services refuse arguments that are no JSON, so a broken call is kept as `{}`."""
    try:
        json.loads(arguments)
    except (ValueError, RecursionError):
        return "{}"
    return arguments
