"""The tabs of one browser: which there are, which is current, and what the model should know."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from executors.browser.tree import Refs

NOTES_CAP = 20
DIALOG = "The page shows a question and does nothing until it is answered with the tool dialog"


class DialogOpen(Exception):  # noqa: N818 - a state of the page
    """The page shows a dialog and does nothing until it is answered."""


class Crashed(Exception):  # noqa: N818 - a state of the page
    """The page's process has ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A request under way."""

    session: str | None
    is_document: bool
    is_change: bool


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
    requests: dict[str, Request] = field(default_factory=dict)
    heard_at: float = field(default_factory=time.monotonic)

    @property
    def is_busy(self) -> bool:
        """Whether it loads or waits for an answer."""
        return self.is_loading or bool(self.requests)


class Tabs:
    """All tabs by number. A reference to an element ends with the document it belongs to."""

    def __init__(self) -> None:
        self.refs = Refs()
        self.tabs: dict[int, Tab] = {}
        self.current = 0
        self.notes: list[str] = []

    def of_session(self, session: str | None) -> Tab | None:
        """The tab that a session belongs to, its own or one of a frame in it."""
        return next(
            (t for t in self.tabs.values() if session in (t.session, *t.frames.values())), None
        )

    def of_target(self, target: str) -> Tab | None:
        """The tab with this target."""
        return next((t for t in self.tabs.values() if t.target == target), None)

    def forget(self, tab: Tab) -> None:
        """The tab is gone; another becomes current."""
        self._forget_sessions(tab)
        self.tabs.pop(tab.number, None)
        if self.current == tab.number and self.tabs:
            self.current = max(self.tabs)

    def forget_tabs(self) -> None:
        """All tabs are gone."""
        for tab in self.tabs.values():
            self._forget_sessions(tab)
        self.tabs.clear()

    def _forget_sessions(self, tab: Tab) -> None:
        for session in (tab.session, *tab.frames.values()):
            self.refs.forget(session)

    def note(self, text: str) -> None:
        """Something the model should know with its next result."""
        if len(self.notes) < NOTES_CAP:
            self.notes.append(text)

    def dialog_notes(self) -> list[str]:
        """The question that the current page shows, as a note."""
        tab = self.tabs.get(self.current)
        if tab is None or tab.dialog is None:
            return []
        said = tab.dialog
        return [f'{DIALOG} ({said["type"]}): "{said["message"][:500]}"']
