"""Whether this host can work, what it says about that, and the containers that it keeps warm.

It works while its engine answers and its containers are isolated. Both are looked at before the
first task and with every report; what is wrong is told with what to do about it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from core.errors import Retryable, UserFacing
from executors.pool import Wish
from executors.ports import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.config import ConfigStore
    from core.tasks import Box
    from executors.isolation import Isolation
    from executors.pool import Pool
    from executors.run import RunParts

log = logging.getLogger(__name__)

CHECK_AGAIN_S = 2.0


class Readiness:
    """Of one host; `on_status` hears each status with its detail."""

    def __init__(
        self, host: str, parts: RunParts, *, pool: Pool, config: ConfigStore, isolation: Isolation
    ) -> None:
        self._host = host
        self._p = parts
        self._pool = pool
        self._config = config
        self._isolation = isolation
        self.on_status: Callable[[str, str], None] = lambda status, detail: None

    async def wait(self, *, with_isolation: bool = True) -> None:
        """Returns once this host can work.

        Leave isolation out before left-overs are settled: its container would look like one.
        """
        is_able = self._is_able
        while not await is_able(with_isolation=with_isolation):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(CHECK_AGAIN_S)

    async def keep_warm(self) -> None:
        """One look: refills the pool and reports; again at once while the pool lacks something."""
        await self._pool.lacking.wait()
        if not await self._is_able():
            await asyncio.sleep(CHECK_AGAIN_S)
            self._pool.lacking.set()
            return
        if not await self._pool.refill(await self._wishes()):
            self._pool.lacking.set()
        await self._report("ready", f"{self._pool.count} warm")

    async def _is_able(self, *, with_isolation: bool = True) -> bool:
        try:
            await self._p.launcher.check()
            if with_isolation:
                await self._isolation.check()
        except (UserFacing, Retryable) as error:
            why = error.sentence() if isinstance(error, UserFacing) else str(error)
            await self._report("not_able", why)
            return False
        return True

    async def _report(self, status: str, detail: str) -> None:
        self.on_status(status, detail)
        try:
            await self._p.tasks.report_host(host=self._host, status=status, detail=detail)
        except Retryable as error:
            log.warning("status not reported: %s", error)

    async def _wishes(self) -> dict[Box, Wish]:
        """What should be warm; a browser only where its image is already."""
        config = await self._config.current()
        sizes: dict[Box, int] = {"executor": config.whole("pool.size")}
        browsers = config.whole("pool.browser")
        if browsers and await self._p.launcher.has_image("browser"):
            sizes["browser"] = browsers
        return {box: Wish(size=size, limits=Limits.of(config, box)) for box, size in sizes.items()}
