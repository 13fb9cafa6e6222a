"""The browser's place in the worker: started with the container, shown when the host asks.

The browser is launched before the task is known, so that a warm container has a warm browser. While
the gateway holds a request for the owner's decision, no clock of the task runs.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from executors.browser.browser import Browser
from executors.browser.page import Page
from executors.browser.pipe import BrowserGone, CallFailed, TooSlow
from executors.browser.schemas import PROMPT, SCHEMAS
from executors.browser.tabs import Crashed, DialogOpen, Tab
from executors.browser.tools import BrowserTools
from executors.worker import network
from executors.worker.tools import BadCall

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from executors.worker.clock import WorkClock
    from executors.worker.link import Link

QUALITY = 55
SETTLE_S = 2.0
ADDRESS_CAP = 2_000


class Desk:
    """Implements `executors.worker.agent.MoreTools` with one browser."""

    schemas = SCHEMAS
    prompt = PROMPT

    def __init__(self, link: Link, work: Path, port: int) -> None:
        self._link = link
        self._work = work
        self._clock: WorkClock | None = None
        self._is_showing = False
        self._browser = Browser(
            scratch=network.SCRATCH, port=port, aside=self._aside, while_waiting=self._meanwhile
        )
        self._tools = BrowserTools(self._browser, work, {})
        link.on_look = self._show
        try:
            self._browser.launch()
        except (OSError, BrowserGone) as error:
            sys.stderr.write(f"worker: no browser can be started: {error}\n")

    @property
    def results(self) -> list[str]:
        """Pictures that were taken for the owner."""
        return self._tools.results

    def begin(self, secrets: Mapping[str, str], clock: WorkClock) -> None:
        """See the port."""
        self._clock = clock
        self._tools = BrowserTools(self._browser, self._work, secrets)

    def has(self, name: str) -> bool:
        """See the port."""
        return self._tools.has(name)

    def run(self, name: str, arguments: dict[str, Any]) -> str:
        """See the port."""
        try:
            return self._tools.run(name, arguments)
        except OSError as error:
            raise BadCall(f"{name}: {error.strerror or error}") from None

    def close(self) -> None:
        """Ends the browser."""
        self._browser.stop()

    # --- while something waits ---

    def _aside(self) -> int | None:
        return None if self._is_showing else self._link.descriptor

    def _meanwhile(self, is_said: bool, passed_s: float) -> float:
        """Hears the host; time that passes while the owner is asked does not count."""
        if is_said:
            self._link.listen()
        if not self._link.is_held or self._clock is None:
            return 0.0
        self._clock.add(passed_s)
        return passed_s

    def _show(self, number: int) -> None:
        """Sends the host a picture of the page as it is now, or why there is none."""
        if self._is_showing:
            return
        self._is_showing = True
        try:
            self._link.tell("look", look=number, **self._picture())
        finally:
            self._is_showing = False

    def _taken(self, page: Page, tab: Tab) -> str:
        """The picture; of a page that is about to change once it has."""
        try:
            return page.picture(quality=QUALITY)
        except CallFailed:
            self._browser.settle(tab, SETTLE_S)
            return page.picture(quality=QUALITY)

    def _picture(self) -> dict[str, str]:
        tab = self._browser.tabs.get(self._browser.current)
        if tab is None or not self._browser.is_running:
            return {"address": "", "picture": "", "trouble": "no page is open"}
        address = tab.url[:ADDRESS_CAP]
        try:
            picture = self._taken(Page(self._browser, tab), tab)
        except DialogOpen:
            return {"address": address, "picture": "", "trouble": "the page shows a question"}
        except (TooSlow, BrowserGone, Crashed, CallFailed):
            return {"address": address, "picture": "", "trouble": "the page does not answer"}
        return {"address": address, "picture": picture, "trouble": ""}
