"""Reading pages, and noticing that they changed; against a server on this machine."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.unit.skills.builtin.script import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = """<!doctype html><html><head><title>Lamp &amp; Co</title><style>p{}</style></head>
<body><nav>Menu</nav><h1>Lamps</h1><script>steal()</script>
<p>Price: 20 euro</p><ul><li>Red lamp<li>Blue lamp</ul>
<p>Seen 17 times. <a href="/more">More lamps</a>
<a href="javascript:x()">no</a></p></body></html>"""


class Served(BaseHTTPRequestHandler):
    page = PAGE

    def do_GET(self) -> None:
        is_there = self.path == "/"
        self.send_response(200 if is_there else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.page.encode() if is_there else b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Served)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()
    Served.page = PAGE


def test_a_page_is_read_as_text_with_its_links(address: str, tmp_path: Path) -> None:
    out = run("web-research/page.py", address, "--links", cwd=tmp_path)
    assert out.startswith("Title: Lamp & Co\nFrom: http")
    assert "# Lamps" in out
    assert "- Red lamp" in out
    assert "Price: 20 euro" in out
    assert "steal" not in out
    assert "Menu" not in out
    assert f"- More lamps: {address}more" in out
    assert "javascript" not in out


def test_a_page_that_is_not_there_is_told(address: str, tmp_path: Path) -> None:
    for script in ("web-research/page.py", "website-watch/watch.py"):
        more = [tmp_path] if "watch" in script else []
        assert "404" in run(script, f"{address}none", *more, cwd=tmp_path, code=1)
        assert "cannot be read" in run(script, "none.html", *more, cwd=tmp_path, code=1)


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe\0", b"<" * 5000, b"</p></x>", b"charset=nope \xe9"]
)
def test_no_page_is_too_odd(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes(raw)
    run("web-research/page.py", "a.html", cwd=tmp_path)
    run("website-watch/watch.py", "a.html", "state", cwd=tmp_path)


def watch(address: str, cwd: Path, *options: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        run("website-watch/watch.py", address, "state", *options, cwd=cwd)
    )
    return found


def test_only_what_changed_is_told_and_figures_only_when_asked(
    address: str, tmp_path: Path
) -> None:
    assert watch(address, tmp_path) == {"first": True, "changed": False, "added": [], "removed": []}
    Served.page = PAGE.replace("17 times", "18 times").replace("20 euro", "25 euro")
    assert watch(address, tmp_path)["changed"] is False
    figures = watch(address, tmp_path, "--figures")
    assert "Price: 25 euro" in figures["added"]  # type: ignore[operator]
    assert "Price: 20 euro" in figures["removed"]  # type: ignore[operator]
    Served.page = Served.page.replace("Blue lamp", "Green lamp")
    found = watch(address, tmp_path)
    assert (found["added"], found["removed"]) == (["Green lamp"], ["Blue lamp"])
    assert watch(address, tmp_path)["changed"] is False


def test_only_lines_with_the_word_count(address: str, tmp_path: Path) -> None:
    watch(address, tmp_path, "--match", "blue")
    Served.page = PAGE.replace("Red", "Pink")
    assert watch(address, tmp_path, "--match", "blue")["changed"] is False
