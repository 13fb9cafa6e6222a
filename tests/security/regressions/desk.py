"""The bot's real code and an executor's real gatekeepers on one database, without containers.

`hears` gives the bot one update as JSON, exactly as Telegram would have delivered it. `effects` are
those of a task that this desk has claimed as an executor host would.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from agentai.service import Service
from bot.approval_board import card_key
from bot.telegram_api import TelegramApi
from core.approvals import Approval, Approvals, Ask, Choice, Ledger, State
from core.audit import Audit
from core.bus import Bus
from core.db import Database
from core.instance import instance_id
from core.migrate import migrate
from core.policy import Action, Effect, EffectKind, Tier
from core.settings import EnvSettings
from core.spawn import Spawner, forever, held
from core.tasks import NewTask
from core.tasks.seen import SeenStore
from executors.asking import Wanted
from executors.effects import EffectParts, Effects
from executors.gateway.hosts import parse_host
from executors.gateway.ports import Asked
from executors.judge import TaskJudge
from playground.server import PlaygroundServer
from tests.support.world import OWNER, TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from core.tasks import Task
    from executors.placeholders import Stand

KEY = "a-secret-key-for-tests-only"
STRANGER = 666_000_001
NAME = {"first_name": "Olivia", "last_name": "Owner", "username": "the_owner"}
LETTER = {Choice.ONCE: "o", Choice.TASK: "t", Choice.ALWAYS: "a", Choice.DENY: "d"}


def person(user_id: int = OWNER, **more: object) -> dict[str, object]:
    """A user as Telegram tells of them: everybody here has the owner's names."""
    return {"id": user_id, "is_bot": False, **NAME, **more}


def message(text: str, **more: object) -> dict[str, Any]:
    """A message of the owner in their own chat, unless `more` says otherwise."""
    chat = {"id": OWNER, "type": "private", **NAME}
    return {"message_id": 5000, "date": 1, "from": person(), "chat": chat, "text": text, **more}


def content(**more: object) -> dict[str, Any]:
    """The same with something else than a text in it."""
    sent = message("", **more)
    del sent["text"]
    return sent


def press(data: str, message_id: int, **more: object) -> dict[str, Any]:
    """A pressed button of the owner, unless `more` says otherwise."""
    shown = {"message_id": message_id, "date": 1, "chat": {"id": OWNER, "type": "private"}}
    return {
        "id": "1",
        "from": person(),
        "chat_instance": "1",
        "message": shown,
        "data": data,
    } | more


class Desk:
    """What a test of decisions holds."""

    def __init__(self, service: Service, telegram: PlaygroundServer, home: Path) -> None:
        self.service = service
        self.telegram = telegram
        self.home = home
        self.database = service.database
        self.approvals = self.new_approvals()
        self._update = 1000

    def new_approvals(self) -> Approvals:
        """Approvals as a newly started executor host has them."""
        ledger = Ledger(self.home / "approvals" / "used")
        return Approvals(self.database, Audit(self.database), ledger)

    # --- the bot ---

    async def hears(self, **update: object) -> None:
        """Handles one update to its end."""
        self._update += 1
        payload = json.dumps({"update_id": self._update, **update})
        await self.service.inbox.keep([(self._update, self.service.conceal(payload))])
        self.service.dispatcher.wake()
        await self.service.dispatcher.step()

    async def said(self) -> list[str]:
        """All texts that the bot sent or is about to send."""
        rows = await self.database.fetch("select payload from outbox order by id")
        return [str(row["payload"].get("text", "")) for row in rows]

    # --- a task ---

    async def task(self, instructions: str = "true", turn_id: int | None = None) -> Task:
        """A task that runs on this desk."""
        new = NewTask(
            kind="shell", title="t", instructions=instructions, chat_id=OWNER, turn_id=turn_id
        )
        async with self.database.transaction() as session:
            await self.service.tasks.add(session, new)
        claimed = await self.service.tasks.claim_next(host="desk", parallel=50, lease_s=600)
        assert claimed is not None
        return claimed

    async def effects(self, task: Task | None = None, **changes: object) -> Effects:
        """The effects of a task; `changes` are settings, with `__` for a dot."""
        for name, value in changes.items():
            await self.service.config.set(name.replace("__", "."), str(value), actor="test")
        parts = EffectParts(
            database=self.database, approvals=self.approvals, audit=Audit(self.database),
            seen=SeenStore(self.database),
        )  # fmt: skip

        async def on_wait(is_waiting: bool) -> None:
            assert is_waiting in {True, False}

        config = await self.service.config.current()
        return Effects(parts, task or await self.task(), config, on_wait)

    def judge(self, effects: Effects, stands: tuple[Stand, ...] = ()) -> TaskJudge:
        """What a task's egress proxy asks."""
        return TaskJudge(
            effects, stands=stands, vault=self.service.vault, config=1, sent_cap=1 << 20
        )

    # --- the owner ---

    async def card(self, *, after: int = 0) -> Approval:
        """The newest approval that waits, once its card stands in the chat."""
        async with asyncio.timeout(20):
            while True:
                self.service.approval_board.wake()
                await self.service.approval_board.step()
                found = [a for a in await self.approvals.pending() if a.id > after]
                if found and await self.card_id(found[-1]):
                    return found[-1]
                await asyncio.sleep(0.02)

    async def card_id(self, approval: Approval) -> int:
        """The message that shows the card; 0 while there is none."""
        async with self.database.session() as session:
            shown = await self.service.store.shown_as(session, card_key(approval.id))
        return max(shown, default=0)

    async def decides(self, approval: Approval, choice: Choice = Choice.ONCE) -> None:
        """The owner's own tap on the card."""
        data = f"p:{approval.nonce}:{LETTER[choice]}"
        await self.hears(callback_query=press(data, await self.card_id(approval)))

    async def state(self, approval: Approval) -> State:
        """Where the approval stands now."""
        found = await self.approvals.get(approval.id)
        assert found is not None
        return found.state

    async def time_passes(self, approval: Approval, minutes: int = 16) -> None:
        """Makes the card older than it is."""
        await self.database.execute(
            "update approvals set created_at = created_at - $2 * interval '1 minute',"
            " expires_at = expires_at - $2 * interval '1 minute' where id = $1",
            approval.id, minutes,
        )  # fmt: skip


