"""One browser with its tabs: calls that never wait for ever, and what happens between them.

    closed ──start──► running ──the process ends──► closed ──next action──► running, last page again

A tab that crashes or hangs is closed and opened anew at its last address (reading only). Dialogs
stop a page until they are answered; new windows become tabs. All of it is told to the model as
notes with the next result.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from executors.browser.chromium import Chromium
from executors.browser.pipe import BrowserGone, CallFailed, Pipe, TooSlow
from executors.browser.tree import Refs
from executors.worker.tools import BadCall

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from executors.browser.pipe import Event

CALL_S = 10.0
START_S = 30.0
QUIET_S = 0.12
TURN_S = 2.0
LOOK_EVERY_S = 0.5
TABS_CAP = 10
NOTES_CAP = 20
DIALOG = "The page shows a question and does nothing until it is answered with the tool dialog"
CHANGES = frozenset(("POST", "PUT", "PATCH", "DELETE"))
BACKGROUND = frozenset(
    ("Ping", "CSPViolationReport", "Preflight", "EventSource", "Media", "Image", "Font")
)


@dataclass
class Tab:
    """One page. `session` is how it is spoken to; `frames` are sessions of foreign frames in it."""

    number: int
    target: str
    session: str
    url: str = "about:blank"
    is_loading: bool = False
    has_crashed: bool = False
    dialog: dict[str, Any] | None = None
    frames: dict[str, str] = field(default_factory=dict)
    requests: dict[str, str] = field(default_factory=dict)


class DialogOpen(Exception):  # noqa: N818 - a state of the page
    """The page shows a dialog and does nothing until it is answered."""


class Crashed(Exception):  # noqa: N818 - a state of the page
    """The page's process has ended."""


