"""A wake-up that may get lost: whoever waits looks again after a while anyway."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Wake:
    """`wait` ends at the next `set`, or after `every_s` seconds."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._event = asyncio.Event()
        self._event.set()  # the first look is at once: a former process may have left work

    def set(self) -> None:
        """There may be something to do."""
        self._event.set()

    async def wait(self) -> None:
        """Waits; a `set` from here on counts for the next wait. Cancelling changes nothing."""
        try:
            async with asyncio.timeout(self._every_s):
                await self._event.wait()
        except TimeoutError:
            return
        self._event.clear()


@contextmanager
def again_on_failure(news: Wake | asyncio.Event) -> Iterator[None]:
    """Sets `news` when the block fails or is cancelled: what it left is looked at again at once."""
    try:
        yield
    except BaseException:
        news.set()
        raise