async def answered(desk: Desk) -> int:
    """A turn took all that is pending; returns its number."""
    turn: int = await desk.database.fetchval(
        "insert into turns (chat_id, state) values ($1, 'done') returning id", OWNER
    )
    await desk.database.execute("update messages set turn_id = $1 where turn_id is null", turn)
    return turn


async def labels(desk: Desk, turn: int) -> set[str]:
    """What a task that follows from a turn has seen."""
    new = NewTask(kind="shell", title="t", instructions="true", chat_id=OWNER, turn_id=turn)
    async with desk.database.transaction() as session:
        no = await desk.service.tasks.add(session, new)
    return set(await desk.database.fetchval("select labels from tasks where no = $1", no))


@asynccontextmanager
async def a_desk(
    home: Path, database_url: str, redis_url: str, *, owner: int | None = OWNER
) -> AsyncIterator[Desk]:
    """A bot whose outbox runs; its other lanes only move when the test moves them."""
    telegram = PlaygroundServer(token=TOKEN, owner_id=OWNER)
    await telegram.start()
    env = EnvSettings(
        telegram_bot_token=SecretStr(TOKEN), telegram_api_url=telegram.api_url, agentai_home=home,
        agentai_secret_key=SecretStr(KEY), agentai_owner_id=owner,
    )  # fmt: skip
    database = await Database.connect(database_url)
    await migrate(database)
    instance = await instance_id(database)
    bus, api, spawner = (
        Bus.connect(redis_url, instance),
        TelegramApi(TOKEN, telegram.api_url),
        Spawner(),
    )
    service = Service(env, database, bus, api, spawner, instance)
    await service.store.load()
    try:
        async with held(forever(service.outbox.step, name="outbox"), name="outbox"):
            yield Desk(service, telegram, home)
    finally:
        await spawner.close()
        await service.safety.form.stop()
        await api.hang_up()
        await bus.close()
        await database.close()
        await telegram.stop()


def deletion(effects: Effects, path: str = "notes.txt") -> Wanted:
    """An effect that always asks: a file of the owner goes."""
    task_no = effects.task.no
    action = Action(
        task=task_no, kind="files", resource="files", verb="delete",
        arguments={"before": None, "after": None, "display": ""}, targets=(path,),
        files={path: ""}, skill="", manifest="", config=1,
    )  # fmt: skip
    effect = Effect(
        kind=EffectKind.FILES, resource="files", verb="delete", digest=action.digest,
        tier=Tier.DESTRUCTIVE, targets=(path,),
    )  # fmt: skip
    return Wanted(effect=effect, ask=Ask(action=action))


def request(
    host: str = "api.example.com", *, method: str = "POST", target: str = "/x", body: bytes = b"",
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Asked:  # fmt: skip
    """An inspected request of a task."""
    return Asked(
        scheme="https", host=parse_host(host), port=443, method=method, target=target,
        headers=headers, body=body,
    )  # fmt: skip


@asynccontextmanager
async def asking(
    desk: Desk, work: Callable[[], Awaitable[object]]
) -> AsyncIterator[tuple[asyncio.Task[Any], Approval]]:
    """`work` while it waits for the owner, and the card that stands in the chat for it."""
    pending = await desk.approvals.pending()
    newest = max((a.id for a in pending), default=0)

    async def asked() -> object:
        return await work()

    async with held(asked(), name="asking") as task:
        yield task, await desk.card(after=newest)


async def result(effects: Effects, task: asyncio.Task[Any]) -> Any:
    """What the asking came to, soon."""
    async with asyncio.timeout(15):
        while not task.done():
            effects.wake()
            await asyncio.wait({task}, timeout=0.05)
    return task.result()
