"""One task, one owner, one chat: what an attack on approvals is played against.

Real Postgres, the real dispatcher with updates as Telegram writes them, the real effects. Only the
wire is left out: a row of the outbox counts as sent once `deliver` has given it a message id.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from bot.approval_board import ApprovalBoard
from bot.approving import Approving
from bot.commands import Commands
from bot.conversing import Conversing
from bot.correcting import Correcting
from bot.dispatch import Dispatcher
from bot.facts import Facts
from bot.files import FileStore
from bot.inbox import InboxStore
from bot.outbox_store import OutboxStore
from bot.ownership import Ownership
from bot.presses import Presses
from bot.route import After
from bot.stopping import Stopping
from bot.telegram_api import TelegramApi
from coordinator.store import Conversation
from core.approvals import Approvals, Ledger
from core.audit import Audit
from core.config import ConfigStore
from core.db import Database
from core.errors import Denied
from core.policy import Decision, decide
from core.seal import Seal
from core.settings import EnvSettings
from core.tasks import NewTask, TaskStore
from core.tasks.seen import SeenStore
from executors.effects import EffectParts, Effects

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from bot.route import Route
    from core.approvals import Approval, Ticket
    from core.policy.action import Json
    from core.tasks import Task
    from executors.asking import Wanted

OWNER, STRANGER, BOT, GROUP, CHANNEL = 7001, 6666, 99, -100200, -100300
TOKEN = "1:nobody-listens-to-this"
NOWHERE = "http://127.0.0.1:9"


class NoWakeUps(After):
    """The attacks look for themselves: nothing is woken and nothing is sent."""

    def __init__(self, store: OutboxStore) -> None:
        self.store = store

    def all(self, routes: Iterable[Route]) -> None:
        for _ in routes:
            pass


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A message of the bot's as it stands in the chat."""

    message_id: int
    text: str
    entities: tuple[dict[str, Json], ...]
    buttons: Mapping[str, str]
    content: str = ""