class Browser:
    """Owns the process.

    In every wait the descriptor of `aside` is watched, too, and `while_waiting` is called with
    whether something came there and with the seconds that passed; it returns seconds to add.
    """

    def __init__(
        self, *, scratch: str, port: int, aside: Callable[[], int | None] = lambda: None,
        while_waiting: Callable[[bool, float], float] = lambda _said, _passed: 0.0,
    ) -> None:  # fmt: skip
        self._chromium = Chromium(scratch, port)
        self._aside = aside
        self._while_waiting = while_waiting
        self.downloads = ""
        self.refs = Refs()
        self.tabs: dict[int, Tab] = {}
        self.current = 0
        self.notes: list[str] = []
        self.downloading: dict[str, Event] = {}
        self._pipe: Pipe | None = None
        self._count = 0
        self._last_url = ""

    # --- the process ---

    @property
    def is_running(self) -> bool:
        """Whether the process is there, as far as we know."""
        return self._pipe is not None and not self._pipe.is_gone

    def launch(self) -> None:
        """Starts the process without waiting for it; what is needed first comes later."""
        self._pipe = Pipe(self._heard)
        self._chromium.start(self._pipe)
        for method, params in (
            ("Target.setDiscoverTargets", {"discover": True}),
            ("Target.setAutoAttach", _ATTACH),
            ("Target.createTarget", {"url": "about:blank"}),
        ):
            self._pipe.forget(self._pipe.send(method, params, None))

    def notice(self) -> None:
        """Handles what has happened by now, the end of the process included."""
        with contextlib.suppress(BrowserGone):
            if self._pipe is not None and not self._pipe.is_gone:
                self._pipe.wait(0.0)

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
        for tab in self.tabs.values():
            self._forget_sessions(tab)
        self.tabs.clear()
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

    # --- calls ---

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
        tab = self._of_session(session)
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
        """Waits until the tab is quiet for a moment; False when it was still busy at the end."""
        quiet_since = time.monotonic()

        def is_quiet() -> bool:
            nonlocal quiet_since
            if tab.dialog is not None or tab.has_crashed or tab.number not in self.tabs:
                return True
            now = time.monotonic()
            if tab.is_loading or tab.requests:
                quiet_since = now
            return now - quiet_since >= QUIET_S

        pipe = self._running()
        until = time.monotonic() + within_s
        while not is_quiet():
            now = time.monotonic()
            if now >= until:
                return False
            pause = LOOK_EVERY_S if tab.is_loading or tab.requests else QUIET_S / 3
            is_said = pipe.wait(min(until, now + pause), self._aside())
            until += self._while_waiting(is_said, time.monotonic() - now)
        return True

    def let_react(self, tab: Tab) -> None:
        """Gives the page's scripts a turn, so that what an action set off has begun."""
        with contextlib.suppress(CallFailed, TooSlow, DialogOpen):
            self.call("Runtime.evaluate", _TURN, session=tab.session, within_s=TURN_S)

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

    def dialog_notes(self) -> list[str]:
        """The question that the current page shows, as a note."""
        tab = self.tabs.get(self.current)
        if tab is None or tab.dialog is None:
            return []
        said = tab.dialog
        return [f'{DIALOG} ({said["type"]}): "{said["message"][:500]}"']

    # --- tabs ---

    def new_tab(self) -> Tab:
        """Opens an empty tab and makes it the current one."""
        if len(self.tabs) >= TABS_CAP:
            raise BadCall(f"{TABS_CAP} tabs are open; close one first")
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self.wait_for(lambda: self._of_target(target) is not None, CALL_S, "No tab was opened.")
        tab = self._of_target(target)
        assert tab is not None  # noqa: S101 - waited for
        self.current = tab.number
        return tab

    def close_tab(self, tab: Tab) -> None:
        """Closes a tab, whatever its page wants."""
        self._gone(tab)
        self.quietly("Target.closeTarget", {"targetId": tab.target})

    def _of_session(self, session: str | None) -> Tab | None:
        return next(
            (t for t in self.tabs.values() if session in (t.session, *t.frames.values())), None
        )

    def _of_target(self, target: str) -> Tab | None:
        return next((t for t in self.tabs.values() if t.target == target), None)

    def _forget_sessions(self, tab: Tab) -> None:
        for session in (tab.session, *tab.frames.values()):
            self.refs.forget(session)

    def _gone(self, tab: Tab) -> None:
        self._forget_sessions(tab)
        self.tabs.pop(tab.number, None)
        if self.current == tab.number and self.tabs:
            self.current = max(self.tabs)

    def note(self, text: str) -> None:
        """Something the model should know with its next result."""
        if len(self.notes) < NOTES_CAP:
            self.notes.append(text)

    # --- events ---

    def _heard(self, event: Event) -> None:
        params = event.get("params", {})
        session = event.get("sessionId")
        handler = _HANDLERS.get(event["method"])
        if handler is not None:
            handler(self, params, session)

    def _attached(self, params: Event, session: str | None) -> None:
        info, made = params["targetInfo"], params["sessionId"]
        if info["type"] == "page":
            self._page_attached(info, made)
        elif info["type"] == "iframe" and (tab := self._of_session(session)) is not None:
            tab.frames[info["targetId"]] = made
            self._enable(made)
        self.quietly("Runtime.runIfWaitingForDebugger", {}, made)

    def _page_attached(self, info: Event, session: str) -> None:
        self._count += 1
        tab = Tab(number=self._count, target=info["targetId"], session=session, url=info["url"])
        is_first = not self.tabs
        if len(self.tabs) >= TABS_CAP:
            self.quietly("Target.closeTarget", {"targetId": tab.target})
            self.note("The page opened a window; it was closed, for too many are open.")
            return
        self.tabs[tab.number] = tab
        self._enable(session)
        if is_first:
            self.current = tab.number
        elif info.get("openerId"):
            self.current = tab.number
            self.note(
                f"The page opened a new window; it is tab {tab.number} and you are in it now."
            )

    def _enable(self, session: str) -> None:
        for method, params in (
            ("Page.enable", {}), ("Network.enable", _SMALL), ("Inspector.enable", {}),
            ("Target.setAutoAttach", _ATTACH),
            ("Page.setInterceptFileChooserDialog", {"enabled": True}),
        ):  # fmt: skip
            self.quietly(method, params, session)
        if self.downloads:
            self.allow_downloads(self.downloads)

    def allow_into(self, folder: Path) -> None:
        """Downloads go into this folder; the same again does nothing."""
        if self.downloads != str(folder) and self.is_running:
            folder.mkdir(exist_ok=True)
            self.allow_downloads(str(folder))

    def allow_downloads(self, folder: str) -> None:
        """What pages hand out is kept in `folder` under names of the browser's own."""
        self.downloads = folder
        self.quietly(
            "Browser.setDownloadBehavior",
            {"behavior": "allowAndName", "downloadPath": folder, "eventsEnabled": True},
        )

    def _detached(self, params: Event, session: str | None) -> None:
        gone = params["sessionId"]
        for tab in list(self.tabs.values()):
            if tab.session == gone:
                self._gone(tab)
            for target, inner in list(tab.frames.items()):
                if inner == gone:
                    del tab.frames[target]
                    self.refs.forget(gone)

    def _changed(self, params: Event, session: str | None) -> None:
        info = params["targetInfo"]
        if (tab := self._of_target(info["targetId"])) is not None:
            tab.url = info["url"]

    def _target_crashed(self, params: Event, session: str | None) -> None:
        if (tab := self._of_target(params["targetId"])) is not None:
            tab.has_crashed = True

    def _session_crashed(self, params: Event, session: str | None) -> None:
        if (tab := self._of_session(session)) is not None and tab.session == session:
            tab.has_crashed = True

    def _navigated(self, params: Event, session: str | None) -> None:
        frame = params["frame"]
        tab = self._of_session(session)
        if tab is None:
            return
        if not frame.get("parentId") or session != tab.session:
            self.refs.forget(str(session))
        if not frame.get("parentId") and session == tab.session:
            tab.url = frame["url"] + frame.get("urlFragment", "")
            tab.requests.clear()

    def _moved_within(self, params: Event, session: str | None) -> None:
        tab = self._of_session(session)
        if tab is not None and params["frameId"] == tab.target:
            tab.url = params["url"]

    def _loading(self, params: Event, session: str | None) -> None:
        tab = self._of_session(session)
        if tab is not None and params["frameId"] == tab.target:
            tab.is_loading = True

    def _loaded(self, params: Event, session: str | None) -> None:
        tab = self._of_session(session)
        if tab is not None and params["frameId"] == tab.target:
            tab.is_loading = False

    def _dialog(self, params: Event, session: str | None) -> None:
        tab = self._of_session(session)
        if tab is None:
            return
        if params["type"] in {"alert", "beforeunload"}:
            self.quietly("Page.handleJavaScriptDialog", {"accept": True}, session)
            if params["type"] == "alert":
                self.note(f'The page showed a message, now closed: "{params["message"][:500]}"')
            return
        tab.dialog = {**params, "session": session}

    def _dialog_closed(self, params: Event, session: str | None) -> None:
        if (tab := self._of_session(session)) is not None:
            tab.dialog = None

    def _requested(self, params: Event, session: str | None) -> None:
        tab = self._of_session(session)
        kind = params.get("type", "")
        is_change = params["request"]["method"] in CHANGES
        if tab is not None and (is_change or kind not in BACKGROUND):
            tab.requests[params["requestId"]] = kind

    def _answered(self, params: Event, session: str | None) -> None:
        if (tab := self._of_session(session)) is not None:
            tab.requests.pop(params["requestId"], None)

    def _responded(self, params: Event, session: str | None) -> None:
        headers = {k.lower(): v for k, v in params["response"].get("headers", {}).items()}
        if reason := headers.get("x-agentai-reason"):
            self.note(f"network: {params['response']['url'][:200]} was refused ({reason}).")

    def _download(self, params: Event, session: str | None) -> None:
        self.downloading[params["guid"]] = {
            "name": params["suggestedFilename"], "url": params["url"], "state": "inProgress",
        }  # fmt: skip

    def _downloaded(self, params: Event, session: str | None) -> None:
        if params["guid"] in self.downloading:
            self.downloading[params["guid"]].update(params)

    def _chooser(self, params: Event, session: str | None) -> None:
        self.note("The page asks for a file; hand one over with upload and the field's reference.")


