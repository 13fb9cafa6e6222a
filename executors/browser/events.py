"""What the browser tells between calls: tabs that come, go, load, crash, ask; downloads.

Every handler only writes down what it was told, and says something back without waiting.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from executors.browser.tabs import Request, Tab

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from executors.browser.pipe import Event
    from executors.browser.tabs import Tabs

    Say = Callable[[str, dict[str, Any], str | None], None]

TABS_CAP = 10
CHANGES = frozenset(("POST", "PUT", "PATCH", "DELETE"))
BACKGROUND = frozenset(
    ("Ping", "CSPViolationReport", "Preflight", "EventSource", "Media", "Image", "Font")
)
WITHIN = frozenset(("sameDocument", "historySameDocument"))


class Events:
    """Keeps `tabs` up to date; `say` sends a call whose answer nobody needs."""

    def __init__(self, tabs: Tabs, say: Say) -> None:
        self._tabs = tabs
        self._say = say
        self._count = 0
        self._downloads = ""
        self.downloading: dict[str, Event] = {}

    def heard(self, event: Event) -> None:
        """Handles one event."""
        params = event.get("params", {})
        session = event.get("sessionId")
        if (tab := self._tabs.of_session(session)) is not None:
            tab.heard_at = time.monotonic()
        handler = _HANDLERS.get(event["method"])
        if handler is not None:
            handler(self, params, session)

    def _attached(self, params: Event, session: str | None) -> None:
        info, made = params["targetInfo"], params["sessionId"]
        if info["type"] == "page":
            self._page_attached(info, made)
        elif info["type"] == "iframe" and (tab := self._tabs.of_session(session)) is not None:
            tab.frames[info["targetId"]] = made
            self._enable(made)
        self._say("Runtime.runIfWaitingForDebugger", {}, made)

    def _page_attached(self, info: Event, session: str) -> None:
        self._count += 1
        tab = Tab(number=self._count, target=info["targetId"], session=session, url=info["url"])
        is_first = not self._tabs.tabs
        if len(self._tabs.tabs) >= TABS_CAP:
            self._say("Target.closeTarget", {"targetId": tab.target}, None)
            self._tabs.note("The page opened a window; it was closed, for too many are open.")
            return
        self._tabs.tabs[tab.number] = tab
        self._enable(session)
        if is_first:
            self._tabs.current = tab.number
        elif info.get("openerId"):
            self._tabs.current = tab.number
            self._tabs.note(
                f"The page opened a new window; it is tab {tab.number} and you are in it now."
            )

    def _enable(self, session: str) -> None:
        for method, params in (
            ("Page.enable", {}), ("Network.enable", _SMALL), ("Inspector.enable", {}),
            ("Target.setAutoAttach", ATTACH),
            ("Page.setInterceptFileChooserDialog", {"enabled": True}),
        ):  # fmt: skip
            self._say(method, params, session)
        if self._downloads:
            self._allow_downloads(self._downloads)

    def allow_into(self, folder: Path) -> None:
        """Downloads go into this folder; the same again does nothing."""
        if self._downloads != str(folder):
            folder.mkdir(exist_ok=True)
            self._allow_downloads(str(folder))

    def _allow_downloads(self, folder: str) -> None:
        """What pages hand out is kept in `folder` under names of the browser's own."""
        self._downloads = folder
        self._say(
            "Browser.setDownloadBehavior",
            {"behavior": "allowAndName", "downloadPath": folder, "eventsEnabled": True}, None,
        )  # fmt: skip

    def _detached(self, params: Event, session: str | None) -> None:
        gone = params["sessionId"]
        for tab in list(self._tabs.tabs.values()):
            if tab.session == gone:
                self._tabs.forget(tab)
            for target, inner in list(tab.frames.items()):
                if inner == gone:
                    del tab.frames[target]
                    self._tabs.refs.forget(gone)
            for number in [n for n, r in tab.requests.items() if r.session == gone]:
                del tab.requests[number]  # nobody will tell how they end

    def _changed(self, params: Event, session: str | None) -> None:
        info = params["targetInfo"]
        if (tab := self._tabs.of_target(info["targetId"])) is not None:
            tab.url = info["url"]

    def _target_crashed(self, params: Event, session: str | None) -> None:
        if (tab := self._tabs.of_target(params["targetId"])) is not None:
            tab.has_crashed = True

    def _session_crashed(self, params: Event, session: str | None) -> None:
        if (tab := self._tabs.of_session(session)) is not None and tab.session == session:
            tab.has_crashed = True

    def _navigated(self, params: Event, session: str | None) -> None:
        frame = params["frame"]
        tab = self._tabs.of_session(session)
        if tab is None:
            return
        if not frame.get("parentId") or session != tab.session:
            self._tabs.refs.forget(str(session))
        if not frame.get("parentId") and session == tab.session:
            tab.url = frame["url"] + frame.get("urlFragment", "")
            tab.requests.clear()

    def _moved_within(self, params: Event, session: str | None) -> None:
        tab = self._tabs.of_session(session)
        if tab is not None and params["frameId"] == tab.target:
            tab.url = params["url"]

    def _loading(self, params: Event, session: str | None) -> None:
        tab = self._tabs.of_session(session)
        is_within = params.get("navigationType") in WITHIN  # no document ends, nothing says so
        if tab is not None and params["frameId"] == tab.target and not is_within:
            tab.is_loading = True

    def _loaded(self, params: Event, session: str | None) -> None:
        tab = self._tabs.of_session(session)
        if tab is not None and params["frameId"] == tab.target:
            tab.is_loading = False
            # A page opened before it tells what happens in it never tells its document's end.
            for number in [n for n, r in tab.requests.items() if r.is_document]:
                del tab.requests[number]

    def _dialog(self, params: Event, session: str | None) -> None:
        tab = self._tabs.of_session(session)
        if tab is None:
            return
        if params["type"] in {"alert", "beforeunload"}:
            self._say("Page.handleJavaScriptDialog", {"accept": True}, session)
            if params["type"] == "alert":
                self._tabs.note(
                    f'The page showed a message, now closed: "{params["message"][:500]}"'
                )
            return
        tab.dialog = {**params, "session": session}

    def _dialog_closed(self, params: Event, session: str | None) -> None:
        if (tab := self._tabs.of_session(session)) is not None:
            tab.dialog = None

    def _requested(self, params: Event, session: str | None) -> None:
        tab = self._tabs.of_session(session)
        kind = params.get("type", "")
        is_change = params["request"]["method"] in CHANGES
        if tab is not None and (is_change or kind not in BACKGROUND):
            is_document = kind == "Document"
            request = Request(session=session, is_document=is_document, is_change=is_change)
            tab.requests[params["requestId"]] = request

    def _answered(self, params: Event, session: str | None) -> None:
        if (tab := self._tabs.of_session(session)) is not None:
            tab.requests.pop(params["requestId"], None)

    def _responded(self, params: Event, session: str | None) -> None:
        headers = {k.lower(): v for k, v in params["response"].get("headers", {}).items()}
        if reason := headers.get("x-agentai-reason"):
            self._tabs.note(f"network: {params['response']['url'][:200]} was refused ({reason}).")

    def _download(self, params: Event, session: str | None) -> None:
        self.downloading[params["guid"]] = {
            "name": params["suggestedFilename"], "url": params["url"], "state": "inProgress",
        }  # fmt: skip

    def _downloaded(self, params: Event, session: str | None) -> None:
        if params["guid"] in self.downloading:
            self.downloading[params["guid"]].update(params)

    def _chooser(self, params: Event, session: str | None) -> None:
        self._tabs.note(
            "The page asks for a file; hand one over with upload and the field's reference."
        )


