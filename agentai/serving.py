"""What the serving process does at all times: its lanes, and receiving from Telegram.

Lanes that answer the owner run at once. What acts by itself, and receiving, wait for the lease:
one process does that for a database, however many were started.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.menu import greet_telegram
from core.lean import settle
from core.lease import Lease
from core.spawn import forever, insist

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from agentai.service import Service
    from core.beat import Beat

ONE_SERVE = 7310593  # advisory lock
SECOND_SERVE = "another `agentai serve` works on this database; waiting for it to end"
PRUNE_EVERY_S = 6 * 3600.0
KEEP_QUIET_S = 24 * 3600.0


class Serving:
    """Of one service; `run` until cancelled or a `ConfigError`."""

    def __init__(self, service: Service, beat: Beat) -> None:
        self._service = service
        self._beat = beat
        self._lease = Lease(service.database, ONE_SERVE, told=SECOND_SERVE)
        self._seen_event = ""

    async def run(self) -> None:
        """Runs every lane until cancelled. `ConfigError` when Telegram refuses the token."""
        service, spawner = self._service, self._service.spawner
        await service.store.load()
        self._spawn(self._answering())
        await service.lanes.resume()
        spawner.spawn(self._warm_up(), name="warm up")
        spawner.spawn(
            greet_telegram(service.api, service.ownership, self._beat, service.skills.menu),
            name="greet",
        )
        self._spawn({"lease": self._lease.step})
        await self._lease.held.wait()
        await self._tidy_up()
        self._spawn(self._unasked())
        await self._receive()

    async def _warm_up(self) -> None:
        await self._service.model.warm_up()
        settle()

    async def _tidy_up(self) -> None:
        """Deletes what quiet tasks handed over to a former process: nobody waits for it by now."""
        results = self._service.env.home / "results"
        await insist(lambda: self._service.quiet.discard_left(results))

    def _spawn(self, lanes: Mapping[str, Callable[[], Awaitable[None]]]) -> None:
        for name, step in lanes.items():
            self._service.spawner.spawn(forever(step, name=name), name=name)

    def _answering(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Steps that carry what the owner says and is told."""
        service = self._service
        return {
            "dispatch": service.dispatcher.step,
            "outbox": service.outbox.step,
            "board": service.board.step,
            "approvals": service.approval_board.step,
            "audit": service.safety.audit_command.step,
            "drafts": service.voice.step,
            "files": service.fetcher.step,
            "sweeper": service.sweeper.step,
            "events": self._events,
            "prune": self._prune,
            "skills": service.skills.lane.step,
        }

    def _unasked(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Steps that act by themselves; only the process that holds the lease runs them."""
        service = self._service
        return {
            **service.memory.lanes(), **service.knowledge.lanes(), **service.autonomy.lanes(),
            **service.skills.proposals.lanes(), **service.speech.lanes(),
        }  # fmt: skip

    # --- receiving ---

    async def _receive(self) -> None:
        if self._service.env.telegram_webhook_url is not None:
            await self._receive_by_webhook(self._service.env.telegram_webhook_url)
            return
        self._service.spawner.spawn(self._tell_when_ready(), name="ready")
        await forever(self._poll, name="polling")

    async def _poll(self) -> None:
        await self._lease.held.wait()
        await self._service.poller.step()

    async def _receive_by_webhook(self, url: str) -> None:
        from bot.webhook import Webhook  # brings a web server: 10 MB that polling does not need

        service = self._service
        hook = Webhook(
            api=service.api, store=service.inbox, conceal=service.conceal,
            on_kept=service.dispatcher.wake, url=url,
        )  # fmt: skip
        port = await hook.start("127.0.0.1", urlsplit(url).port or 8443)
        self._beat.ready(f"serve: webhook on port {port}")
        try:
            await asyncio.Event().wait()
        finally:
            await hook.stop()

    async def _tell_when_ready(self) -> None:
        await self._service.poller.first_poll.wait()
        self._beat.ready("serve: polling")

    # --- lanes of this process ---

    async def _prune(self) -> None:
        """Forgets what was handled long ago."""
        service = self._service
        await service.inbox.prune()
        await service.tasks.prune_quiet(after_s=KEEP_QUIET_S)
        await service.looking.sweep()
        await service.skills.skills.prune(await service.tasks.live(with_quiet=True))
        await asyncio.sleep(PRUNE_EVERY_S)

    async def _events(self) -> None:
        """Wakes the boards when an executor host announces a change."""
        service = self._service
        if not self._seen_event:
            self._seen_event = await service.bus.newest("events")
        entries = await service.bus.read("events", after=self._seen_event, wait_s=5)
        if not entries:
            return
        self._seen_event = entries[-1].id
        for entry in entries:
            if entry.fields.get("kind") == "look":
                await service.looking.announce(entry.id, entry.fields)
        service.quiet.wake()
        service.wake_boards()
