"""The browser's tools for the model: their schemas, and running them.

Nothing a page can do makes a tool wait without end or raise anything but `BadCall`, the word for
the model. What a page says is data: it comes back framed and marked as somebody else's.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from executors.browser.files import address, as_csv, as_json, free_path, in_workspace, safe_name
from executors.browser.page import Page
from executors.browser.pipe import BrowserGone, CallFailed, TooSlow
from executors.browser.schemas import SCHEMAS
from executors.browser.tabs import Crashed, DialogOpen
from executors.browser.tree import page_text
from executors.worker import network
from executors.worker.tools import BadCall, as_data, text_argument

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from executors.browser.browser import Browser
    from executors.browser.tabs import Tab

OPEN_S = 30.0
SETTLE_S = 8.0
DOWNLOAD_S = 120.0
WAIT_CAP_S = 60
LOOK_S = 0.5
TEXT_CAP = 12_000
ROWS_CAP = 5_000
SHOWN_ROWS = 4_000
RESULTS_CAP = 8
HANGS = "The page did not answer in time, so it was closed. Open it again, or do it in another way."


class BrowserTools:
    """The tools of one task. `results` are files to hand over with its result."""

    schemas = SCHEMAS

    def __init__(self, browser: Browser, work: Path, secrets: Mapping[str, str]) -> None:
        self._browser = browser
        self._work = work
        self._secrets = secrets
        self.results: list[str] = []
        self._tools: dict[str, Callable[[dict[str, Any]], str]] = {
            "open_page": self._open, "read_page": self._read, "click": self._click,
            "type_text": self._type, "type_secret": self._type_secret, "press_key": self._press,
            "select_option": self._select, "scroll": self._scroll, "wait": self._wait,
            "tabs": self._tabs, "dialog": self._dialog, "download": self._download,
            "upload": self._upload, "screenshot": self._screenshot, "extract_table": self._table,
        }  # fmt: skip

    def has(self, name: str) -> bool:
        """Whether it is a tool of the browser."""
        return name in self._tools

    def run(self, name: str, arguments: dict[str, Any]) -> str:
        """Runs a tool; raises nothing but `BadCall` (and what ends the worker)."""
        refusal = network.last_refusal()
        self._browser.notice()
        self._browser.allow_into(self._work / ".downloads")
        try:
            text = self._tools[name](arguments)
        except (BrowserGone, Crashed, TooSlow, DialogOpen, CallFailed) as error:
            text = self._mishap(error)
        notes = [*self._browser.notes, *self._browser.dialog_notes()]
        self._browser.notes.clear()
        said = "\n".join(
            text for text in (text, *(as_data(n, "the browser") for n in notes)) if text
        )
        return network.with_refusals(said, after=refusal)

    def _mishap(self, error: Exception) -> str:
        match error:
            case BrowserGone():
                return "error: The browser crashed. The next action starts it again; tabs are gone."
            case Crashed():
                self._browser.ensure()
                return "error: The page crashed while this was done; look at what came of it."
            case TooSlow():
                self._give_up()
                return f"error: {error} {HANGS}"
            case DialogOpen():
                return "stopped by a question of the page"
            case _:
                return f"error: the browser says: {str(error)[:300]}"

    def _give_up(self) -> None:
        """Ends a page that hangs; a browser that does not even do that is started anew."""
        tab = self._browser.tabs.get(self._browser.current)
        try:
            if tab is not None:
                self._browser.new_tab()
                self._browser.close_tab(tab)
        except (TooSlow, BrowserGone, CallFailed, BadCall):
            self._browser.stop()

    def _page(self) -> tuple[Tab, Page]:
        tab = self._browser.ensure()
        if tab.dialog is not None:
            raise DialogOpen
        return tab, Page(self._browser, tab)

    # --- looking ---

    def _open(self, arguments: dict[str, Any]) -> str:
        url = address(text_argument(arguments, "url"))
        tab, _ = self._page()
        tab.url = url  # so that a page which crashes at once is opened again
        found = self._browser.call(
            "Page.navigate", {"url": url}, session=tab.session, within_s=OPEN_S
        )
        if found.get("isDownload"):
            return self._fetched()
        if error := found.get("errorText"):
            return f"error: the page cannot be opened: {error}"
        return self._after("opened", within_s=OPEN_S)

    def _after(self, done: str, *, within_s: float = SETTLE_S) -> str:
        """What the page looks like once an action's work is done."""
        tab = self._browser.tabs.get(self._browser.current)
        if tab is not None and not tab.is_loading:
            self._browser.let_react(tab)
        is_quiet = tab is None or self._browser.settle(tab, within_s)
        tab, page = self._page()
        note = "" if is_quiet else " (still loading)"
        return f"{done}{note}\n{self._shown(tab, page, cap=TEXT_CAP // 3)}"

    def _shown(self, tab: Tab, page: Page, *, cap: int, start: int = 0, find: str = "") -> str:
        text = page_text(page.lines(), start=start, cap=cap, find=find)
        return as_data(f"address: {tab.url}\n{text}", "the page")

    def _read(self, arguments: dict[str, Any]) -> str:
        """Reading changes nothing: a page that crashes meanwhile is opened and read again."""
        try:
            return self._read_once(arguments)
        except Crashed:
            return self._read_once(arguments)

    def _read_once(self, arguments: dict[str, Any]) -> str:
        start = number(arguments, "start", 0, most=1_000_000)
        tab, page = self._page()
        find = text_argument(arguments, "find", "")
        return self._shown(tab, page, cap=TEXT_CAP, start=start, find=find)

    def _scroll(self, arguments: dict[str, Any]) -> str:
        ref = text_argument(arguments, "ref", "") or None
        amount = number(arguments, "screens", 1, least=-50, most=50)
        tab, page = self._page()
        where = page.scroll(ref, amount)
        self._browser.settle(tab, 2.0)
        return where

    def _wait(self, arguments: dict[str, Any]) -> str:
        seconds = number(arguments, "seconds", 5, most=WAIT_CAP_S)
        wanted = text_argument(arguments, "text", "")
        _, page = self._page()
        if not wanted:
            self._browser.pause(seconds)
            return self._after("waited")
        found = self._appears(page, wanted, seconds)
        return self._after("it is there" if found else f"error: {wanted!r} did not appear")

    def _appears(self, page: Page, wanted: str, seconds: float) -> bool:
        looks = max(1, int(seconds / LOOK_S))
        for _ in range(looks):
            if any(wanted in line for line in page.lines()):
                return True
            self._browser.pause(LOOK_S)
        return False

    def _screenshot(self, arguments: dict[str, Any]) -> str:
        _, page = self._page()
        picture = base64.b64decode(page.picture(whole=bool(arguments.get("whole_page"))))
        path = free_path(self._work, safe_name(text_argument(arguments, "name", "page.png")))
        path = path if path.suffix == ".png" else free_path(self._work, f"{path.name}.png")
        path.write_bytes(picture)
        if len(self.results) < RESULTS_CAP:
            self.results.append(path.name)
        return f"saved as {path.name}; it is handed over with the result"

    def _table(self, arguments: dict[str, Any]) -> str:
        kind = text_argument(arguments, "format", "csv")
        if kind not in {"csv", "json"}:
            raise BadCall("format must be csv or json")
        _, page = self._page()
        rows = page.table(text_argument(arguments, "ref"), ROWS_CAP)
        text = as_csv(rows) if kind == "csv" else as_json(rows)
        saved = ""
        if name := text_argument(arguments, "save_as", ""):
            path = free_path(self._work, safe_name(name))
            path.write_text(text, encoding="utf-8")
            saved = f"saved as {path.name}; "
        return f"{saved}{len(rows)} rows\n{as_data(text[:SHOWN_ROWS], 'the table')}"

    # --- acting ---

    def _click(self, arguments: dict[str, Any]) -> str:
        _, page = self._page()
        page.click(text_argument(arguments, "ref"), double=bool(arguments.get("double")))
        return self._after("clicked")

    def _type(self, arguments: dict[str, Any]) -> str:
        _, page = self._page()
        page.type(text_argument(arguments, "ref"), text_argument(arguments, "text", ""))
        return self._entered(page, arguments, "typed")

    def _type_secret(self, arguments: dict[str, Any]) -> str:
        name = text_argument(arguments, "name")
        if name not in self._secrets:
            known = ", ".join(self._secrets) or "none"
            raise BadCall(f"there is no secret {name!r}; there are: {known}")
        _, page = self._page()
        page.type(text_argument(arguments, "ref"), self._secrets[name], is_secret=True)
        return self._entered(page, arguments, "a stand-in was typed")

    def _entered(self, page: Page, arguments: dict[str, Any], done: str) -> str:
        if arguments.get("submit"):
            page.press("Enter")
            return self._after(f"{done}, Enter pressed")
        tab = self._browser.tabs.get(self._browser.current)
        if tab is not None:
            self._browser.settle(tab, 2.0)
        return done

    def _press(self, arguments: dict[str, Any]) -> str:
        _, page = self._page()
        page.press(text_argument(arguments, "key"))
        return self._after("pressed")

    def _select(self, arguments: dict[str, Any]) -> str:
        wanted = arguments.get("options")
        if (
            not isinstance(wanted, list)
            or not wanted
            or not all(isinstance(w, str) for w in wanted)
        ):
            raise BadCall("options must be a list of texts")
        _, page = self._page()
        page.select(text_argument(arguments, "ref"), wanted)
        return self._after("selected")

    def _tabs(self, arguments: dict[str, Any]) -> str:
        action = text_argument(arguments, "action", "list")
        self._browser.ensure()
        if action == "new":
            self._browser.new_tab()
        elif action in {"switch", "close"}:
            wanted = self._browser.tabs.get(number(arguments, "tab", 0, most=100_000))
            if wanted is None:
                raise BadCall("there is no such tab")
            if action == "switch":
                self._browser.current = wanted.number
            else:
                self._browser.close_tab(wanted)
        elif action != "list":
            raise BadCall("action must be list, new, switch or close")
        if not self._browser.tabs:
            self._browser.new_tab()
        return as_data("\n".join(self._listed()), "the browser")

    def _listed(self) -> list[str]:
        return [
            f"{'* ' if tab.number == self._browser.current else '  '}{tab.number}: {tab.url[:300]}"
            for tab in self._browser.tabs.values()
        ]

    def _dialog(self, arguments: dict[str, Any]) -> str:
        tab = self._browser.ensure()
        if tab.dialog is None:
            raise BadCall("the page shows no question")
        params: dict[str, Any] = {"accept": bool(arguments.get("accept"))}
        if text := text_argument(arguments, "text", ""):
            params["promptText"] = text
        session, tab.dialog = tab.dialog["session"], None
        self._browser.call("Page.handleJavaScriptDialog", params, session=session)
        return self._after("answered")

    # --- files ---

    def _download(self, arguments: dict[str, Any]) -> str:
        tab, page = self._page()
        if ref := text_argument(arguments, "ref", ""):
            page.click(ref)
            return self._fetched()
        url = address(text_argument(arguments, "url"))
        found = self._browser.call(
            "Page.navigate", {"url": url}, session=tab.session, within_s=OPEN_S
        )
        if not found.get("isDownload"):
            return self._after("that is a page and no download; it was opened")
        return self._fetched()

    def _fetched(self) -> str:
        """Waits for the newest download and brings it into the workspace."""
        known = self._browser.downloading
        if not self._browser.until(lambda: bool(known), SETTLE_S):
            return self._after("error: no download began")
        guid, found = next(reversed(known.items()))
        self._browser.until(lambda: found["state"] != "inProgress", DOWNLOAD_S)
        del known[guid]
        if found["state"] != "completed":
            self._browser.quietly("Browser.cancelDownload", {"guid": guid})
            return "error: the download did not finish"
        path = free_path(self._work, safe_name(found["name"]))
        (self._work / ".downloads" / guid).rename(path)
        shown = as_data(found["name"], "the page") if found["name"] != path.name else ""
        return f"saved as {path.name} ({path.stat().st_size} bytes)\n{shown}".strip()

    def _upload(self, arguments: dict[str, Any]) -> str:
        names = arguments.get("files")
        if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
            raise BadCall("files must be a list of names")
        paths = [str(in_workspace(self._work, name)) for name in names]
        _, page = self._page()
        page.put_files(text_argument(arguments, "ref"), paths)
        return self._after("handed to the page; nothing was sent yet unless it did so by itself")


def number(arguments: dict[str, Any], name: str, default: int, *, least: int = 0, most: int) -> int:
    """A whole number out of the arguments of a call, within bounds."""
    value = arguments.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise BadCall(f"{name} must be a number")
    return max(least, min(most, int(value)))