ATTACH = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
_SMALL = {"maxTotalBufferSize": 1 << 20, "maxResourceBufferSize": 1 << 18, "maxPostDataSize": 0}
_HANDLERS: dict[str, Callable[[Events, Event, str | None], None]] = {
    "Target.attachedToTarget": Events._attached,  # noqa: SLF001 - its own table
    "Target.detachedFromTarget": Events._detached,  # noqa: SLF001
    "Target.targetInfoChanged": Events._changed,  # noqa: SLF001
    "Page.frameStartedNavigating": Events._loading,  # noqa: SLF001
    "Target.targetCrashed": Events._target_crashed,  # noqa: SLF001
    "Inspector.targetCrashed": Events._session_crashed,  # noqa: SLF001
    "Page.frameNavigated": Events._navigated,  # noqa: SLF001
    "Page.navigatedWithinDocument": Events._moved_within,  # noqa: SLF001
    "Page.frameStartedLoading": Events._loading,  # noqa: SLF001
    "Page.frameStoppedLoading": Events._loaded,  # noqa: SLF001
    "Page.javascriptDialogOpening": Events._dialog,  # noqa: SLF001
    "Page.javascriptDialogClosed": Events._dialog_closed,  # noqa: SLF001
    "Page.fileChooserOpened": Events._chooser,  # noqa: SLF001
    "Network.requestWillBeSent": Events._requested,  # noqa: SLF001
    "Network.loadingFinished": Events._answered,  # noqa: SLF001
    "Network.loadingFailed": Events._answered,  # noqa: SLF001
    "Network.responseReceived": Events._responded,  # noqa: SLF001
    "Browser.downloadWillBegin": Events._download,  # noqa: SLF001
    "Browser.downloadProgress": Events._downloaded,  # noqa: SLF001
}
