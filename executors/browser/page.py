"""What can be done with the elements of a page. Every action ends in bounded time."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from executors.browser import scripts
from executors.browser.pipe import CallFailed
from executors.browser.tree import Frame, Place, lines
from executors.worker.tools import BadCall

if TYPE_CHECKING:
    from executors.browser.browser import Browser
    from executors.browser.tabs import Tab

FRAMES_CAP = 30
TREE_S = 15.0
KEYS = {
    "Enter": (13, "\r"), "Tab": (9, ""), "Escape": (27, ""), "Backspace": (8, ""),
    "Delete": (46, ""),
    "ArrowUp": (38, ""), "ArrowDown": (40, ""), "ArrowLeft": (37, ""), "ArrowRight": (39, ""),
    "PageUp": (33, ""), "PageDown": (34, ""), "Home": (36, ""), "End": (35, ""),
}  # fmt: skip
WORLD = "agentai"


class Page:
    """One tab's page."""

    def __init__(self, browser: Browser, tab: Tab) -> None:
        self._browser = browser
        self._tab = tab
        self._frames_left = FRAMES_CAP

    def lines(self) -> list[str]:
        """The accessibility tree line by line, frames included."""
        self._frames_left = FRAMES_CAP
        frame = self._frame(self._tab.session, None)
        return lines(frame, self._browser.refs) if frame is not None else []

    def _frame(self, session: str, frame_id: str | None) -> Frame | None:
        if self._frames_left <= 0:
            return None
        self._frames_left -= 1
        params = {"frameId": frame_id} if frame_id else {}
        try:
            found = self._browser.call(
                "Accessibility.getFullAXTree", params, session=session, within_s=TREE_S
            )
        except CallFailed:
            if frame_id is None:
                raise
            return None  # the frame went away meanwhile
        return Frame(nodes=found["nodes"], session=session, inner=lambda n: self._inner(session, n))

    def _inner(self, session: str, node: int) -> Frame | None:
        try:
            found = self._browser.call("DOM.describeNode", {"backendNodeId": node}, session=session)
        except CallFailed:
            return None
        frame_id = found["node"].get("frameId")
        foreign = self._tab.frames.get(frame_id or "")
        if foreign is not None:
            return self._frame(foreign, None)
        return self._frame(session, frame_id) if frame_id else None

    # --- elements ---

    def place(self, ref: str) -> Place:
        """The element behind a reference. `BadCall` when it is gone."""
        found = self._browser.refs.place(ref)
        mine = {self._tab.session, *self._tab.frames.values()}
        if found is None or found.session not in mine:
            raise stale(ref)
        return found

    def run(self, ref: str, script: str, *arguments: object) -> Any:  # noqa: ANN401 - JSON
        """Runs a script on an element in a world of its own; its result."""
        place = self.place(ref)
        try:
            found = self._browser.call(
                "DOM.resolveNode",
                {"backendNodeId": place.node, "executionContextId": self._world(place)},
                session=place.session,
            )
        except CallFailed:
            raise stale(ref) from None
        answer = self._browser.call(
            "Runtime.callFunctionOn",
            {
                "functionDeclaration": script, "objectId": found["object"]["objectId"],
                "arguments": [{"value": value} for value in arguments], "returnByValue": True,
                "userGesture": True,
            },
            session=place.session,
        )  # fmt: skip
        if "exceptionDetails" in answer:
            raise BadCall(f"{ref} cannot be used that way")
        return answer["result"].get("value")

    def _world(self, place: Place) -> int:
        """A fresh world of scripts in the element's frame."""
        described = self._browser.call(
            "DOM.describeNode", {"backendNodeId": place.node}, session=place.session
        )
        frame = described["node"].get("frameId") or self._frame_of(place)
        made = self._browser.call(
            "Page.createIsolatedWorld",
            {"frameId": frame, "worldName": WORLD},
            session=place.session,
        )
        number: int = made["executionContextId"]
        return number

    def _frame_of(self, place: Place) -> str:
        for target, session in self._tab.frames.items():
            if session == place.session:
                return target
        return self._tab.target

    def click(self, ref: str, *, double: bool = False) -> None:
        """Clicks the middle of an element with the mouse. `BadCall` when something covers it."""
        place = self.place(ref)
        with contextlib.suppress(CallFailed):  # what has no box is told apart below
            self._browser.call(
                "DOM.scrollIntoViewIfNeeded", {"backendNodeId": place.node}, session=place.session
            )
        self._check_hit(ref)
        if place.session != self._tab.session:
            self.run(ref, scripts.CLICK)  # a foreign frame: its place in the window is not known
            return
        x, y = self._middle(ref, place)
        for count in (1, 2) if double else (1,):
            self._mouse("mouseMoved", x, y, 0)
            self._mouse("mousePressed", x, y, count)
            self._mouse("mouseReleased", x, y, count)

    def _check_hit(self, ref: str) -> None:
        found = self.run(ref, scripts.HIT)
        if found.get("gone"):
            raise stale(ref)
        if found.get("hidden"):
            raise BadCall(f"{ref} is not visible; something may have to be opened first")
        if above := found.get("above"):
            raise BadCall(f"{ref} is covered by {above!r}; close that first")

    def _middle(self, ref: str, place: Place) -> tuple[float, float]:
        try:
            found = self._browser.call(
                "DOM.getContentQuads", {"backendNodeId": place.node}, session=place.session
            )
        except CallFailed:
            raise BadCall(f"{ref} is not visible; something may have to be opened first") from None
        quads = [q for q in found["quads"] if q]
        if not quads:
            raise BadCall(f"{ref} is not visible; something may have to be opened first")
        quad = quads[0]
        return sum(quad[0::2]) / 4, sum(quad[1::2]) / 4

    def _mouse(self, kind: str, x: float, y: float, count: int) -> None:
        self._browser.call(
            "Input.dispatchMouseEvent",
            {
                "type": kind,
                "x": x,
                "y": y,
                "button": "left" if count else "none",
                "clickCount": count,
            },
            session=self._tab.session,
        )

    def type(self, ref: str, text: str, *, is_secret: bool = False) -> None:
        """Puts a text in the place of what is in a field."""
        place = self.place(ref)
        found = self.run(ref, scripts.READY, is_secret)
        if found.get("gone"):
            raise stale(ref)
        if found.get("locked"):
            raise BadCall(f"{ref} cannot be changed now")
        if wrong := found.get("wrong"):
            raise BadCall(f"{ref} takes no text, it is of kind {wrong}")
        if found.get("kind"):
            self._set(ref, text)
        elif text:
            self._browser.call("Input.insertText", {"text": text}, session=place.session)
            if not self.run(ref, scripts.HOLDS, text):
                self._set(ref, text)
        else:
            self.press("Delete", session=place.session)

    def _set(self, ref: str, text: str) -> None:
        if self.run(ref, scripts.SET, text) != text:
            raise BadCall(f"{ref} does not take {text!r}; dates are written YYYY-MM-DD")

    def press(self, key: str, *, session: str | None = None) -> None:
        """Presses a key in what has the focus."""
        if key not in KEYS:
            raise BadCall(f"key must be one of {', '.join(KEYS)}")
        code, text = KEYS[key]
        event = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self._browser.call(
                "Input.dispatchKeyEvent", {"type": kind, **event, **more},
                session=session or self._tab.session,
            )  # fmt: skip

    def select(self, ref: str, wanted: list[str]) -> None:
        """Chooses options of a list."""
        found = self.run(ref, scripts.SELECT, wanted)
        if found.get("wrong"):
            raise BadCall(f"{ref} is no list of options; click it instead")
        if found.get("locked"):
            raise BadCall(f"{ref} cannot be changed now")
        if missing := found.get("missing"):
            raise BadCall(f"{ref} has no option {missing[0]!r}; it has {found['all']}")

    def scroll(self, ref: str | None, amount: int) -> str:
        """Scrolls an element into view, or the page by so many screens; where it is then."""
        if ref is not None:
            place = self.place(ref)
            try:
                self._browser.call(
                    "DOM.scrollIntoViewIfNeeded", {"backendNodeId": place.node},
                    session=place.session,
                )  # fmt: skip
            except CallFailed:
                raise stale(ref) from None
            return f"{ref} is in view"
        step = f"scrollBy(0, {amount} * innerHeight * 0.9), {scripts.WHERE}"
        found = self._browser.call(
            "Runtime.evaluate",
            {"expression": step, "returnByValue": True},
            session=self._tab.session,
        )
        top, height, whole = found["result"].get("value") or (0, 0, 0)
        is_end = top + height >= whole - 2
        return "at the end of the page" if is_end else f"at {int(top)} of {int(whole)} pixels"

    def table(self, ref: str, cap: int) -> list[list[str]]:
        """The cells of a table, row by row."""
        found = self.run(ref, scripts.TABLE, cap)
        rows: list[list[str]] = found["rows"]
        if not rows:
            raise BadCall(f"{ref} is no table")
        return rows

    def picture(self, *, quality: int | None = None, whole: bool = False) -> str:
        """A picture of what is visible, in base64: JPEG with a quality, else PNG."""
        params: dict[str, Any] = {"format": "png", "captureBeyondViewport": whole}
        if quality is not None:
            params = {"format": "jpeg", "quality": quality, "optimizeForSpeed": True}
        if whole:
            size = self._browser.call("Page.getLayoutMetrics", session=self._tab.session)
            content = size["cssContentSize"]
            params["clip"] = {
                "x": 0, "y": 0, "width": content["width"], "height": min(content["height"], 8_000),
                "scale": 1,
            }  # fmt: skip
        found = self._browser.call("Page.captureScreenshot", params, session=self._tab.session)
        return str(found["data"])

    def put_files(self, ref: str, paths: list[str]) -> None:
        """Hands files to a field."""
        place = self.place(ref)
        try:
            self._browser.call(
                "DOM.setFileInputFiles", {"files": paths, "backendNodeId": place.node},
                session=place.session,
            )  # fmt: skip
        except CallFailed:
            raise BadCall(f"{ref} takes no files") from None


def stale(ref: str) -> BadCall:
    """The reference names nothing any more."""
    return BadCall(f"{ref} is not on the page any more; read the page again")