class Scene:
    """The parts, and the moves of an attack."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        self._ids, self._messages = count(1), count(1000)
        self.chat: dict[int, Shown] = {}
        self.restart()

    def restart(self) -> None:
        """New objects throughout, as after a `kill -9`."""
        database = self.database
        self.audit, self.tasks = Audit(database), TaskStore(database)
        self.store, self.inbox = OutboxStore(database), InboxStore(database)
        self.approvals = Approvals(database, self.audit)
        self.used = Approvals(database, self.audit, Ledger(self.folder / "used"))
        facts = Facts(database, fixed_owner=OWNER)
        self.config = ConfigStore(database=database, seal=Seal("k" * 32), env=EnvSettings())
        self.board = ApprovalBoard(
            database=database, approvals=self.approvals, store=self.store, wake_outbox=lambda: None
        )
        self._wire_bot(facts)

    def _wire_bot(self, facts: Facts) -> None:
        store, talk, files = self.store, Conversation(self.database), FileStore(self.database)
        approving = Approving(approvals=self.approvals, store=store, facts=facts)
        stopping = Stopping(approvals=self.approvals, audit=self.audit, store=store)
        commands = Commands(
            database=self.database, tasks=self.tasks, store=store, config=self.config,
            conversation=talk, files=files,
            more={
                "approve": approving.approve, "deny": approving.deny, "stop": stopping.handle,
                "approvals": approving.approvals, "grants": approving.grants,
                "grant": approving.grant, "revoke": approving.revoke,
            },
        )  # fmt: skip
        presses = Presses(
            commands=commands, store=store, conversation=talk, approving=approving,
            api=TelegramApi(TOKEN, NOWHERE),
        )  # fmt: skip
        self.dispatcher = Dispatcher(
            database=self.database, inbox=self.inbox, facts=facts, commands=commands,
            ownership=Ownership(facts=facts, store=store), presses=presses, after=NoWakeUps(store),
            conversing=Conversing(
                conversation=talk, tasks=self.tasks, store=store, files=files
            ),
            correcting=Correcting(conversation=talk, tasks=self.tasks, store=store),
        )  # fmt: skip

    # --- tasks and their effects ---

    async def task(self) -> Task:
        """A task that a host of ours runs."""
        new = NewTask(kind="shell", title="t", instructions="tidy up", chat_id=OWNER)
        async with self.database.transaction() as session:
            no = await self.tasks.add(session, new)
        task = await self.tasks.claim_next(host="h", parallel=1000, lease_s=600)
        assert task is not None
        assert task.no == no
        return task

    async def effects(self, task: Task) -> Effects:
        """The one way to a ticket, made anew: nothing is remembered but what Postgres holds."""

        async def on_wait(_: bool) -> None:
            return

        parts = EffectParts(
            database=self.database, approvals=self.used, audit=self.audit,
            seen=SeenStore(self.database),
        )  # fmt: skip
        return Effects(parts, task, await self.config.current(), on_wait)

    async def ask(self, task: Task, wanted: Wanted, **how: bool | float) -> Approval:
        """Asks the owner, as `Effects.permit` does, without waiting for the answer."""
        expires_s = float(how.pop("expires_s", 900.0))
        flags = {name: bool(value) for name, value in how.items()}
        return await self.used.request(
            task.no, [wanted.ask], reason="always_asks", detail="", expires_s=expires_s, **flags
        )

    async def happens(self, task: Task, wanted: Wanted) -> bool:
        """Whether the effect gets through now, by any way, without another decision."""
        effects = await self.effects(task)
        verdict = decide(wanted.effect, await effects.context())
        if verdict.decision is Decision.ALLOW:
            try:
                await effects.permit([wanted])
            except Denied:
                return False
            return True
        return await self.consume(task, wanted) is not None

    async def consume(self, task: Task, wanted: Wanted) -> Ticket | None:
        """The ticket, taken past the kernel."""
        return await self.used.consume(task.no, task.fence, wanted.effect.digest)

    # --- the chat ---

    async def deliver(self) -> Shown:
        """Brings the chat up to date; returns the newest card."""
        self.board.wake()
        await self.board.step()
        newest = None
        while (row := await self.store.take_next()) is not None:
            message_id = row.edit_message_id or next(self._messages)
            await self.store.mark_sent(row, message_id)
            shown = _shown(message_id, row.payload)
            self.chat[message_id] = shown
            newest = shown if shown.buttons or newest is None else newest
        assert newest is not None
        return newest

    async def press(self, shown: Shown, label: str, **where: object) -> None:
        """A tap on a button of a card, by the owner unless `where` says otherwise."""
        data = where.pop("data", None) or shown.buttons[label]
        user, chat = where.get("user", OWNER), where.get("chat", OWNER)
        message = {
            "message_id": where.get("message_id", shown.message_id), "date": 1,
            "chat": {"id": chat, "type": where.get("type", "private")},
            "from": {"id": BOT, "is_bot": True, "first_name": "b"},
        }  # fmt: skip
        sender = {"id": user, "is_bot": where.get("is_bot", False), "first_name": "p"}
        callback = {"id": "c", "from": sender, "message": message, "data": data}
        await self.update(callback_query=callback)

    async def say(self, text: str, *, kind: str = "message", **more: object) -> None:
        """A message, the owner's unless `more` says otherwise; `more` are fields of Telegram's."""
        user = more.pop("user", OWNER)
        message = {
            "message_id": next(self._messages), "date": 1, "text": text,
            "chat": {"id": OWNER, "type": "private"},
            "from": {"id": user, "is_bot": False, "first_name": "p"}, **more,
        }  # fmt: skip
        await self.update(**{kind: message})

    async def update(self, **update: object) -> None:
        """Takes one update in and handles it."""
        number = next(self._ids)
        await self.inbox.keep([(number, json.dumps({"update_id": number, **update}))])
        self.dispatcher.wake()
        await self.dispatcher.step()

    # --- what only somebody with the database can do ---

    async def sql(self, query: str, *args: object) -> None:
        await self.database.execute(query, *args)

    async def state(self, approval: Approval) -> str:
        """How the approval stands, with the scope that was given."""
        now = await self.approvals.get(approval.id)
        assert now is not None
        return f"{now.state}:{now.scope}" if now.scope else str(now.state)

    async def age(self, approval: Approval, seconds: float) -> None:
        """Turns the database's clock on by `seconds` (back, when negative) for this approval."""
        await self.sql(
            "update approvals set created_at = created_at - $2 * interval '1 second',"
            " expires_at = expires_at - $2 * interval '1 second',"
            " decided_at = decided_at - $2 * interval '1 second' where id = $1",
            approval.id, seconds,
        )  # fmt: skip


def _shown(message_id: int, payload: Mapping[str, Json]) -> Shown:
    rows = payload.get("buttons") or []
    assert isinstance(rows, list)
    buttons = {str(b[0]): str(b[1]) for row in rows for b in row}  # type: ignore[union-attr,index]
    entities = payload.get("entities") or []
    assert isinstance(entities, list)
    return Shown(
        message_id=message_id, text=str(payload.get("text", payload.get("caption", ""))),
        entities=tuple(e for e in entities if isinstance(e, dict)), buttons=buttons,
        content=str(payload.get("content", "")),
    )  # fmt: skip


@asynccontextmanager
async def scene(dsn: str, folder: Path) -> AsyncIterator[Scene]:
    """A scene in the migrated, otherwise empty database `dsn`."""
    database = await Database.connect(dsn)
    try:
        yield Scene(database, folder)
    finally:
        await database.close()
