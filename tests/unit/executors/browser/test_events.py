"""What the browser tells between calls, and what a tab waits for after it."""

from typing import Any

import pytest

from executors.browser.events import Events
from executors.browser.tabs import Tabs

SESSION, FRAME = "s1", "s2"


class Told:
    """One open tab with a foreign frame in it."""

    def __init__(self) -> None:
        self.tabs = Tabs()
        self.said: list[str] = []
        self.events = Events(self.tabs, lambda method, _params, _session: self.said.append(method))
        self.attached("t1", SESSION, "page", None)
        self.attached("f1", FRAME, "iframe", SESSION)
        self.tab = self.tabs.tabs[1]

    def hear(self, method: str, session: str | None = SESSION, **params: Any) -> None:
        self.events.heard({"method": method, "sessionId": session, "params": params})

    def attached(self, target: str, made: str, kind: str, session: str | None) -> None:
        info = {"targetId": target, "type": kind, "url": "about:blank"}
        self.hear("Target.attachedToTarget", session, targetInfo=info, sessionId=made)

    def sends(self, number: str, kind: str, method: str = "GET", session: str = SESSION) -> None:
        self.hear(
            "Network.requestWillBeSent", session, requestId=number, type=kind,
            request={"method": method},
        )  # fmt: skip


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_document_whose_end_nobody_told_is_over_when_the_page_stops_loading(told: Told) -> None:
    told.hear("Page.frameStartedLoading", frameId="t1")
    told.sends("1", "Document")
    told.sends("2", "Fetch", "POST")
    told.hear("Page.frameStoppedLoading", frameId="t1")
    assert list(told.tab.requests) == ["2"]
    assert not told.tab.is_loading


def test_requests_of_a_frame_end_with_it(told: Told) -> None:
    told.sends("1", "Fetch", session=FRAME)
    told.sends("2", "Fetch")
    told.hear("Target.detachedFromTarget", sessionId=FRAME)
    assert list(told.tab.requests) == ["2"]
    assert told.tab.frames == {}


@pytest.mark.parametrize(
    ("kind", "is_loading"),
    [("sameDocument", False), ("historySameDocument", False), ("differentDocument", True)],
)
def test_a_move_within_a_document_is_no_load(told: Told, kind: str, *, is_loading: bool) -> None:
    told.hear("Page.frameStartedNavigating", frameId="t1", navigationType=kind)
    assert told.tab.is_loading is is_loading


@pytest.mark.parametrize(
    ("kind", "method", "is_awaited"),
    [("Image", "GET", False), ("Image", "POST", True), ("Fetch", "GET", True),
     ("Ping", "GET", False)],
)  # fmt: skip
def test_what_a_page_does_beside_is_not_waited_for_unless_it_changes(
    told: Told, kind: str, method: str, *, is_awaited: bool
) -> None:
    told.sends("1", kind, method)
    assert told.tab.is_busy is is_awaited


def test_a_flood_of_windows_is_closed_and_told(told: Told) -> None:
    for number in range(30):
        told.attached(f"w{number}", f"x{number}", "page", None)
    assert len(told.tabs.tabs) == 10
    assert told.said.count("Target.closeTarget") == 21
    assert len(told.tabs.notes) == 20
