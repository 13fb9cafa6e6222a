"""The file of used tickets: it only grows, outlives the process and a torn line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from core.approvals.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path


def test_a_ticket_is_used_once_also_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = Ledger(path)
    assert [ledger.use(one) for one in ("1:0:a", "1:1:a", "1:0:a", "1:1:a")] == [
        True, True, False, False,
    ]  # fmt: skip
    again = Ledger(path)
    assert [again.use(one) for one in ("1:1:a", "1:0:a", "2:0:a")] == [False, False, True]
    assert path.read_bytes() == b"1:0:a\n1:1:a\n2:0:a\n"


def test_a_ledger_reads_its_file_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = Ledger(path)
    assert ledger.use("a")
    path.unlink()
    assert not ledger.use("a")
    assert not path.exists()


def test_the_file_and_its_folder_are_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "ledger"
    before = os.umask(0)
    try:
        assert Ledger(path).use("a")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o7777 == 0o600
    assert path.parent.stat().st_mode & 0o7777 == 0o700


def test_a_torn_line_is_ended_so_that_the_next_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_bytes(b"a\nb-to")
    ledger = Ledger(path)
    assert [ledger.use(one) for one in ("a", "b-torn", "b-to", "c")] == [False, True, False, True]
    assert path.read_bytes() == b"a\nb-to\nb-torn\nc\n"


def test_a_file_that_is_whole_or_empty_gets_no_empty_line(tmp_path: Path) -> None:
    whole, empty = tmp_path / "whole", tmp_path / "empty"
    whole.write_bytes(b"a\n")
    assert not Ledger(whole).use("a")
    assert Ledger(empty).use("a")
    assert (whole.read_bytes(), empty.read_bytes()) == (b"a\n", b"a\n")


def test_bytes_that_a_crash_left_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_bytes(b"a\n\xff\x00\nb\n")
    assert [Ledger(path).use(one) for one in ("a", "b", "c")] == [False, False, True]


def test_a_ticket_is_plain_text(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        Ledger(tmp_path / "ledger").use("é")


def test_a_ticket_is_on_disk_before_it_counts_as_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger"
    synced: list[bytes] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        synced.append(path.read_bytes())

    monkeypatch.setattr(os, "fsync", fsync)
    assert Ledger(path).use("a")
    assert synced == [b"a\n"]
