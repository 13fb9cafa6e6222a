"""Mail that arrives becomes events: one connection and one thread a mailbox, waiting with IDLE.

Crash semantics: a mail is kept as an event before the position moves past it; events are unique by
folder and number, so a mail read twice counts once. Mail from before the trigger does not count,
nor does what arrives while the server renumbers the folder.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from core.errors import UserFacing
from core.spawn import Spawner, end, forever
from heartbeat.clock import utc_now
from heartbeat.imap import Mailbox, Refused, address_of, may_pass
from heartbeat.mover import reason_of
from heartbeat.trigger_types import NewEvent

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from heartbeat.imap import Mail
    from heartbeat.ports import Secret
    from heartbeat.trigger_store import TriggerStore
    from heartbeat.trigger_types import Trigger

log = logging.getLogger(__name__)
Result = TypeVar("Result")
IDLE_S = 29 * 60.0  # RFC 2177: servers may drop a client after 30 minutes


class MailWatch:
    """Watches one mailbox; `step` is one round. `trouble` is what the owner has to mend."""

    def __init__(
        self, store: TriggerStore, trigger: Trigger, *, secret: Secret,
        clock: Callable[[], datetime] = utc_now, idle_s: float = IDLE_S,
        ca_file: Path | None = None,
    ) -> None:  # fmt: skip
        self._store = store
        self._trigger = trigger
        self._secret = secret
        self._clock = clock
        self._idle_s = idle_s
        self._ca_file = ca_file
        self.trouble = ""
        self._box: Mailbox | None = None
        self._validity = 0
        self._position: int | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail")

    async def step(self) -> None:
        """Reads what is new, then waits for more. Any failure or cancelling ends the connection."""
        try:
            box = await self._open()
            await self._read(box)
            await self._in_thread(box.idle, self._idle_s)
        except Refused as error:
            self.trouble = str(error)
            self._drop()
            raise
        except BaseException:
            self._drop()
            raise

    def close(self) -> None:
        """Ends the connection and its thread."""
        self._drop()
        self._thread.shutdown(wait=False)

    def _drop(self) -> None:
        if self._box is not None:
            self._box.close()
            self._box = None

    async def _open(self) -> Mailbox:
        if self._box is not None and self._box.is_open:
            return self._box
        try:
            password = (await self._secret(self._trigger.secret_name)).decode()
            address = address_of(self._trigger.spec, password)
        except UserFacing as error:
            raise Refused(reason_of(error)) from error
        box = self._box = Mailbox(address, ca_file=self._ca_file)
        self._validity = await self._in_thread(box.open)
        self.trouble = ""
        await self._find_position(box)
        return box

    async def _find_position(self, box: Mailbox) -> None:
        """Where reading goes on; in a folder that is new to us, behind all that lies there."""
        trigger = await self._store.get(self._trigger.name)
        validity, _, uid = (trigger.position if trigger else "").partition(":")
        if validity == str(self._validity) and uid.isdigit():
            self._position = int(uid)
            return
        there = await self._in_thread(box.uids_after, 0)
        await self._move(max(there, default=0))

    async def _read(self, box: Mailbox) -> None:
        for uid in await self._in_thread(box.uids_after, self._position or 0):
            mail = await self._in_thread(box.fetch, uid)
            if mail is not None and may_pass(mail.sender, self._rules()):
                await self._store.take(self._event(mail), now=self._clock())
            await self._move(uid)

    async def _move(self, uid: int) -> None:
        await self._store.set_position(self._trigger.name, f"{self._validity}:{uid}")
        self._position = uid

    def _rules(self) -> list[str]:
        rules = self._trigger.spec.get("senders")
        return [str(rule) for rule in rules] if isinstance(rules, list) else []

    def _event(self, mail: Mail) -> NewEvent:
        text = f"Mail from {mail.sender} (not verified)\nSubject: {mail.subject}\n\n{mail.text}"
        key = f"{self._validity}:{mail.uid}"
        return NewEvent(trigger=self._trigger.name, key=key, payload=text)

    async def _in_thread(self, work: Callable[..., Result], *args: object) -> Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, work, *args)


class MailWatches:
    """One watch for each active mail trigger, coming and going with them. Close it at the end."""

    def __init__(self, store: TriggerStore, *, secret: Secret, ca_file: Path | None = None) -> None:
        self._store = store
        self._secret = secret
        self._ca_file = ca_file
        self._spawner = Spawner()
        self._lanes: dict[str, tuple[Trigger, MailWatch, asyncio.Task[None]]] = {}

    def troubles(self) -> dict[str, str]:
        """What keeps mailboxes from being read until the owner mends it, by trigger."""
        return {name: watch.trouble for name, (_, watch, _) in self._lanes.items() if watch.trouble}

    async def look(self) -> None:
        """Starts and ends watches."""
        wanted = {t.name: t for t in await self._store.active("mail")}
        for name, (trigger, _, _) in list(self._lanes.items()):
            found = wanted.get(name)
            if found is None or (found.spec, found.secret_name) != (
                trigger.spec,
                trigger.secret_name,
            ):
                await self._end(name)
        for name in wanted.keys() - self._lanes.keys():
            watch = MailWatch(
                self._store, wanted[name], secret=self._secret, ca_file=self._ca_file
            )  # fmt: skip
            lane = self._spawner.spawn(forever(watch.step, name=f"mail {name}"), name=name)
            self._lanes[name] = (wanted[name], watch, lane)

    async def _end(self, name: str) -> None:
        _, watch, lane = self._lanes.pop(name)
        await end(lane)
        watch.close()

    async def close(self) -> None:
        """Ends all watches."""
        for name in list(self._lanes):
            await self._end(name)
        await self._spawner.close()
