from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agentai.logs import LogFile, is_worth_showing

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("2026-11-21 04:37:15 WARNING bot.poll Telegram is away", True),
        ("2026-11-21 04:37:15.654 UTC FATAL:  the data is damaged", True),
        ("2026-11-21 04:37:15.654 UTC FATAL:  the database system is starting up", False),
        ("2026-11-21 04:37:15.654 UTC FATAL:  the database system is in recovery mode", True),
        ("2026-11-21 04:37:15.654 UTC FATAL:  the database system is shutting down", True),
        ("30767:M 21 Nov # WARNING Memory overcommit must be enabled!", False),
        ("Traceback (most recent call last):", True),
        ("2026-11-21 04:37:15 INFO serve started", False),
        ("2026-11-21 04:37:15 INFO " + "x" * 120 + " ERROR", False),
        ("ERRORS are not the word", False),
    ],
)
def test_only_warnings_and_worse_are_shown(line: str, shown: bool) -> None:
    assert is_worth_showing(line) is shown


def test_lines_split_between_writes_are_put_together(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "a.log")
    assert log.write(b"INFO fine\nWARN") == ()
    assert log.write(b"ING bad\n") == ("WARNING bad",)
    log.write(b"the last words")
    log.finish()
    assert log.last_line == "the last words"
    log.close()
    assert (tmp_path / "a.log").read_bytes() == b"INFO fine\nWARNING bad\nthe last words\n"


def test_a_log_never_grows_past_its_bound(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "a.log", largest=6400)
    for _ in range(400):
        log.write(b"x" * 99 + b"\n")
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.log", "a.log.1"]
    assert all(path.stat().st_size <= 6600 for path in tmp_path.iterdir())
