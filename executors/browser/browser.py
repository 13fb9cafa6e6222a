"""One browser with its tabs: calls that never wait for ever, and what happens between them.

    closed ──start──► running ──the process ends──► closed ──next action──► running, last page again

A tab that crashes or hangs is closed and opened anew at its last address (reading only). Dialogs
stop a page until they are answered; new windows become tabs. All of it is told to the model as
notes with the next result.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from executors.browser import scripts
from executors.browser.chromium import Chromium
from executors.browser.events import ATTACH, TABS_CAP, Events
from executors.browser.pipe import BrowserGone, CallFailed, Pipe, TooSlow
from executors.browser.tabs import Crashed, DialogOpen, Tabs
from executors.worker.tools import BadCall

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from executors.browser.tabs import Tab

CALL_S = 10.0
START_S = 30.0
QUIET_S = 0.12
TURN_S = 2.0
LOOK_EVERY_S = 0.5
STUCK_S = 4.0


class Browser(Tabs):
    """Owns the process.

    In every wait the descriptor of `aside` is watched, too, and `while_waiting` is called with
    whether something came there and with the seconds that passed; it returns seconds to add.
    """

    def __init__(
        self, *, scratch: str, port: int, aside: Callable[[], int | None] = lambda: None,
        while_waiting: Callable[[bool, float], float] = lambda _said, _passed: 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self._chromium = Chromium(scratch, port)
        self._aside = aside
        self._while_waiting = while_waiting
        self._events = Events(self, self.quietly)
        self.downloading = self._events.downloading
        self._pipe: Pipe | None = None

    @property
    def is_running(self) -> bool:
        """Whether the process is there, as far as we know."""
        return self._pipe is not None and not self._pipe.is_gone

    def launch(self) -> None:
        """Starts the process without waiting for it; what is needed first comes later."""
        self._pipe = Pipe(self._events.heard)
        self._chromium.start(self._pipe)
        for method, params in (
            ("Target.setDiscoverTargets", {"discover": True}),
            ("Target.setAutoAttach", ATTACH),
            ("Target.createTarget", {"url": "about:blank"}),
        ):
            self._pipe.forget(self._pipe.send(method, params, None))

    def notice(self) -> None:
        """Handles what has happened by now, the end of the process included."""
        with contextlib.suppress(BrowserGone):
            if self._pipe is not None and not self._pipe.is_gone:
                self._pipe.take_all()  # the end comes after the last words

    def ensure(self) -> Tab:
        """The tab to act on; starts what is not running. Raises `TooSlow` or `BrowserGone`."""
        if not self.is_running:
            was_running = self._pipe is not None
            self._restart()
            if was_running:
                self.note("The browser crashed; it was started again.")
        if not self.tabs:
            self.wait_for(lambda: bool(self.tabs), START_S, "The browser did not start.")
        if self.current not in self.tabs:
            self.current = max(self.tabs)
        tab = self.tabs[self.current]
        return self._revived(tab) if tab.has_crashed else tab

    def _restart(self) -> None:
        self._forget_all()
        self._chromium.stop()
        self.launch()

    def _forget_all(self) -> None:
        self.forget_tabs()
        if self._pipe is not None:
            self._pipe.close()

    def stop(self) -> None:
        """Ends the process."""
        self._chromium.stop()
        if self._pipe is not None:
            self._forget_all()

    def _revived(self, tab: Tab) -> Tab:
        """A new tab in the place of one that crashed, at the same address."""
        made = self.new_tab()
        made.url = tab.url
        self.close_tab(tab)
        self.note("The page crashed; it was reopened.")
        if made.url.startswith(("http://", "https://")):
            self.quietly("Page.navigate", {"url": made.url}, made.session)
            self.settle(made, CALL_S)
        return made

    def call(
        self, method: str, params: dict[str, Any] | None = None, *, session: str | None = None,
        within_s: float | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """The result of a call.

        Raises `CallFailed`, `TooSlow`, `BrowserGone`, and for a tab's session `DialogOpen` or
        `Crashed` as soon as that happens.
        """
        pipe = self._running()
        number = pipe.send(method, params or {}, session)
        tab = self.of_session(session)
        found: list[dict[str, Any]] = []

        def is_there() -> bool:
            answer = pipe.answer(number)
            if answer is not None:
                found.append(answer)
                return True
            if tab is not None and tab.has_crashed:
                raise Crashed
            if tab is not None and tab.dialog is not None and not method.startswith("Page.handle"):
                raise DialogOpen
            return False

        try:
            self.wait_for(is_there, within_s or CALL_S, "The page does not answer.")
        finally:
            pipe.forget(number)
        return found[0]

    def quietly(self, method: str, params: dict[str, Any], session: str | None = None) -> None:
        """A call whose answer nobody needs."""
        pipe = self._running()
        pipe.forget(pipe.send(method, params, session))

    def _running(self) -> Pipe:
        if self._pipe is None or self._pipe.is_gone:
            raise BrowserGone
        return self._pipe

    def wait_for(self, is_done: Callable[[], bool], within_s: float, why: str) -> None:
        """Waits until it is done; what a person decides meanwhile takes no time. `TooSlow`."""
        pipe = self._running()
        until = time.monotonic() + within_s
        while not is_done():
            now = time.monotonic()
            if now >= until:
                raise TooSlow(why)
            is_said = pipe.wait(min(until, now + LOOK_EVERY_S), self._aside())
            until += self._while_waiting(is_said, time.monotonic() - now)

    def settle(self, tab: Tab, within_s: float) -> bool:
        """Waits until the tab is quiet for a moment; False when it was still busy at the end.

        A page that keeps a request open for ever is quiet, too, once nothing happens any more.
        """
        pipe = self._running()
        began = quiet_since = time.monotonic()
        until = began + within_s
        while (now := time.monotonic()) < until:
            if tab.dialog is not None or tab.has_crashed or tab.number not in self.tabs:
                return True
            if tab.is_busy and now - max(began, tab.heard_at) > STUCK_S and self._is_idle(tab):
                return True
            quiet_since = now if tab.is_busy else quiet_since
            if now - quiet_since >= QUIET_S:
                return True
            pause = LOOK_EVERY_S if tab.is_busy else QUIET_S / 3
            is_said = pipe.wait(min(until, now + pause), self._aside())
            held_s = self._while_waiting(is_said, time.monotonic() - now)
            until, began = until + held_s, time.monotonic() if held_s else began
        return False

    def _is_idle(self, tab: Tab) -> bool:
        """Whether only what may never end is under way, and the document is complete."""
        if any(r.is_document or r.is_change for r in tab.requests.values()):
            return False
        found: dict[str, Any] = {}
        with contextlib.suppress(CallFailed, TooSlow, DialogOpen, Crashed):
            found = self.call("Runtime.evaluate", scripts.STATE, session=tab.session)
        tab.heard_at = time.monotonic()
        is_complete: bool = found.get("result", {}).get("value") == "complete"
        if is_complete:
            tab.is_loading = False
            tab.requests.clear()
        return is_complete

    def let_react(self, tab: Tab) -> None:
        """Gives the page's scripts a turn, so that what an action set off has begun."""
        with contextlib.suppress(CallFailed, TooSlow, DialogOpen):
            self.call("Runtime.evaluate", scripts.TURN, session=tab.session, within_s=TURN_S)

    def until(self, is_done: Callable[[], bool], within_s: float) -> bool:
        """Whether it was done within the time; looks twice a second and at every event."""
        try:
            self.wait_for(is_done, within_s, "")
        except TooSlow:
            return False
        return True

    def pause(self, seconds: float) -> None:
        """Waits, handling what comes meanwhile."""
        self.until(lambda: False, seconds)

    def new_tab(self) -> Tab:
        """Opens an empty tab and makes it the current one."""
        if len(self.tabs) >= TABS_CAP:
            raise BadCall(f"{TABS_CAP} tabs are open; close one first")
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self.wait_for(lambda: self.of_target(target) is not None, CALL_S, "No tab was opened.")
        self.current = max(self.tabs)
        return self.tabs[self.current]

    def close_tab(self, tab: Tab) -> None:
        """Closes a tab, whatever its page wants."""
        self.forget(tab)
        self.quietly("Target.closeTarget", {"targetId": tab.target})

    def allow_into(self, folder: Path) -> None:
        """Downloads go into this folder; the same again does nothing."""
        if self.is_running:
            self._events.allow_into(folder)