_ATTACH = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
_TURN = {
    "expression": "new Promise(r => requestAnimationFrame(() => setTimeout(r, 20)))",
    "awaitPromise": True,
}
_SMALL = {"maxTotalBufferSize": 1 << 20, "maxResourceBufferSize": 1 << 18, "maxPostDataSize": 0}
_HANDLERS: dict[str, Callable[[Browser, Event, str | None], None]] = {
    "Target.attachedToTarget": Browser._attached,  # noqa: SLF001 - its own table
    "Target.detachedFromTarget": Browser._detached,  # noqa: SLF001
    "Target.targetInfoChanged": Browser._changed,  # noqa: SLF001
    "Page.frameStartedNavigating": Browser._loading,  # noqa: SLF001
    "Target.targetCrashed": Browser._target_crashed,  # noqa: SLF001
    "Inspector.targetCrashed": Browser._session_crashed,  # noqa: SLF001
    "Page.frameNavigated": Browser._navigated,  # noqa: SLF001
    "Page.navigatedWithinDocument": Browser._moved_within,  # noqa: SLF001
    "Page.frameStartedLoading": Browser._loading,  # noqa: SLF001
    "Page.frameStoppedLoading": Browser._loaded,  # noqa: SLF001
    "Page.javascriptDialogOpening": Browser._dialog,  # noqa: SLF001
    "Page.javascriptDialogClosed": Browser._dialog_closed,  # noqa: SLF001
    "Page.fileChooserOpened": Browser._chooser,  # noqa: SLF001
    "Network.requestWillBeSent": Browser._requested,  # noqa: SLF001
    "Network.loadingFinished": Browser._answered,  # noqa: SLF001
    "Network.loadingFailed": Browser._answered,  # noqa: SLF001
    "Network.responseReceived": Browser._responded,  # noqa: SLF001
    "Browser.downloadWillBegin": Browser._download,  # noqa: SLF001
    "Browser.downloadProgress": Browser._downloaded,  # noqa: SLF001
}
