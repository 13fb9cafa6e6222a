"""The lanes of heartbeat, schedules and triggers.

Each `look` leaves whole transactions only; killed in between, what was due is still due and nothing
fires twice (the stores see to that). The listener and the mailboxes exist only with their triggers.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bot.delivery import text_payload
from bot.render import compose
from core.models import routes
from core.tasks import TaskState
from heartbeat.clock import utc_now
from heartbeat.webhooks import Webhooks

if TYPE_CHECKING:
    from bot.autonomy_parts import Autonomy
    from heartbeat.checks import Problem
    from heartbeat.mail import MailWatches

PORT = "triggers.port"
WEBHOOKS = "webhooks of all triggers"
AT_WORK = (TaskState.QUEUED, TaskState.RUNNING)


class AutonomyLanes:
    """One look of each kind; `close` at the end."""

    def __init__(self, autonomy: Autonomy) -> None:
        self._a = autonomy
        self._told = ""
        self._complained: set[str] = set()
        self._port: int | None = None
        self.webhooks: Webhooks | None = None
        self._mail: MailWatches | None = None

    async def schedules(self) -> None:
        """Starts what is due and judges what ended."""
        try:
            await self._a.scheduler.look()
        finally:
            await self._a.tell()

    async def beat(self) -> None:
        """One beat; without a model nothing is looked at."""
        parts = self._a.parts
        await self._a.zone()
        await self._tell_problems((*self._a.plan().problems, *self._a.beat.problems))
        if not routes(await parts.config.current(), "coordinator"):
            return
        self._a.is_busy = any(task.state in AT_WORK for task in await parts.tasks.live())
        try:
            await self._a.beat.look()
        finally:
            await self._a.tell()

    async def triggers(self) -> None:
        """Looks into folders, then turns events that wait into tasks."""
        await self._a.folders.look()
        try:
            await self._a.triggers.look()
        finally:
            await self._a.tell()

    async def listen(self) -> None:
        """Opens and closes the listener and the mailboxes as their triggers come and go."""
        await self._watch_mail()
        try:
            await self._listen()
        finally:
            hooks = self.webhooks
            self._a.hooks_at = (hooks.address if hooks else None) or ""
            mail = self._mail.troubles() if self._mail else {}
            self._a.troubles = {**mail, **self._a.folders.troubles}
            if hooks is not None and hooks.trouble:
                self._a.troubles[WEBHOOKS] = hooks.trouble
        await self._tell_troubles()

    async def _listen(self) -> None:
        port = (await self._a.parts.config.current()).whole(PORT)
        if self.webhooks is not None and port != self._port:
            await self.webhooks.close()
            self.webhooks = None
        if self.webhooks is None:
            self._port = port
            self.webhooks = Webhooks(self._a.trigger_store, secret=self._a.secret, port=port)
        await self.webhooks.look()

    async def _watch_mail(self) -> None:
        if self._mail is None:
            if not await self._a.trigger_store.all("mail"):
                return
            from heartbeat.mail import MailWatches

            self._mail = MailWatches(
                self._a.trigger_store, secret=self._a.secret, ca_file=self._a.parts.ca_file
            )
        await self._mail.look()

    async def _tell_problems(self, problems: tuple[Problem, ...]) -> None:
        """One card for a set of problems, once, also over restarts."""
        text = "\n".join(problem.sentence() for problem in problems)
        if text == self._told:
            return
        mark = hashlib.sha256(text.encode()).hexdigest()[:16]
        if not text or await self._tell(problems_text(problems), key=f"heartbeat:{mark}"):
            self._told = text

    async def _tell_troubles(self) -> None:
        """What keeps a trigger from hearing anything: each once, after a restart once a day."""
        for name, text in self._a.troubles.items():
            said = f"Trigger {name} does not hear anything. {text}" if name != WEBHOOKS else text
            if said in self._complained:
                continue
            mark = hashlib.sha256(said.encode()).hexdigest()[:16]
            if await self._tell(said, key=f"trouble:{utc_now():%Y-%m-%d}:{mark}"):
                self._complained.add(said)

    async def _tell(self, text: str, *, key: str) -> bool:
        """Says something once, by its key; False while nobody owns the bot."""
        owner_id = await self._a.parts.facts.owner_id()
        if owner_id is None:
            return False
        payload = text_payload(compose(text))
        async with self._a.parts.database.transaction() as session:
            await self._a.parts.store.enqueue(session, owner_id, payload, method="text", key=key)
        self._a.parts.wake_outbox()
        return True

    async def close(self) -> None:
        """Stops listening, watching and looking."""
        await self._a.beat.close()
        if self.webhooks is not None:
            await self.webhooks.close()
        if self._mail is not None:
            await self._mail.close()


def problems_text(problems: tuple[Problem, ...]) -> str:
    """All that is wrong with HEARTBEAT.md, for one message."""
    lines = "\n".join(f"• {problem.sentence()}" for problem in problems[:20])
    return f"Some of HEARTBEAT.md does not run:\n{lines}"[:3500]
