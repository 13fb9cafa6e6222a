"""`agentai playground`: the real process, its files, its beat and its end."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from playground.main import page_key
from tests.integration.playground.conftest import OWNER, TOKEN
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]


class Running:
    """One process at a time, in one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process: subprocess.Popen[bytes] | None = None
        self._said = b""
        self._beat = -1

    def start(self, **more: str) -> None:
        self._said = b""
        self._beat, write = os.pipe()
        os.set_blocking(self._beat, False)
        env = {
            "PATH": os.environ["PATH"], "TELEGRAM_BOT_TOKEN": TOKEN, "AGENTAI_HOME": str(self.home),
            "AGENTAI_OWNER_ID": str(OWNER), "AGENTAI_BEAT_FD": str(write), **more,
        }  # fmt: skip
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agentai.cli", "playground"], env=env, cwd=ROOT,
                pass_fds=[write], stdout=log, stderr=log,
            )  # fmt: skip
        os.close(write)

    def said(self) -> list[str]:
        try:
            while more := os.read(self._beat, 65536):
                self._said += more
        except BlockingIOError:
            pass
        return self._said.decode().splitlines()

    def chat_url(self) -> str:
        until(lambda: "ready playground" in self.said(), within_s=30, what="the start")
        return next(line[10:] for line in self.said() if line.startswith("say chat: "))

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(timeout=20)
        os.close(self._beat)
        self.process = None
        return code


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path)
    yield made
    if made.process is not None:
        made.end(signal.SIGKILL)


def test_the_chat_survives_a_restart_under_the_same_address(running: Running) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    running.start(PLAYGROUND_PORT=port)
    url = running.chat_url()
    assert httpx.post(f"{url}api/send", json={"text": "keep this"}).is_success
    assert running.end() == 0
    running.start(PLAYGROUND_PORT=port)
    assert running.chat_url() == url
    found = httpx.get(f"{url}api/state").json()
    assert found["me"]["id"] == OWNER
    assert [m["text"] for m in found["messages"]] == ["keep this"]
    until(lambda: running.said().count("alive") >= 2, what="signs of life")


def test_it_ends_within_a_second_while_a_page_and_a_poll_are_open(running: Running) -> None:
    running.start()
    url = running.chat_url()
    poll = url.rsplit("/", 2)[0] + f"/bot{TOKEN}/getUpdates"
    with httpx.Client(timeout=20) as client, client.stream("GET", f"{url}api/events") as events:
        next(events.iter_lines())
        poller = subprocess.Popen(
            [sys.executable, "-c", f"import urllib.request as u; u.urlopen('{poll}?timeout=20')"],
            stderr=subprocess.DEVNULL,
        )
        httpx.post(f"{url}api/send", json={"text": "the last words"})
        assert running.process is not None
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(timeout=1.5) == 0
        poller.wait(timeout=10)
    running.start()
    found = httpx.get(f"{running.chat_url()}api/state").json()
    assert [m["text"] for m in found["messages"]] == ["the last words"]


def test_files_are_the_owners_only_and_logs_hold_no_secret(running: Running) -> None:
    running.start()
    url = running.chat_url()
    httpx.post(f"{url}api/send", json={"text": "private words"})
    httpx.post(f"{url}api/send", content=b"{")
    running.end()
    folder = running.home / "playground"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    log = (running.home / "log").read_text()
    for secret in (TOKEN, url.rsplit("/", 2)[1], "private words"):
        assert secret not in log


def test_a_port_in_use_is_one_clear_line(running: Running) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        running.start(PLAYGROUND_PORT=str(port))
        assert running.process is not None
        assert running.process.wait(timeout=20) == 2
    log = (running.home / "log").read_text()
    assert log.strip() == (
        f"setting PLAYGROUND_PORT: {port} cannot be used: Address already in use; "
        "choose another, or leave it out for a free one"
    )


def test_a_chat_that_cannot_be_read_is_set_aside(running: Running) -> None:
    folder = running.home / "playground"
    folder.mkdir()
    (folder / "chat.sqlite3").write_bytes(b"this is no database, it only looks like a file" * 50)
    running.start()
    assert httpx.get(f"{running.chat_url()}api/state").json()["messages"] == []
    assert (folder / "chat.sqlite3.unreadable").read_bytes().startswith(b"this is no database")


@pytest.mark.parametrize("left", [b"", b"\xff\xfe", b"abc", b"A" * 32])
def test_a_file_that_holds_no_key_is_replaced(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "key").write_bytes(left)
    (tmp_path / "key.new").write_bytes(b"left by a kill")
    key = page_key(tmp_path)
    assert len(key) == 32
    assert page_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
