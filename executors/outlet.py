"""A task's way out of its container: effects, judge and egress proxy, opened and closed together.

Closing cuts every open connection at once: a task that was stopped loses its way out before its
container is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.policy import SecretRule
from core.spawn import forever, insist
from executors.access import ask_access
from executors.commits import Commits
from executors.effects import Effects
from executors.gateway.proxy import EgressProxy
from executors.judge import TaskJudge
from executors.placeholders import Stand, token_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from core.config import Config
    from core.tasks import Task
    from core.vault import SecretInfo, Vault
    from executors.commits import CommitParts
    from executors.effects import EffectParts
    from executors.gateway.addresses import Resolver
    from executors.gateway.authority import Authority
    from executors.looks import Looks
    from executors.protocol import AskAccess
    from executors.slots import Slot

LOOK_EVERY_S = 1.0


@dataclass(frozen=True, kw_only=True)
class OutletParts:
    """What outlets are made of; one set for all tasks of a host."""

    effects: EffectParts
    commits: CommitParts
    vault: Vault
    authority: Authority
    resolver: Resolver
    secret_key: str = field(repr=False)


class Outlet:
    """One task's way out. `open` before the container gets its task."""

    def __init__(
        self, parts: OutletParts, task: Task, config: Config,
        on_wait: Callable[[bool], Awaitable[None]], *, looks: Looks | None = None,
    ) -> None:  # fmt: skip
        self._p = parts
        self._looks = looks
        self._task = task
        self._config = config
        self.effects = Effects(parts.effects, task, config, on_wait)
        self.stands: tuple[Stand, ...] = ()
        self.commits = Commits(parts.commits, self.effects, config=config.version)
        self._judge: TaskJudge | None = None
        self._proxy: EgressProxy | None = None

    async def open(self, slot: Slot) -> None:
        """Begins to listen in the slot's folder; what the owner allowed before counts."""
        listed = self._named(await insist(self._p.vault.list))
        self.stands = tuple(self._stand(info) for info in listed)
        self.effects.know_secrets(_rules(listed))
        seen = await insist(lambda: self._p.effects.seen.read(self._task))
        cap = self.effects.facts.budget().bytes_out - seen.spent.bytes_out
        self._judge = TaskJudge(
            self.effects, stands=self.stands, vault=self._p.vault, config=self._config.version,
            sent_cap=cap, looks=self._looks,
        )  # fmt: skip
        self._proxy = EgressProxy(
            self._judge, resolver=self._p.resolver, authority=self._p.authority
        )
        await self._proxy.listen(slot.sock)

    def _named(self, listed: Sequence[SecretInfo]) -> tuple[SecretInfo, ...]:
        """The secrets that the task's manifest names: of others it does not even get stand-ins."""
        manifest = self.effects.facts.manifest
        return tuple(info for info in listed if manifest.grants_secret(info.name, info.host))

    def _stand(self, info: SecretInfo) -> Stand:
        token = token_of(self._p.secret_key, self._task.no, info.name)
        return Stand(name=info.name, host=info.host, header=info.header, token=token)

    async def access(self, wanted: AskAccess) -> str:
        """Asks the owner for hosts; the answer in words. `Denied` when it may not be asked."""
        return await ask_access(self.effects, wanted, config=self._config.version)

    async def close(self) -> None:
        """Cuts everything that is open, and books what was counted."""
        await self.cut()
        if self._judge is not None:
            await self._judge.book()
        await insist(self.effects.flush)

    async def cut(self) -> None:
        """Cuts everything that is open, and listens no more."""
        if self._proxy is not None:
            await self._proxy.close()

    async def keep_books(self) -> None:
        """Books what tunnels sent, and cuts those that are not allowed any more.

        Every second, and at once when the owner may have taken something back; run it beside the
        task.
        """
        await forever(self._look_after, name="books")

    async def _look_after(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await self.effects.changed.wait()
        self.effects.changed.clear()
        if self._judge is not None:
            await self._judge.look_again()
            await self._judge.book()


def _rules(listed: tuple[SecretInfo, ...]) -> list[SecretRule]:
    return [SecretRule(name=info.name, host=info.host) for info in listed]
